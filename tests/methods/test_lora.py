"""Low-rank factors against the plain model with their product written into its weights."""

import sys

import pytest
import torch
from best_epoch import best_checkpoint, logged_loss_of_best_epoch, trained_with_best_epoch
from plain_run import PlainRun
from pydantic import ValidationError
from test_trainer import SeparableTexts, arguments, assert_equal_weights, trained, weights
from tiny_architectures import tiny_configurations

from methods import MethodTrainer, methods
from methods.architecture import head_parameters

Lora = methods["lora"]
ADAPTED = {
    "albert": 2,
    "bert": 4,
    "deberta-v2": 4,
    "distilbert": 4,
    "electra": 4,
    "gpt2": 2,
    "modernbert": 2,
    "roberta": 4,
    "xlnet": 4,
}
"""Adapted layers of the tiny models: two in each of their two blocks (ALBERT's are shared), one where all are one."""


def adapted(model, method, spread=0.3):
    """Prepared, with factors that are not zero."""
    method.prepare_model(model)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return model


def naive_merge(state, scale, transposed=False):
    """Plain weights from the tensors of an adapted model."""
    merged = {}
    for name, value in state.items():
        if "lora_" in name:
            continue
        plain = name.replace(".base_layer", "")
        merged[plain] = value
        if ".base_layer.weight" in name:
            stem = name.removesuffix(".base_layer.weight")
            product = state[f"{stem}.lora_B.default.weight"] @ state[f"{stem}.lora_A.default.weight"]
            merged[plain] = value + scale * (product.T if transposed else product)
    return merged


def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch):
    """By the chain rule from the gradient G of W + s·B·A: that of B is s·G·Aᵀ, that of A is s·Bᵀ·G."""
    method = Lora(lora_rank=3, lora_alpha=12)
    model = adapted(tiny_model("bert").double(), method)
    found = method.backward(PlainRun(model), model, batch)

    plain = tiny_model("bert").double()
    plain.load_state_dict(naive_merge(weights(model), scale=4.0))
    expected = plain(**batch).loss
    expected.backward()
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-12)
    full = {name: parameter.grad for name, parameter in plain.named_parameters()}
    state = weights(model)
    factors = 0
    for name, parameter in model.named_parameters():
        stem, _, factor = name.partition(".lora_")
        if factor.startswith("A"):
            expected_gradient = 4.0 * state[f"{stem}.lora_B.default.weight"].T @ full[f"{stem}.weight"]
        elif factor.startswith("B"):
            expected_gradient = 4.0 * full[f"{stem}.weight"] @ state[f"{stem}.lora_A.default.weight"].T
        elif name.startswith("classifier"):
            expected_gradient = full[name]
        else:
            assert parameter.grad is None, name
            continue
        factors += 1
        torch.testing.assert_close(parameter.grad, expected_gradient, rtol=0, atol=1e-10)
    assert factors == 2 * 4 + 2


def test_it_starts_as_the_given_model(tiny_model, batch):
    model = tiny_model("bert").double()
    before = model(**batch).logits
    Lora().prepare_model(model)
    torch.testing.assert_close(model(**batch).logits, before, rtol=0, atol=1e-14)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_is_adapted_trained_and_put_back(tiny_model, batch, architecture):
    model = tiny_model(architecture).double()
    names, classes = list(model.state_dict()), [type(module) for module in model.modules()]
    head = head_parameters(model).keys()
    method = Lora(lora_rank=2)
    adapted(model, method)
    state = weights(model)
    assert sum("lora_A" in name for name in state) == ADAPTED[architecture]
    loss = method.backward(PlainRun(model), model, batch)
    assert torch.isfinite(loss)
    for name, parameter in model.named_parameters():
        if "lora_" in name or name in head:
            assert torch.isfinite(parameter.grad).all(), name
        else:
            assert parameter.grad is None, name
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    before = model.eval()(**inputs).logits

    method.finish(PlainRun(model))
    assert list(model.state_dict()) == names
    assert [type(module) for module in model.modules()] == classes
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not hasattr(model, "peft_config")
    torch.testing.assert_close(model(**inputs).logits, before, rtol=0, atol=1e-10)
    expected = naive_merge(state, scale=4.0, transposed=architecture == "gpt2")
    for name, value in weights(model).items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-12)


