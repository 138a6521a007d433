"""Masks that keep some gradients and drop the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from methods.relative_rank import RelativeRank
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor


def keep_probability(relative_rank: Tensor, alpha: float, beta: float) -> Tensor:
    """p(θ) = σ(2β·(s(θ) − α)) for relative ranks s in [0, 1] (arXiv 2312.04032).

    Args:
        relative_rank: any shape.
        alpha: rank at which half of the gradients are kept.
        beta: steepness; a large β gives a hard threshold.
    """
    return torch.sigmoid(2.0 * beta * (relative_rank - alpha))


def keep_probabilities(importance: Mapping[str, Tensor], alpha: float, beta: float) -> dict[str, Tensor]:
    """`keep_probability` of every parameter, ranked by importance among all of them together."""
    ranks = RelativeRank(list(importance.values()))
    probability = ranks.mapped(lambda rank: keep_probability(rank, alpha, beta))
    return {name: probability(values) for name, values in importance.items()}


def above_rank(importance: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """1 for parameters whose relative rank among all of them is above ``alpha``, else 0: σ(2β·(s − α)) for β → ∞."""
    ranks = RelativeRank(list(importance.values()))
    above = ranks.mapped(lambda rank: (rank > alpha).to(rank.dtype))
    return {name: above(values) for name, values in importance.items()}


def draw_multiplier(probability: Tensor, generator: torch.Generator, *, scaled: bool) -> Tensor:
    """What a gradient is multiplied with: m/p if ``scaled``, else m, with m ~ Bernoulli(p).

    With scaling the masked gradient is unbiased: E[g·m/p] = g.

    Args:
        probability: p, any shape, in (0, 1].
        generator: on the device of ``probability``.
        scaled: divide by p.
    """
    # Double precision: p goes down to 1e-8, below the resolution of a single-precision uniform number.
    uniform = torch.rand(probability.shape, generator=generator, dtype=torch.float64, device=probability.device)
    kept = uniform < probability
    if not scaled:
        return kept.to(probability.dtype)
    return torch.where(kept, 1.0 / probability, 0.0)
