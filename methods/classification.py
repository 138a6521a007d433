"""The pieces that every classification objective starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methods.base import Batch
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats, a scalar.

    Args:
        logits: (B, C).
        labels: (B,), int64.
    """
    return torch.nn.functional.cross_entropy(logits, labels)


def without_labels(batch: Batch) -> Batch:
    """What the model needs for logits alone: the batch without its labels."""
    return {name: value for name, value in batch.items() if name != "labels"}