def test_adapted_are_query_and_value_of_each_block_and_what_is_asked_for(tiny_model):
    model = tiny_model("roberta")
    Lora().prepare_model(model)
    assert {name for name in model.state_dict() if "lora_A" in name} == {
        f"roberta.encoder.layer.{block}.attention.self.{layer}.lora_A.default.weight"
        for block in (0, 1)
        for layer in ("query", "value")
    }
    model = tiny_model("roberta")
    Lora(lora_targets=["dense"]).prepare_model(model)
    # The head has a layer of that name too: only the blocks are adapted.
    assert sum("lora_A" in name for name in model.state_dict()) == 2 * 3
    assert type(model.classifier.dense) is torch.nn.Linear


def test_training_moves_what_the_factors_span_and_the_head_alone(tiny_model, tmp_path):
    before = weights(tiny_model("bert"))
    trainer = trained(tiny_model, tmp_path, Lora(lora_rank=1), learning_rate=1e-2)
    after = weights(trainer.model)
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {
        *(
            f"bert.encoder.layer.{block}.attention.self.{layer}.weight"
            for block in (0, 1)
            for layer in ("query", "value")
        ),
        "classifier.weight",
        "classifier.bias",
    }
    name = "bert.encoder.layer.1.attention.self.value.weight"
    singular = torch.linalg.svdvals((after[name] - before[name]).double())
    assert singular[1] < 1e-4 * singular[0]


def test_the_kept_epoch_is_merged(tiny_model, tmp_path):
    trainer = trained_with_best_epoch(tiny_model("bert").double(), tmp_path, Lora(lora_rank=2, lora_alpha=6))
    checkpoint, found = best_checkpoint(trainer), weights(trainer.model)
    assert any("lora_B" in name and bool(value.any()) for name, value in checkpoint.items())
    expected = naive_merge(checkpoint, scale=3.0)
    assert expected.keys() == found.keys()
    for name in found:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-12)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(logged_loss_of_best_epoch(trainer), abs=1e-6)


def test_the_merged_model_is_saved_and_loaded_as_an_ordinary_one(tiny_model, tmp_path):
    trainer = trained(tiny_model, tmp_path / "run", Lora())
    trainer.save_model(str(tmp_path / "saved"))
    loaded = type(trainer.model).from_pretrained(tmp_path / "saved")
    assert_equal_weights(weights(loaded), weights(trainer.model))


def test_what_the_user_froze_is_not_adapted(tiny_model, tmp_path):
    model = tiny_model("bert")
    model.bert.encoder.layer[0].requires_grad_(False)
    method = Lora()
    method.prepare_model(model)
    assert not any("layer.0" in name and "lora_" in name for name in model.state_dict())
    method.finish(PlainRun(model))
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == {
        name for name, _ in model.named_parameters() if ".layer.0." in name
    }


def test_averaged_factors_are_merged_in_either_order(tiny_model, tmp_path):
    """With decay 0 the average is the last factors, so averaging must change nothing."""
    alone = weights(trained(tiny_model, tmp_path, Lora()).model)
    for bases in ((Lora, methods["ema"]), (methods["ema"], Lora)):
        both = type("Both", bases, {"__doc__": "Both."})(ema_decay=0.0)
        assert_equal_weights(weights(trained(tiny_model, tmp_path, both).model), alone)


@pytest.mark.parametrize("reentrant", [True, False])
def test_factors_get_gradients_under_gradient_checkpointing(tiny_model, tmp_path, reentrant):
    plain = trained(tiny_model, tmp_path, Lora(), max_steps=2)
    checkpointed = trained(
        tiny_model,
        tmp_path,
        Lora(),
        max_steps=2,
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": reentrant},
    )
    for name, value in weights(plain.model).items():
        torch.testing.assert_close(weights(checkpointed.model)[name], value, rtol=0, atol=1e-6)


def test_missing_peft_is_said_in_a_line(tiny_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match=r'^lora needs peft: pip install "roast-bench\[peft\]"\.$'):
        Lora().prepare_model(tiny_model("bert"))


def test_unknown_layers_are_refused_in_a_line(tiny_model, tmp_path):
    model = tiny_model("bert")
    with pytest.raises(ValueError, match=r"^BertForSequenceClassification: no trainable layer .* q_proj or v_proj;"):
        Lora(lora_targets=["q_proj", "v_proj"]).prepare_model(model)
    model.config.model_type = "something-new"
    with pytest.raises(ValueError, match=r"^BertForSequenceClassification: .* not known; set lora_targets\.$"):
        MethodTrainer(model=model, args=arguments(tmp_path), train_dataset=SeparableTexts(), method=Lora())


@pytest.mark.parametrize("values", [{"lora_rank": 0}, {"lora_alpha": 0}, {"lora_dropout": 1.0}, {"lora_dropout": -0.1}])
def test_out_of_range_is_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        Lora(**values)


def test_a_step_costs_two_thirds():
    assert Lora().step_units() == 2.0
