"""Pruthi et al.'s misspellings: one typing error in one longer word."""

from typing import TYPE_CHECKING

from benchmark.attacks.recipe import build_recipe
from benchmark.attacks.registry import register_attack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper


@register_attack(
    "pruthi",
    summary="makes one typing error inside one word of at least four letters",
    source="Pruthi et al. 2019, arXiv 1905.11268",
)
def build_pruthi(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: the best swap, deletion, insertion or neighbouring key. Black-box.

    First and last letter stay, and so do stop words and words of fewer than four letters; one word changes at most.
    """
    return build_recipe("Pruthi2019", model)
