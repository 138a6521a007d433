"""PWWS: WordNet synonyms for the words whose change the model feels most."""

from typing import TYPE_CHECKING, Any

from benchmark.attacks.nltk_data import WORDNET
from benchmark.attacks.recipe import build_recipe
from benchmark.attacks.registry import register_attack
from benchmark.attacks.textattack_offline import import_textattack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper


@register_attack(
    "pwws",
    summary="replaces words by WordNet synonyms, ranked by saliency times the best synonym's effect",
    source="Ren et al. 2019, ACL Anthology P19-1103",
    resources=(WORDNET,),
    deviations=(
        "As in TextAttack, named entities are not swapped: that takes the whole data set and its labels.",
        "Synonyms come in alphabetical order; TextAttack's come in the order of a Python set.",
    ),
)
def build_pwws(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's PWWS recipe on WordNet data from the disk. Black-box.

    A word's rank is its saliency (how much the label's score drops when the word becomes unknown), through a softmax
    over the words, times the largest drop that one of its synonyms makes.
    """
    WORDNET.require()
    return build_recipe("PWWSRen2019", model, {"WordSwapWordNet": _wordnet_swap()})


def _wordnet_swap() -> Any:
    base: Any = import_textattack().transformations.WordSwapWordNet

    class SortedWordNetSwap(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self.language = "eng"  # TextAttack's own asks NLTK to download omw-1.4, which English does not need

        def _get_replacement_words(self, word: str, random: bool = False) -> list[str]:
            return sorted(super()._get_replacement_words(word, random))

    return SortedWordNetSwap
