"""TextAttack's own recipes, built with some of their parts exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from benchmark.attacks.counter_fitted import load_counter_fitted
from benchmark.attacks.model_files import (
    COUNTER_FITTED_VECTORS,
    PACKAGED_SENTENCE_ENCODER,
    STSB_DISTILBERT,
    UNIVERSAL_SENTENCE_ENCODER,
)
from benchmark.attacks.nltk_data import PARTS_OF_SPEECH
from benchmark.attacks.textattack_offline import import_textattack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper

Parts = Mapping[str, Any]
"""Name in a recipe's module, such as a class that it imports → what the recipe is given under that name."""


def build_recipe(recipe: str, model: ModelWrapper, parts: Parts | None = None) -> textattack.Attack:
    """Build one of TextAttack's recipes as TextAttack does, with some names meaning something else.

    Thresholds, candidates, search and order of the constraints stay those of the recipe. TextAttack itself is left
    as it is: a copy of the recipe's build function looks its names up elsewhere.

    Args:
        recipe: class in `textattack.attack_recipes`.
        model: the wrapped model.
        parts: names of classes that the recipe's module imports, and what is put in their place.

    Raises:
        ImportError: the recipe's module has no such name: this is another TextAttack than the one written for.
    """
    original = getattr(import_textattack().attack_recipes, recipe).build
    parts = parts or {}
    unknown = sorted(parts.keys() - original.__globals__.keys())
    if unknown:
        raise ImportError(f"textattack's recipe {recipe} uses no {' or '.join(unknown)}, as 0.3.10 and 0.3.11 do")
    build = FunctionType(original.__code__, {**original.__globals__, **parts}, argdefs=original.__defaults__)
    attack: textattack.Attack = build(model)
    _end_without_queries(attack)
    return attack


def _end_without_queries(attack: Any) -> None:
    """Let a search end at once where the budget went into the original text; several of TextAttack's raise there."""
    search, goal = attack.search_method.perform_search, attack.goal_function

    def perform_search(initial_result: Any) -> Any:
        return initial_result if goal.num_queries >= goal.query_budget else search(initial_result)

    attack.search_method.perform_search = perform_search


def counter_fitted() -> dict[str, Any]:
    """The parts that use word vectors, with the counter-fitted ones from the disk."""
    vectors = load_counter_fitted(COUNTER_FITTED_VECTORS.require())
    textattack = import_textattack()
    return {
        "WordSwapEmbedding": partial(textattack.transformations.WordSwapEmbedding, embedding=vectors),
        "WordEmbeddingDistance": partial(textattack.constraints.semantics.WordEmbeddingDistance, embedding=vectors),
    }


def only(parts: Parts, *names: str) -> dict[str, Any]:
    """Those of the parts that a recipe has a place for."""
    return {name: parts[name] for name in names}


def require_parts_of_speech() -> None:
    """Refuse to go on where NLTK's tagger cannot be read."""
    for resource in PARTS_OF_SPEECH:
        resource.require()


def universal_sentence_encoder() -> Parts:
    """Nothing exchanged: the recipe's encoder, which must be on the disk."""
    UNIVERSAL_SENTENCE_ENCODER.require()
    return {}


def packaged_sentence_encoder() -> Parts:
    """all-MiniLM-L6-v2 in the place of the Universal Sentence Encoder, with the same metric and thresholds."""
    folder = str(PACKAGED_SENTENCE_ENCODER.require())
    sbert = import_textattack().constraints.semantics.sentence_encoders.SBERT

    # The default metric is the Universal Sentence Encoder's; TextAttack's SBERT has another.
    def encoder(threshold: float = 0.8, metric: str = "angular", **settings: Any) -> Any:
        return sbert(threshold=threshold, metric=metric, model_name=folder, **settings)

    return {"UniversalSentenceEncoder": encoder}


def stsb_distilbert() -> Parts:
    """The recipe's stsb-distilbert-base, from the disk."""
    folder = str(STSB_DISTILBERT.require())
    sbert = import_textattack().constraints.semantics.sentence_encoders.SBERT

    def encoder(model_name: str, **settings: Any) -> Any:
        return sbert(model_name=folder, **settings)

    return {"SBERT": encoder}


SBERT_DEVIATION = (
    "The sentence encoder is all-MiniLM-L6-v2 instead of the Universal Sentence Encoder, with the same metric and"
    " threshold; the two encoders' similarities are not on the same scale."
)
"""What is said of every variant that measures similarity with the packaged encoder."""
