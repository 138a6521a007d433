"""A2T: neighbours among counter-fitted vectors for the words with the largest gradients."""

import sys
from typing import TYPE_CHECKING, Any

from benchmark.attacks.gradients import white_box
from benchmark.attacks.model_files import COUNTER_FITTED_VECTORS, STSB_DISTILBERT
from benchmark.attacks.nltk_data import PARTS_OF_SPEECH
from benchmark.attacks.recipe import build_recipe, counter_fitted, require_parts_of_speech, stsb_distilbert
from benchmark.attacks.registry import register_attack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper


@register_attack(
    "a2t",
    summary="replaces words by neighbours among counter-fitted vectors, the words with the largest gradients first",
    source="Yoo and Qi 2021, arXiv 2109.00544",
    resources=(COUNTER_FITTED_VECTORS, *PARTS_OF_SPEECH, STSB_DISTILBERT),
    gradients=True,
    deviations=(
        "Words are found among the model's tokens by their characters; TextAttack compares pieces of text, which goes"
        " astray where a tokenizer rewrites them.",
        "Words beyond the model's maximum length are not tried: the model does not see them.",
        "Looking at a gradient does not count as a query, as in TextAttack.",
    ),
)
def build_a2t(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: 20 neighbours a word, at most 10 % of the words or 4, a similar text. White-box."""
    from benchmark.attacks.gradient_ranking import greedy_search_by_gradient

    opened = white_box(model, "a2t")
    require_parts_of_speech()
    parts = {**counter_fitted(), **stsb_distilbert(), "GreedyWordSwapWIR": greedy_search_by_gradient(opened)}
    bounded: Any = model
    bounded.max_length = sys.maxsize  # the recipe asks for it to bound the ranking, which ends with the tokens here
    return build_recipe("A2TYoo2021", model, parts)
