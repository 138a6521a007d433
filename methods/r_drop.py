"""R-Drop: two passes with different dropout must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from methods.base import Batch, Method
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.divergence import symmetric_kl
from methods.hyper_parameter import hyper_parameter
from methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor, nn


@register("r-drop")
class RDrop(Method):
    """R-Drop: cross-entropy of two passes under different dropout, and the symmetric divergence between them.

    With f₁ and f₂ the model under two draws of its dropout, the objective is ::

        CE(f₁(x), y) + CE(f₂(x), y) + α·SKL(f₁(x), f₂(x))

    CE is the mean over the batch, SKL = ½·(KL(p₁‖p₂) + KL(p₂‖p₁)) its mean or its sum (``reduction``); α is
    ``consistency_weight``. A model without dropout gets twice the plain cross-entropy.

    Cost: 6 units against vanilla's 3 (two forwards 2, two full backwards 4).
    """

    card: ClassVar = Card(
        paper="Liang et al., R-Drop: Regularized Dropout for Neural Networks, NeurIPS 2021",
        arxiv="2106.14448",
        code="https://github.com/dropreg/R-Drop",
        code_licence="none stated for the whole; its copies of fairseq and transformers keep MIT and Apache-2.0",
        cost="6",
        deviations=(
            "SKL is averaged over the batch, as the released fairseq criterion does in effect; the released BERT and "
            "RoBERTa classifiers add its sum to mean cross-entropies: reduction=sum, α 0.5 (BERT) or 0.7 (RoBERTa).",
            "The README's example halves the two cross-entropies: the same direction with 2α here, at half the scale.",
        ),
    )

    consistency_weight: float = hyper_parameter(
        1.0,
        ge=0,
        description="α: weight of the symmetric divergence between the two passes",
        source="released code, fairseq_src/examples/roberta, reg_cross_entropy.py: --reg-alpha default 1.0; "
        "its transformers classifiers fix 0.5 for BERT and 0.7 for RoBERTa with the sum over the batch",
    )
    reduction: Literal["mean", "sum"] = hyper_parameter(
        "mean",
        description="whether the divergence is averaged or summed over the batch",
        source="released code, fairseq_src/examples/roberta: sums divided by the number of texts; sum in its "
        "transformers classifiers",
    )

    def step_units(self) -> float:
        """6: two forwards 2, two full backwards 4."""
        return 6.0

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Objective of one mini-batch, a scalar."""
        labels = batch["labels"]
        inputs = without_labels(batch)
        first = model(**inputs).logits
        second = model(**inputs).logits
        divergence = symmetric_kl(first, second)
        consistency = divergence.mean() if self.reduction == "mean" else divergence.sum()
        return cross_entropy(first, labels) + cross_entropy(second, labels) + self.consistency_weight * consistency
