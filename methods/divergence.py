"""Divergences between two predictions; computed in single precision at least."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor


def kl(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Kullback-Leibler divergence KL(p‖q) of two predictions, one value per example.

    Args:
        logits: (B, C), of p.
        other_logits: (B, C), of q.

    Returns:
        (B,), in nats, ≥ 0.
    """
    log_p, log_q = _log_softmax(logits, other_logits)
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1)


def jensen_shannon(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Jensen-Shannon divergence of two predictions, one value per example: ½·KL(p‖m) + ½·KL(q‖m), m = ½·(p+q).

    Args:
        logits: (B, C), of p.
        other_logits: (B, C), of q.

    Returns:
        (B,), in nats, between 0 and ln 2.
    """
    log_p, log_q = _log_softmax(logits, other_logits)
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    return 0.5 * (log_p.exp() * (log_p - log_m) + log_q.exp() * (log_q - log_m)).sum(dim=-1)


def symmetric_kl(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Symmetric Kullback-Leibler divergence of two predictions, one value per example.

    SKL(p, q) = ½·(KL(p‖q) + KL(q‖p)) with p and q the softmax of the logits.

    Args:
        logits: (B, C).
        other_logits: (B, C).

    Returns:
        (B,), in nats, ≥ 0.
    """
    log_p, log_q = _log_softmax(logits, other_logits)
    return 0.5 * ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(dim=-1)


def _log_softmax(logits: Tensor, other_logits: Tensor) -> tuple[Tensor, Tensor]:
    precision = torch.promote_types(logits.dtype, torch.float32)
    return logits.to(precision).log_softmax(dim=-1), other_logits.to(precision).log_softmax(dim=-1)
