"""Label smoothing: part of the target's probability is spread over all classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from methods.base import Batch, Method
from methods.card import Card
from methods.classification import without_labels
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


@register("label-smoothing")
class LabelSmoothing(Method):
    """Cross-entropy against the label mixed with the uniform distribution over the classes.

    With p the predicted distribution over C classes, the objective is the mean over the batch of ::

        (1 − ε)·(−log p(y)) + ε·(1/C)·Σ over classes c of (−log p(c))

    Cost: 3 units, as vanilla.
    """

    card: ClassVar = Card(
        paper="Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016",
        arxiv="1512.00567",
        cost="3",
        deviations=("The paper classifies 1000 kinds of images; ε is kept, so with few classes each gets more of it.",),
    )

    smoothing: float = hyper_parameter(
        0.1,
        ge=0,
        le=1,
        description="ε: share of the target that is spread uniformly over all classes, the true one included",
        source="paper, section on model regularization via label smoothing: ε = 0.1, u uniform",
    )

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Smoothed cross-entropy of one mini-batch, a scalar."""
        logits = model(**without_labels(batch)).logits
        return torch.nn.functional.cross_entropy(logits, batch["labels"], label_smoothing=self.smoothing)
