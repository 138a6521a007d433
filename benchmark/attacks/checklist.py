"""CheckList's invariance tests: names, places, numbers and contractions."""

from typing import TYPE_CHECKING

from benchmark.attacks.flair_taggers import load_entity_tagger
from benchmark.attacks.model_files import ENTITY_TAGGER
from benchmark.attacks.recipe import build_recipe
from benchmark.attacks.registry import register_attack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper


@register_attack(
    "checklist",
    summary="changes names, places and numbers, and expands or contracts forms such as isn't",
    source="Ribeiro et al. 2020, arXiv 2005.04118",
    resources=(ENTITY_TAGGER,),
)
def build_checklist(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: the best change of all, step by step, each word once. Black-box."""
    load_entity_tagger()
    return build_recipe("CheckList2020", model)
