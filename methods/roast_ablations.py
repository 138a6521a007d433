"""RoAST with one ingredient changed, by name."""

from __future__ import annotations

from typing import ClassVar, Literal

from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.roast import Roast

WHY = "the ablation that the name says"


@register("roast-hard-mask")
class RoastHardMask(Roast):
    """RoAST keeping every gradient of relative rank above α and no other, instead of sampling.

    As `Roast` with m(θ) = 1 where s(θ) > α and 0 elsewhere, the limit β → ∞. Cost: as RoAST.
    """

    card: ClassVar = Roast.card
    mask: Literal["sampled", "hard"] = hyper_parameter(
        "hard", description="m = 1 where s(θ) > α, else 0; or sampled", source=WHY
    )


@register("roast-unscaled")
class RoastUnscaled(Roast):
    """RoAST without division by the keep probability: masked gradients are smaller on average.

    As `Roast` with g ← g·m. Cost: as RoAST.
    """

    card: ClassVar = Roast.card
    scaled: bool = hyper_parameter(
        False, description="divide kept gradients by p, which makes them unbiased", source=WHY
    )


@register("roast-random-mask")
class RoastRandomMask(Roast):
    """RoAST with parameters ranked at random, anew each epoch: as sparse, but blind to importance.

    As `Roast` with I(θ) ~ U(0, 1). Cost: as RoAST, without its pass over the training set beforehand.
    """

    card: ClassVar = Roast.card
    ranked_by: Literal["gradient", "magnitude", "random"] = hyper_parameter(
        "random", description="importance that is ranked", source=WHY
    )


@register("roast-magnitude-mask")
class RoastMagnitudeMask(Roast):
    """RoAST with parameters ranked by their magnitude instead of their gradients.

    As `Roast` with I(θ) = |θ|, at the start of each epoch. Cost: as RoAST, without its pass over the training set
    beforehand.
    """

    card: ClassVar = Roast.card
    ranked_by: Literal["gradient", "magnitude", "random"] = hyper_parameter(
        "magnitude", description="importance that is ranked", source=WHY
    )
