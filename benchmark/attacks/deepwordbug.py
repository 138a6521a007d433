"""DeepWordBug: misspell the words that matter most to the model."""

from typing import TYPE_CHECKING

from benchmark.attacks.registry import register_attack
from benchmark.attacks.textattack_offline import import_textattack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper


@register_attack(
    "deepwordbug",
    summary="swaps, substitutes, deletes or inserts one letter a word, most important words first",
    source="Gao et al. 2018, arXiv 1801.04354",
)
def build_deepwordbug(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's DeepWordBug recipe with all four letter operations.

    Words are ranked by how much the score of the label drops when the word becomes unknown. Stop words are left
    alone, no word is changed twice, and the whole text changes by at most 30 letter edits. Black-box.
    """
    return import_textattack().attack_recipes.DeepWordBugGao2018.build(model)
