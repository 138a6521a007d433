from types import SimpleNamespace

import naive
import pytest
import torch
from pydantic import ValidationError
from test_trainer import DROPOUT, assert_equal_weights, trained, weights
from tiny_architectures import tiny_configurations
from torch.nn import functional

from methods import methods
from methods.ascent import NonFiniteGradientError

Smart = methods["smart"]

SENSITIVE = {"initializer_range": 0.3}  # with the usual 0.02 the tiny model hardly reads its input


def naive_loss(model, batch, noise, method):
    mask = batch["attention_mask"]
    embedding_output = naive.embedding_output(model, batch)
    clean = naive.forward(model, embedding_output, mask)
    delta = noise
    for _ in range(method.ascent_steps):
        delta = delta.clone().requires_grad_()
        perturbed = naive.forward(model, embedding_output.detach() + delta, mask)
        divergence = naive.symmetric_kl(clean.detach().softmax(-1), perturbed.softmax(-1)).sum()
        (gradient,) = torch.autograd.grad(divergence, delta)
        delta = delta.detach()
        for example in range(delta.shape[0]):
            for token in range(delta.shape[1]):
                g = gradient[example, token]
                if method.ascent == "paper":
                    moved = delta[example, token] + method.step_size * g / (max(abs(v) for v in g.tolist()) + 1e-8)
                    clipped = [max(-method.epsilon, min(method.epsilon, value)) for value in moved.tolist()]
                    moved = torch.tensor(clipped, dtype=g.dtype)
                else:
                    moved = delta[example, token] + method.step_size * g
                    moved = moved / (max(abs(v) for v in moved.tolist()) + 1e-6)
                delta[example, token] = moved
    perturbed = naive.forward(model, embedding_output + delta, mask)
    consistency = naive.symmetric_kl(clean.softmax(-1), perturbed.softmax(-1)).mean()
    return functional.cross_entropy(clean, batch["labels"]) + method.consistency_weight * consistency


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("ascent", ["paper", "released"])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, ascent, steps):
    model = tiny_model("bert", **SENSITIVE).double()
    method = Smart(
        ascent=ascent, ascent_steps=steps, consistency_weight=3.0, initial_noise=0.05, step_size=0.3, epsilon=0.25
    )
    torch.manual_seed(5)
    found = method.loss(model, batch)
    found_gradients = torch.autograd.grad(found, list(model.parameters()))

    torch.manual_seed(5)
    noise = 0.05 * torch.randn(*batch["input_ids"].shape, model.config.hidden_size, dtype=torch.float64)
    expected = naive_loss(model, batch, noise, method)
    expected_gradients = torch.autograd.grad(expected, list(model.parameters()))

    assert expected > model(**batch).loss + 1e-4
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    for one, other in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("values", [{"consistency_weight": 0.0}, {"epsilon": 0.0}])
def test_without_weight_or_room_to_move_it_is_vanilla(tiny_model, batch, values):
    model = tiny_model("bert", **SENSITIVE).double()
    torch.testing.assert_close(Smart(**values).loss(model, batch), model(**batch).loss)


