import naive
import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from torch.nn import functional

from methods import methods

R3F = methods["r3f"]

SENSITIVE = {"initializer_range": 0.3}  # with the usual 0.02 the tiny model hardly reads its input


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, distribution):
    model = tiny_model("bert", **SENSITIVE).double()
    method = R3F(consistency_weight=3.0, noise_scale=0.2, noise_distribution=distribution)
    torch.manual_seed(5)
    found = method.loss(model, batch)
    found_gradients = torch.autograd.grad(found, list(model.parameters()))

    torch.manual_seed(5)
    embedding_output = naive.embedding_output(model, batch)
    if distribution == "normal":
        noise = 0.2 * torch.randn(embedding_output.shape, dtype=torch.float64)
    else:
        noise = -0.2 + 0.4 * torch.rand(embedding_output.shape, dtype=torch.float64)
    clean = naive.forward(model, embedding_output, batch["attention_mask"])
    noised = naive.forward(model, embedding_output.detach() + noise, batch["attention_mask"])
    divergence = naive.symmetric_kl(clean.softmax(-1), noised.softmax(-1)).mean()
    expected = functional.cross_entropy(clean, batch["labels"]) + 3.0 * divergence
    expected_gradients = torch.autograd.grad(expected, list(model.parameters()))

    assert divergence > 1e-6
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    for one, other in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("values", [{"noise_scale": 0.0}, {"consistency_weight": 0.0}])
def test_without_noise_or_weight_it_is_vanilla(tiny_model, batch, values):
    model = tiny_model("bert", **SENSITIVE).double()
    torch.testing.assert_close(R3F(**values).loss(model, batch), model(**batch).loss)


@pytest.mark.parametrize(("distribution", "deviation"), [("uniform", 0.5 / 3**0.5), ("normal", 0.5)])
def test_noise_has_the_moments_of_its_distribution(distribution, deviation):
    torch.manual_seed(0)
    noise = R3F(noise_scale=0.5, noise_distribution=distribution)._noise(torch.zeros(20, 100, 100))
    assert noise.mean().abs() < 5 * deviation / noise.numel() ** 0.5
    torch.testing.assert_close(noise.std().item(), deviation, rtol=0.01, atol=0)
    assert (noise.abs().max() <= 0.5) == (distribution == "uniform")


def test_noise_is_drawn_afresh(tiny_model, batch):
    model = tiny_model("bert", **SENSITIVE).double()
    method = R3F(noise_scale=0.5)
    assert method.loss(model, batch) != method.loss(model, batch)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_gets_a_finite_loss_above_the_clean_one(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    clean = model(**batch).loss
    loss = R3F(noise_scale=0.5).loss(model, batch)
    assert clean < loss < float("inf")
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    "values", [{"consistency_weight": -1}, {"noise_scale": -1e-5}, {"noise_distribution": "cauchy"}]
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        R3F(**values)
