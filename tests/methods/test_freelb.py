from contextlib import nullcontext
from types import SimpleNamespace

import naive
import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from torch.nn import functional

from methods import methods
from methods.ascent import NonFiniteGradientError

FreeLB = methods["freelb"]

SENSITIVE = {"initializer_range": 0.3}  # with the usual 0.02 the tiny model hardly reads its input

RUN = SimpleNamespace(autocast=nullcontext, backward=lambda loss: loss.backward())
DROPOUT = {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.2}


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def gradients_of(method, model, batch):
    model.zero_grad()
    loss = method.backward(RUN, model, batch)
    return loss, gradients(model)


def naive_step(model, batch, uniform, steps, step_size, epsilon, magnitude):
    """Leaves the gradient in the parameters, example by example; returns the loss and the norms of perturbations."""
    mask = batch["attention_mask"]
    delta = torch.zeros_like(uniform)
    for example, length in enumerate(mask.sum(1).tolist()):
        delta[example, :length] = uniform[example, :length] * magnitude / (length * uniform.shape[-1]) ** 0.5
    total, norms = 0.0, []
    for _ in range(steps):
        for example in range(len(delta)):
            norm = float((delta[example] ** 2).sum()) ** 0.5
            if norm > epsilon:
                delta[example] *= epsilon / norm
            norms.append(min(norm, epsilon))
        delta.requires_grad_()
        logits = naive.forward(model, naive.embedding_output(model, batch) + delta, mask)
        loss = functional.cross_entropy(logits, batch["labels"])
        (gradient,) = torch.autograd.grad(loss, delta, retain_graph=True)
        (loss / steps).backward()
        total += loss.item() / steps
        delta = delta.detach().clone()
        for example in range(len(delta)):
            g = gradient[example] * mask[example][:, None]
            delta[example] += step_size * g / (float((g**2).sum()) ** 0.5 + 1e-8)
    return total, norms


@pytest.mark.parametrize("epsilon", [10.0, 0.35], ids=["free", "projected"])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, epsilon):
    model = tiny_model("bert", **SENSITIVE).double()
    method = FreeLB(ascent_steps=3, step_size=0.2, epsilon=epsilon, initial_magnitude=0.5)
    torch.manual_seed(5)
    found_loss, found = gradients_of(method, model, batch)

    torch.manual_seed(5)
    uniform = torch.empty(*batch["input_ids"].shape, model.config.hidden_size, dtype=torch.float64).uniform_(-1, 1)
    model.zero_grad()
    expected_loss, norms = naive_step(model, batch, uniform, 3, 0.2, epsilon, 0.5)
    assert (max(norms) == epsilon) == (epsilon < 1)
    torch.testing.assert_close(found_loss.item(), expected_loss, rtol=0, atol=1e-10)
    expected = gradients(model)
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-9)


def test_without_room_to_move_it_is_vanilla(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()
    loss, found = gradients_of(FreeLB(epsilon=0.0), model, batch)
    model.zero_grad()
    clean = model(**batch).loss
    clean.backward()
    torch.testing.assert_close(loss, clean.detach())
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(found[name], gradient)


def perturbations_of(method, model, batch):
    """What is added to the embedding output in each pass, on a model without dropout."""
    clean = naive.embedding_output(model, batch).detach()
    block = model.bert.encoder.layer[0]
    seen = []
    handle = block.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach() - clean))
    method.backward(RUN, model, batch)
    handle.remove()
    return seen


def test_padding_is_never_perturbed_and_the_ball_is_kept(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()
    method = FreeLB(ascent_steps=4, step_size=0.2, epsilon=0.3, initial_magnitude=0.2)
    seen = perturbations_of(method, model, batch)
    assert len(seen) == 4
    padding = batch["attention_mask"] == 0
    for perturbation in seen:
        assert perturbation[padding].abs().max() == 0
        norms = perturbation.flatten(1).norm(dim=1)
        assert norms.max() <= 0.3 + 1e-9
        assert norms.min() > 0.05
    start = seen[0].flatten(1).norm(dim=1)
    torch.testing.assert_close(start, torch.full_like(start, 0.2 / 3**0.5), rtol=0.15, atol=0)
    torch.testing.assert_close(seen[-1].flatten(1).norm(dim=1), torch.full_like(start, 0.3))


def test_ascent_raises_the_loss(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()
    losses = [
        FreeLB(ascent_steps=steps, epsilon=2.0, initial_magnitude=0.0).backward(RUN, model, batch)
        for steps in (1, 2, 4)
    ]
    assert losses == sorted(losses)
    torch.testing.assert_close(losses[0], model(**batch).loss.detach())


def test_same_dropout_repeats_one_mask_and_then_goes_on(tiny_model, batch):
    """With a perturbation that stays at zero, K passes under one mask give what a single pass gives."""
    model = tiny_model("bert", **DROPOUT, **SENSITIVE).double()
    still = {"step_size": 0.0, "initial_magnitude": 0.0}
    torch.manual_seed(5)
    _, single = gradients_of(FreeLB(ascent_steps=1, **still), model, batch)
    after_single = torch.rand(1)
    torch.manual_seed(5)
    _, repeated = gradients_of(FreeLB(ascent_steps=3, **still), model, batch)
    assert torch.equal(torch.rand(1), after_single)
    torch.manual_seed(5)
    _, fresh = gradients_of(FreeLB(ascent_steps=3, same_dropout=False, **still), model, batch)
    name = "bert.encoder.layer.0.output.dense.weight"
    for parameter in single:
        torch.testing.assert_close(repeated[parameter], single[parameter])
    assert (fresh[name] - single[name]).abs().max() > 1e-4


def test_backward_adds_to_what_is_there(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()
    method = FreeLB(initial_magnitude=0.0)
    _, once = gradients_of(method, model, batch)
    method.backward(RUN, model, batch)
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, 2 * once[name])


def test_gradient_that_is_not_finite_fails_loudly(tiny_model, batch):
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.encoder.layer[0].intermediate.dense.weight[0, 0] = float("nan")
    with pytest.raises(NonFiniteGradientError):
        FreeLB().backward(RUN, model, batch)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_gets_finite_gradients_and_a_loss_above_the_clean_one(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    clean = model(**batch).loss.item()
    loss, found = gradients_of(FreeLB(initial_magnitude=0.0), model, batch)
    assert clean - 1e-6 < loss < float("inf")
    assert found
    assert all(torch.isfinite(gradient).all() for gradient in found.values())


@pytest.mark.parametrize(
    "values", [{"epsilon": -0.1}, {"step_size": -0.1}, {"ascent_steps": 0}, {"initial_magnitude": -1}]
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        FreeLB(**values)