def test_ascent_finds_a_less_consistent_neighbour_than_noise(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()

    def loss(step_size):
        torch.manual_seed(5)
        return Smart(step_size=step_size, initial_noise=1e-3, epsilon=0.1).loss(model, batch)

    assert loss(0.1) > loss(0.0) + 1e-6


@pytest.mark.parametrize("ascent", ["paper", "released"])
def test_gradient_that_is_not_finite_fails_loudly(tiny_model, batch, ascent):
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.encoder.layer[0].intermediate.dense.weight[0, 0] = float("nan")
    with pytest.raises(NonFiniteGradientError):
        Smart(ascent=ascent).loss(model, batch)


def prepared(model, **values):
    method = Smart(proximal_weight=2.0, consistency_weight=0.0, **values)
    method.prepare(SimpleNamespace(model=model))
    return method


def test_proximal_term_equals_the_divergence_from_the_averaged_weights(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()
    method = prepared(model)
    teacher_logits = model(**batch).logits.detach()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    found = method.loss(model, batch)
    found_gradients = torch.autograd.grad(found, list(model.parameters()))

    logits = naive.forward(model, naive.embedding_output(model, batch), batch["attention_mask"])
    divergence = naive.symmetric_kl(logits.softmax(-1), teacher_logits.softmax(-1)).mean()
    expected = functional.cross_entropy(logits, batch["labels"]) + 2.0 * divergence
    assert divergence > 1e-4
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    for one, other in zip(found_gradients, torch.autograd.grad(expected, list(model.parameters())), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


def test_proximal_term_is_zero_before_the_weights_move_also_under_dropout(tiny_model, batch):
    model = tiny_model("bert", hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2).double()
    method = prepared(model)
    torch.manual_seed(5)
    found = method.loss(model, batch)
    torch.manual_seed(5)
    torch.testing.assert_close(found, model(**batch).loss)


def test_averaged_weights_follow_the_momentum_of_early_and_late_updates(tiny_model):
    model = tiny_model("bert", **SENSITIVE).double()
    method = prepared(model, teacher_momentum=0.5, late_teacher_momentum=0.9, teacher_warmup=0.4)
    parameter = model.classifier.weight
    expected = parameter.detach().clone()
    for step in range(5):
        with torch.no_grad():
            parameter += 1.0
        method.end_step(SimpleNamespace(model=model, step=step, total_steps=5))
        momentum = 0.5 if step < 2 else 0.9
        expected = momentum * expected + (1 - momentum) * parameter.detach()
        torch.testing.assert_close(method.state_dict()["smart_teacher"]["classifier.weight"], expected)


PROXIMAL = {"proximal_weight": 10.0, "teacher_momentum": 0.5, "late_teacher_momentum": 0.9}


@pytest.mark.parametrize("interrupted_at", [4, 6], ids=["within an epoch", "at an epoch's end"])
def test_averaged_weights_survive_resuming_to_the_bit(tiny_model, tmp_path, interrupted_at):
    saving = {"save_strategy": "steps", "save_steps": interrupted_at}
    whole = trained(tiny_model, tmp_path, Smart(**PROXIMAL), model_changes=DROPOUT, **saving)
    checkpoint = str(tmp_path / f"checkpoint-{interrupted_at}")
    resumed = trained(tiny_model, tmp_path, Smart(**PROXIMAL), resume=checkpoint, model_changes=DROPOUT, **saving)
    assert_equal_weights(weights(whole.model), weights(resumed.model))
    assert_equal_weights(whole.method.state_dict()["smart_teacher"], resumed.method.state_dict()["smart_teacher"])


def test_a_heavy_proximal_term_keeps_the_weights_closer(tiny_model, tmp_path):
    start = weights(tiny_model("bert"))

    def distance(proximal_weight):
        values = {**PROXIMAL, "proximal_weight": proximal_weight, "teacher_momentum": 1.0, "late_teacher_momentum": 1.0}
        trainer = trained(tiny_model, tmp_path, Smart(**values), max_steps=6)
        return sum(float((value - start[name]).square().sum()) for name, value in weights(trainer.model).items())

    assert distance(1000.0) < distance(0.0)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
@pytest.mark.parametrize("ascent", ["paper", "released"])
def test_every_architecture_gets_a_finite_loss(tiny_model, batch, architecture, ascent):
    model = tiny_model(architecture)
    clean = model(**batch).loss
    method = Smart(proximal_weight=1.0, ascent=ascent, initial_noise=0.1, step_size=0.1, epsilon=0.3)
    method.prepare(SimpleNamespace(model=model))
    loss = method.loss(model, batch)
    assert clean - 1e-6 < loss < float("inf")
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    "values",
    [
        {"consistency_weight": -1},
        {"ascent": "other"},
        {"ascent_steps": 0},
        {"step_size": -1e-3},
        {"initial_noise": -1e-5},
        {"epsilon": -1e-5},
        {"proximal_weight": -1},
        {"teacher_momentum": 1.1},
        {"late_teacher_momentum": -0.1},
        {"teacher_warmup": 2},
    ],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        Smart(**values)
