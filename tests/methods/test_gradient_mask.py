import math

import pytest
import torch

from methods.gradient_mask import draw_multiplier, keep_probabilities, keep_probability


def test_keep_probability_is_a_sigmoid_around_alpha():
    ranks = torch.tensor([0.0, 0.6, 1.0])
    expected = [1 / (1 + math.exp(-2 * 5 * (s - 0.6))) for s in (0.0, 0.6, 1.0)]
    torch.testing.assert_close(keep_probability(ranks, alpha=0.6, beta=5), torch.tensor(expected))


def test_all_parameters_are_ranked_together():
    importance = {"low": torch.tensor([1.0, 2.0]), "high": torch.tensor([[3.0, 4.0]])}
    found = keep_probabilities(importance, alpha=0.5, beta=2)
    expected = torch.sigmoid(4 * (torch.tensor([0.0, 1 / 3, 2 / 3, 1.0]) - 0.5))
    torch.testing.assert_close(torch.cat([found["low"], found["high"].ravel()]), expected)


def test_scaled_mask_is_unbiased():
    """The mean of g·m/p over many draws is g, within five standard errors."""
    probability = torch.linspace(0.02, 0.98, 40)
    gradient = torch.linspace(-2, 3, 40)
    draws = 20_000
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(40, dtype=torch.float64)
    for _ in range(draws):
        total += gradient * draw_multiplier(probability, generator, scaled=True)
    standard_error = gradient.abs() * ((1 - probability) / probability / draws).sqrt()
    assert ((total / draws - gradient).abs() <= 5 * standard_error + 1e-9).all()


def test_unscaled_mask_is_zero_or_one_with_mean_p():
    probability = torch.full((200_000,), 0.3)
    mask = draw_multiplier(probability, torch.Generator().manual_seed(0), scaled=False)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert abs(mask.mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / 200_000)


def test_certain_probability_keeps_the_gradient_as_it_is():
    assert (draw_multiplier(torch.ones(1_000), torch.Generator().manual_seed(0), scaled=True) == 1).all()


def test_same_seed_same_mask():
    probability = torch.full((1_000,), 0.5)
    first, second, other = (
        draw_multiplier(probability, torch.Generator().manual_seed(seed), scaled=False) for seed in (3, 3, 4)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("fewer", "more"),
    [({"alpha": 0.9, "beta": 10}, {"alpha": 0.6, "beta": 10}), ({"alpha": 0.9, "beta": 10}, {"alpha": 0.9, "beta": 1})],
)
def test_larger_alpha_and_beta_keep_fewer_gradients(fewer, more):
    importance = {"w": torch.rand(20_000)}
    assert keep_probabilities(importance, **fewer)["w"].mean() < keep_probabilities(importance, **more)["w"].mean()


def test_rarely_kept_gradients_are_scaled_up():
    """The norm of a scaled masked gradient grows as its sparsity does: E‖g·m/p‖² = Σ g²/p."""
    gradient = torch.ones(50_000)
    norms = []
    for alpha in (0.2, 0.5, 0.8):
        probability = keep_probabilities({"w": torch.rand(50_000)}, alpha, 3)["w"]
        masked = gradient * draw_multiplier(probability, torch.Generator().manual_seed(0), scaled=True)
        expected = (gradient.square() / probability).sum()
        assert masked.square().sum() == pytest.approx(float(expected), rel=0.2)
        norms.append(float(masked.norm()))
    assert norms == sorted(norms)
