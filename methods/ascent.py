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
    _require_finite(gradient)
    return gradient / (gradient.abs().amax(dim=-1, keepdim=True) + STABILISER)


def frobenius_normalised(gradient: Tensor) -> Tensor:
    """Scale each example's gradient by its Frobenius norm: g / (‖g‖_F + 1e-8).

    Args:
        gradient: (B, L, d).

    Returns:
        (B, L, d), norm at most 1 for each example.

    Raises:
        NonFiniteGradientError: the gradient's norm is NaN or infinite.
    """
    _require_finite(gradient)
    return gradient / (frobenius_norm(gradient) + STABILISER)


def frobenius_norm(states: Tensor) -> Tensor:
    """‖·‖_F of each example: (B, L, d) → (B, 1, 1)."""
    norm: Tensor = states.flatten(1).norm(dim=1)
    return norm[:, None, None]


def _require_finite(gradient: Tensor) -> None:
    if not torch.isfinite(gradient.norm()):
        raise NonFiniteGradientError("the gradient with respect to the embedding output is NaN or infinite")
