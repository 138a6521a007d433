"""Input reduction: how little of a text keeps the model's prediction."""

from typing import TYPE_CHECKING

from benchmark.attacks.recipe import build_recipe
from benchmark.attacks.registry import register_attack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper


@register_attack(
    "input-reduction",
    summary="deletes the least important words as long as the predicted class stays",
    source="Feng et al. 2018, arXiv 1804.07781",
    goal="reduction",
    deviations=("As in TextAttack, stop words are kept, and words are ranked once, not again after each deletion.",),
)
def build_input_reduction(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe. Its goal is not a wrong class but the shortest text of the same class. Black-box."""
    return build_recipe("InputReductionFeng2018", model)
