"""TextBugger: five kinds of bugs in the words that matter most."""

from typing import TYPE_CHECKING, Any

from benchmark.attacks.model_files import COUNTER_FITTED_VECTORS, PACKAGED_SENTENCE_ENCODER, UNIVERSAL_SENTENCE_ENCODER
from benchmark.attacks.recipe import (
    SBERT_DEVIATION,
    Parts,
    build_recipe,
    counter_fitted,
    only,
    packaged_sentence_encoder,
    universal_sentence_encoder,
)
from benchmark.attacks.registry import register_attack
from benchmark.attacks.textattack_offline import import_textattack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper

SUMMARY = "splits, misspells, disguises with look-alike letters, or replaces the words that matter most"
SOURCE = "Li et al. 2018, arXiv 1812.05271"
OTHER_VECTORS = (
    "As in TextAttack, a word's neighbours are those among counter-fitted vectors, the paper's among GloVe's; and the"
    " similarity of two texts is one of angles, the paper's one of cosines."
)


@register_attack(
    "textbugger",
    summary=SUMMARY,
    source=SOURCE,
    resources=(COUNTER_FITTED_VECTORS, UNIVERSAL_SENTENCE_ENCODER),
    deviations=(OTHER_VECTORS,),
)
def build_textbugger(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: a space, a deletion, a swap, look-alikes, five neighbours a word. Black-box."""
    return _build(model, universal_sentence_encoder())


@register_attack(
    "textbugger-sbert",
    summary="TextBugger with a sentence encoder that needs no TensorFlow",
    source=SOURCE,
    resources=(COUNTER_FITTED_VECTORS, PACKAGED_SENTENCE_ENCODER),
    deviations=(OTHER_VECTORS, SBERT_DEVIATION),
    variant_of="textbugger",
)
def build_textbugger_sbert(model: "ModelWrapper") -> "textattack.Attack":
    """Build the recipe with a sentence encoder that needs no TensorFlow. Black-box."""
    return _build(model, packaged_sentence_encoder())


def _build(model: "ModelWrapper", encoder: Parts) -> "textattack.Attack":
    neighbours = only(counter_fitted(), "WordSwapEmbedding")
    return build_recipe(
        "TextBuggerLi2018", model, {**neighbours, "WordSwapHomoglyphSwap": _look_alike_swap(), **encoder}
    )


def _look_alike_swap() -> Any:
    base: Any = import_textattack().transformations.WordSwapHomoglyphSwap

    class LookAlikeSwap(base):  # type: ignore[misc]
        def __init__(self) -> None:
            try:
                super().__init__()
            except FileNotFoundError:
                # The package of 0.3.11 lacks a table that only another attack's search reads. The letters swapped here
                # are in the class, and set before that file is opened.
                if not self.homos:
                    raise

    return LookAlikeSwap
