import naive
import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from torch.nn import functional

from methods import methods
from methods.ascent import NonFiniteGradientError

AdvEmbed = methods["advembed"]

SENSITIVE = {"initializer_range": 0.3}  # with the usual 0.02 the tiny model hardly reads its input


def naive_loss(model, batch, noise, steps, step_size, epsilon):
    embedding_output = naive.embedding_output(model, batch)
    delta = noise
    for _ in range(steps):
        delta = delta.clone().requires_grad_()
        loss = functional.cross_entropy(
            naive.forward(model, embedding_output.detach() + delta, batch["attention_mask"]), batch["labels"]
        )
        (gradient,) = torch.autograd.grad(loss, delta)
        delta = delta.detach()
        for example in range(delta.shape[0]):
            for token in range(delta.shape[1]):
                g = gradient[example, token]
                delta[example, token] += step_size * g / (max(abs(value) for value in g.tolist()) + 1e-8)
        limit = torch.tensor(epsilon, dtype=delta.dtype)
        delta = torch.minimum(torch.maximum(delta, -limit), limit)
    clean = naive.forward(model, embedding_output, batch["attention_mask"])
    perturbed = naive.forward(model, embedding_output + delta, batch["attention_mask"])
    return 0.5 * functional.cross_entropy(clean, batch["labels"]) + 0.5 * functional.cross_entropy(
        perturbed, batch["labels"]
    )


@pytest.mark.parametrize(
    ("steps", "step_size", "epsilon"), [(1, 0.1, 0.1), (3, 0.1, 0.15)], ids=["one step", "three projected steps"]
)
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, steps, step_size, epsilon):
    model = tiny_model("bert", **SENSITIVE).double()
    method = AdvEmbed(ascent_steps=steps, step_size=step_size, epsilon=epsilon, initial_noise=1e-2)

    torch.manual_seed(5)
    found = method.loss(model, batch)
    found_gradients = torch.autograd.grad(found, list(model.parameters()))

    torch.manual_seed(5)
    noise = 1e-2 * torch.rand(*batch["input_ids"].shape, model.config.hidden_size, dtype=torch.float64)
    expected = naive_loss(model, batch, noise, steps, step_size, epsilon)
    expected_gradients = torch.autograd.grad(expected, list(model.parameters()))

    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    for one, other in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


def test_without_room_to_move_it_is_vanilla(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()
    parameters = list(model.parameters())
    found = AdvEmbed(epsilon=0.0).loss(model, batch)
    expected = model(**batch).loss
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_more_steps_raise_the_loss_further(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()
    losses = [model(**batch).loss] + [
        AdvEmbed(ascent_steps=steps, step_size=0.05, epsilon=1.0, initial_noise=0.0).loss(model, batch)
        for steps in (1, 2, 4)
    ]
    assert losses == sorted(losses)
    assert losses[0] < losses[-1]


def test_embeddings_learn_from_the_perturbed_branch_too(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()
    weight = model.bert.embeddings.word_embeddings.weight
    (found,) = torch.autograd.grad(AdvEmbed(epsilon=1e-9).loss(model, batch), weight)
    (expected,) = torch.autograd.grad(model(**batch).loss, weight)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)  # half of it if E+δ were detached


def test_gradient_that_is_not_finite_fails_loudly(tiny_model, batch):
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.encoder.layer[0].intermediate.dense.weight[0, 0] = float("nan")
    with pytest.raises(NonFiniteGradientError):
        AdvEmbed().loss(model, batch)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_gets_a_finite_loss_above_the_clean_one(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    clean = model(**batch).loss
    loss = AdvEmbed(epsilon=1e-2, step_size=1e-2).loss(model, batch)
    assert clean - 1e-6 < loss < float("inf")
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    "values", [{"epsilon": -0.1}, {"step_size": -0.1}, {"ascent_steps": 0}, {"initial_noise": -1e-5}]
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        AdvEmbed(**values)
