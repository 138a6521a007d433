"""Interpolation with the probed pre-trained model, against trainings of lp-ft that give its two ends."""

import pytest
import torch
from best_epoch import BEST_EPOCH, STEPS_AN_EPOCH, best_checkpoint, logged_loss_of_best_epoch, trained_with_best_epoch
from pydantic import ValidationError
from test_trainer import SeparableTexts, arguments, assert_equal_weights, weights
from transformers import set_seed

from methods import MethodTrainer, compose, methods

WiseFt = methods["wise-ft"]
PROBING = {"probing_epochs": 2, "probing_learning_rate": 0.05}


def run(tiny_model, folder, method, **changes):
    model = tiny_model("bert", hidden_dropout_prob=0.1).double()
    set_seed(3)
    MethodTrainer(model=model, args=arguments(folder, **changes), train_dataset=SeparableTexts(), method=method).train()
    return weights(model)


@pytest.fixture
def ends(tiny_model, tmp_path):
    """The probed pre-trained weights and those fine-tuned from there."""
    probed = run(tiny_model, tmp_path, methods["lp-ft"](**PROBING), learning_rate=0.0)
    return probed, run(tiny_model, tmp_path, methods["lp-ft"](**PROBING))


@pytest.mark.parametrize("alpha", [0.3, 0.5])
def test_every_weight_is_interpolated(tiny_model, tmp_path, ends, alpha):
    start, tuned = ends
    found = run(tiny_model, tmp_path, WiseFt(interpolation_weight=alpha, **PROBING))
    for name in found:
        torch.testing.assert_close(found[name], (1 - alpha) * start[name] + alpha * tuned[name], rtol=0, atol=1e-12)
    assert not torch.allclose(start["classifier.weight"], tuned["classifier.weight"])


@pytest.mark.parametrize(("alpha", "end"), [(0.0, 0), (1.0, 1)])
def test_its_ends_are_the_probed_and_the_fine_tuned_model_to_the_bit(tiny_model, tmp_path, ends, alpha, end):
    assert_equal_weights(run(tiny_model, tmp_path, WiseFt(interpolation_weight=alpha, **PROBING)), ends[end])


def test_the_kept_epoch_is_interpolated_once(tiny_model, tmp_path, ends):
    trainer = trained_with_best_epoch(
        tiny_model("bert").double(), tmp_path / "wise", WiseFt(interpolation_weight=0.25, **PROBING)
    )
    tuned, found = best_checkpoint(trainer), weights(trainer.model)
    probed = tiny_model("bert").double()
    set_seed(3)
    MethodTrainer(
        model=probed,
        args=arguments(tmp_path, learning_rate=0.0, max_steps=1),
        train_dataset=SeparableTexts(),
        method=methods["lp-ft"](**PROBING),
    ).train()
    for name, start in weights(probed).items():
        torch.testing.assert_close(found[name], 0.75 * start + 0.25 * tuned[name], rtol=0, atol=1e-12)
    assert trainer.state.best_global_step == BEST_EPOCH * STEPS_AN_EPOCH < trainer.state.global_step

    assert trainer.evaluate()["eval_loss"] == pytest.approx(logged_loss_of_best_epoch(trainer), abs=1e-6)
    assert_equal_weights(found, weights(trainer.model))


def test_averaged_weights_are_interpolated_in_either_order(tiny_model, tmp_path):
    """With decay 0 the average is the last weights, so averaging must change nothing."""
    alone = run(tiny_model, tmp_path, WiseFt(**PROBING))
    for bases in ((WiseFt, methods["ema"]), (methods["ema"], WiseFt)):
        both = type("Both", bases, {"__doc__": "Both."})(ema_decay=0.0, **PROBING)
        assert_equal_weights(run(tiny_model, tmp_path, both), alone)


def test_adapters_are_refused(tiny_model, tmp_path):
    trainer = MethodTrainer(
        model=tiny_model("bert"),
        args=arguments(tmp_path),
        train_dataset=SeparableTexts(),
        method=compose("lora", "wise-ft")(probing_epochs=0),
    )
    with pytest.raises(ValueError, match="leave lora out"):
        trainer.train()


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_out_of_range_is_refused(value):
    with pytest.raises(ValidationError, match="interpolation_weight"):
        WiseFt(interpolation_weight=value)
