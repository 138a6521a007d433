"""Genetic algorithms over neighbours among counter-fitted vectors: IGA and the faster Alzantot attack."""

from typing import TYPE_CHECKING

from benchmark.attacks.model_files import COUNTER_FITTED_VECTORS, LEARNING_TO_WRITE
from benchmark.attacks.recipe import build_recipe, counter_fitted
from benchmark.attacks.registry import register_attack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper


@register_attack(
    "iga",
    summary="breeds texts of neighbouring words; a child is the start of one parent and the end of another",
    source="Wang et al. 2019, arXiv 1909.06723",
    resources=(COUNTER_FITTED_VECTORS,),
)
def build_iga(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: 60 texts, 20 generations, 5 changes a word, 20 % of the words. Black-box."""
    return build_recipe("IGAWang2019", model, counter_fitted())


@register_attack(
    "faster-alzantot",
    summary="breeds texts of neighbouring words that a language model finds likely",
    source="Jia et al. 2019, arXiv 1909.00986, after Alzantot et al. 2018, arXiv 1804.07998",
    resources=(COUNTER_FITTED_VECTORS, LEARNING_TO_WRITE),
)
def build_faster_alzantot(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: 60 texts, 40 generations, 8 neighbours a word, 20 % of the words. Black-box."""
    LEARNING_TO_WRITE.require()
    parts = counter_fitted()
    from methods.weights_only import weights_only

    with weights_only():  # TextAttack loads the language model while the attack is built
        return build_recipe("FasterGeneticAlgorithmJia2019", model, parts)
