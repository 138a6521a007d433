"""The moving average against a loop over its formula."""

import pytest
import torch
from best_epoch import best_checkpoint, logged_loss_of_best_epoch, trained_with_best_epoch
from pydantic import ValidationError
from test_trainer import SeparableTexts, arguments, assert_equal_weights, trained, weights
from transformers import TrainerCallback, set_seed

from methods import MethodTrainer, methods

Ema = methods["ema"]


class WeightsSeen(TrainerCallback):
    """The weights being trained, after each step."""

    def __init__(self):
        self.steps = []

    def on_step_end(self, args, state, control, model=None, **_):
        self.steps.append(weights(model))


def naive_average(steps, decay):
    averages, average = [], steps[0]
    for count, step in enumerate(steps, start=1):
        kept = min(decay, 1 - 1 / count)
        average = {name: kept * average[name] + (1 - kept) * step[name] for name in step}
        averages.append(average)
    return averages


def watched(tiny_model, folder, method, **changes):
    model = tiny_model("bert", hidden_dropout_prob=0.1).double()
    set_seed(3)
    seen = WeightsSeen()
    trainer = MethodTrainer(
        model=model,
        args=arguments(folder, **changes),
        train_dataset=SeparableTexts(),
        method=method,
        callbacks=[seen],
    )
    trainer.train()
    return weights(trainer.model), seen.steps


def assert_close(one, other, tolerance=1e-12):
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=tolerance)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_kept_weights_equal_the_naive_average(tiny_model, tmp_path, decay):
    found, steps = watched(tiny_model, tmp_path, Ema(ema_decay=decay))
    assert len(steps) == 12
    assert_close(found, naive_average(steps, decay)[-1])
    assert not torch.allclose(found["classifier.weight"], steps[-1]["classifier.weight"])


def test_decay_one_is_the_plain_average(tiny_model, tmp_path):
    found, steps = watched(tiny_model, tmp_path, Ema(ema_decay=1.0))
    assert_close(found, {name: sum(step[name] for step in steps) / 12 for name in found})


def test_late_start_averages_the_last_steps_alone(tiny_model, tmp_path):
    found, steps = watched(tiny_model, tmp_path, Ema(ema_decay=1.0, ema_start=0.75))
    assert_close(found, {name: sum(step[name] for step in steps[-3:]) / 3 for name in found})


def test_decay_zero_is_vanilla_to_the_bit(tiny_model, tmp_path):
    found, _ = watched(tiny_model, tmp_path, Ema(ema_decay=0.0))
    plain, _ = watched(tiny_model, tmp_path, methods["vanilla"]())
    assert_equal_weights(found, plain)


def test_training_goes_on_from_the_raw_weights_though_the_average_is_evaluated(tiny_model, tmp_path):
    method = Ema(ema_decay=0.9)
    seen = {}
    evaluated_weights = method.evaluated_weights

    def watch(model):
        seen["raw"] = weights(model)
        with evaluated_weights(model):
            seen["evaluated"] = weights(model)
        return evaluated_weights(model)

    method.evaluated_weights = watch
    model = tiny_model("bert").double()
    set_seed(3)
    steps = WeightsSeen()
    trainer = MethodTrainer(
        model=model,
        args=arguments(tmp_path, eval_strategy="steps", eval_steps=6),
        train_dataset=SeparableTexts(),
        eval_dataset=SeparableTexts(8),
        method=method,
        callbacks=[steps],
    )
    trainer.train()
    assert_equal_weights(seen["raw"], steps.steps[-1])
    assert_close(seen["evaluated"], naive_average(steps.steps, 0.9)[-1])

    set_seed(3)
    plain = tiny_model("bert").double()
    set_seed(3)
    vanilla_steps = WeightsSeen()
    MethodTrainer(
        model=plain,
        args=arguments(tmp_path),
        train_dataset=SeparableTexts(),
        method=methods["vanilla"](),
        callbacks=[vanilla_steps],
    ).train()
    assert_equal_weights(steps.steps[-1], vanilla_steps.steps[-1])


def test_the_kept_epochs_average_is_left_in_the_model(tiny_model, tmp_path):
    steps = WeightsSeen()
    trainer = trained_with_best_epoch(tiny_model("bert").double(), tmp_path, Ema(ema_decay=0.9), callbacks=[steps])
    found = weights(trainer.model)
    assert_close(found, naive_average(steps.steps, 0.9)[11])
    assert_equal_weights(best_checkpoint(trainer), steps.steps[11])
    assert trainer.evaluate()["eval_loss"] == pytest.approx(logged_loss_of_best_epoch(trainer), abs=1e-6)
    assert_equal_weights(found, weights(trainer.model))


def test_frozen_weights_are_not_averaged(tiny_model, tmp_path):
    model = tiny_model("bert")
    model.bert.embeddings.requires_grad_(False)
    method = Ema()
    saving = {"save_strategy": "steps", "save_steps": 4}
    MethodTrainer(
        model=model, args=arguments(tmp_path, **saving), train_dataset=SeparableTexts(), method=method
    ).train()
    state = torch.load(tmp_path / "checkpoint-4" / "method_state.pt", weights_only=True)
    assert state["ema_averaged_steps"] == 4
    assert state["ema_average"].keys() == {name for name, p in model.named_parameters() if p.requires_grad}


def test_it_combines_with_masks_drawn_for_gradients(tiny_model, tmp_path):
    class Both(Ema, methods["roast-selective"]):
        """Both."""

    trainer = trained(tiny_model, tmp_path, Both(alpha=0.5, beta=1.0))
    assert trainer.method.report()["kept_fraction"]


@pytest.mark.parametrize("values", [{"ema_decay": 1.1}, {"ema_decay": -0.1}, {"ema_start": 1.0}, {"ema_start": -0.5}])
def test_out_of_range_is_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        Ema(**values)
