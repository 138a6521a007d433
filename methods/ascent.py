"""Directions that raise the loss, from its gradient with respect to the embedding output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor

STABILISER = 1e-8
"""Added to the norm so that a token without gradient gets a zero direction."""


class NonFiniteGradientError(ArithmeticError):
    """The gradient of a perturbation is NaN or infinite."""


def maximum_normalised(gradient: Tensor) -> Tensor:
    """Scale each token's gradient by its largest absolute entry: g / (max over d of |g| + 1e-8).

    Args:
        gradient: (B, L, d).

    Returns:
        (B, L, d), entries in [-1, 1].

    Raises:
        NonFiniteGradientError: the gradient's norm is NaN or infinite.
    """
    if not torch.isfinite(gradient.norm()):
        raise NonFiniteGradientError("the gradient with respect to the embedding output is NaN or infinite")
    return gradient / (gradient.abs().amax(dim=-1, keepdim=True) + STABILISER)
