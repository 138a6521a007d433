"""TextFooler: neighbours in a space of word vectors, of the same part of speech and in a similar sentence."""

from typing import TYPE_CHECKING

from benchmark.attacks.model_files import COUNTER_FITTED_VECTORS, PACKAGED_SENTENCE_ENCODER, UNIVERSAL_SENTENCE_ENCODER
from benchmark.attacks.nltk_data import PARTS_OF_SPEECH
from benchmark.attacks.recipe import (
    SBERT_DEVIATION,
    Parts,
    build_recipe,
    counter_fitted,
    packaged_sentence_encoder,
    require_parts_of_speech,
    universal_sentence_encoder,
)
from benchmark.attacks.registry import register_attack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper

SUMMARY = "replaces words by neighbours among counter-fitted vectors, the words that matter most first"
SOURCE = "Jin et al. 2019, arXiv 1907.11932"
FROM_THE_CODE = "As in TextAttack, words are at least 0.5 similar, as in the authors' code; the paper says 0.7."


@register_attack(
    "textfooler",
    summary=SUMMARY,
    source=SOURCE,
    resources=(COUNTER_FITTED_VECTORS, *PARTS_OF_SPEECH, UNIVERSAL_SENTENCE_ENCODER),
    deviations=(FROM_THE_CODE,),
)
def build_textfooler(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: 50 neighbours a word, the same part of speech, a similar sentence. Black-box."""
    return _build(model, universal_sentence_encoder())


@register_attack(
    "textfooler-sbert",
    summary="TextFooler with a sentence encoder that needs no TensorFlow",
    source=SOURCE,
    resources=(COUNTER_FITTED_VECTORS, *PARTS_OF_SPEECH, PACKAGED_SENTENCE_ENCODER),
    deviations=(FROM_THE_CODE, SBERT_DEVIATION),
    variant_of="textfooler",
)
def build_textfooler_sbert(model: "ModelWrapper") -> "textattack.Attack":
    """Build the recipe with a sentence encoder that needs no TensorFlow. Black-box."""
    return _build(model, packaged_sentence_encoder())


def _build(model: "ModelWrapper", encoder: Parts) -> "textattack.Attack":
    require_parts_of_speech()
    return build_recipe("TextFoolerJin2019", model, {**counter_fitted(), **encoder})
