"""Divergences between two predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor


def symmetric_kl(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Symmetric Kullback-Leibler divergence of two predictions, one value per example.

    SKL(p, q) = ½·(KL(p‖q) + KL(q‖p)) with p and q the softmax of the logits. At least single precision is used.

    Args:
        logits: (B, C).
        other_logits: (B, C).

    Returns:
        (B,), in nats, ≥ 0.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    log_p = logits.to(precision).log_softmax(dim=-1)
    log_q = other_logits.to(precision).log_softmax(dim=-1)
    return 0.5 * ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(dim=-1)
