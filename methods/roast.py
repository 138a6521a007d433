"""RoAST: adversarial perturbation with selective training."""

from __future__ import annotations

from typing import ClassVar

from methods.adversarial_perturbation import ARXIV, CODE, CODE_LICENCE, PAPER, AdversarialPerturbation
from methods.card import Card
from methods.registry import register
from methods.selective import SelectiveTraining


@register("roast")
class Roast(AdversarialPerturbation, SelectiveTraining):
    """RoAST: adversarial perturbation of the embedding output with selective training.

    The objective is that of `AdversarialPerturbation`, its gradients are masked as by `SelectiveTraining`; after the
    first epoch the importance comes from the gradients of that whole objective.

    Cost: 8 units a step against vanilla's 3 (7 with ``reuse_clean_forward``), and one extra pass over the training set
    (3 units a step) before the first epoch.
    """

    card: ClassVar = Card(
        paper=PAPER,
        arxiv=ARXIV,
        code=CODE,
        code_licence=CODE_LICENCE,
        cost="8 (7 with reuse_clean_forward), and one pass over the training set beforehand",
        deviations=(*AdversarialPerturbation.card.deviations, *SelectiveTraining.card.deviations),
    )
