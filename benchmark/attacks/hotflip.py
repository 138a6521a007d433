"""HotFlip on words: one or two words exchanged where the gradient says that it hurts most."""

from typing import TYPE_CHECKING

from benchmark.attacks.gradients import white_box
from benchmark.attacks.model_files import COUNTER_FITTED_VECTORS
from benchmark.attacks.nltk_data import PARTS_OF_SPEECH
from benchmark.attacks.recipe import build_recipe, counter_fitted, require_parts_of_speech
from benchmark.attacks.registry import register_attack
from benchmark.attacks.textattack_offline import import_textattack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper
    from textattack.shared import AbstractWordEmbedding

    from benchmark.white_box import WhiteBox

SUMMARY = "exchanges one or two words where the model's gradient says that the loss rises most"
SOURCE = "Ebrahimi et al. 2018, arXiv 1712.06751"

BEAM_WIDTH = 10
"""Texts kept at each step, in the paper and in TextAttack's recipe."""

COUNTER_FITTED_SIMILARITY = 0.8
"""Least cosine of the two words' vectors, in the paper and in TextAttack's recipe."""

OWN_SIMILARITY = 0.6
"""Least cosine in a transformer's own input embeddings, where cosines are smaller.

In the packaged MiniLM 4 % of the whole words have any neighbour at 0.8, 45 % at 0.6, and 64 % at 0.5, where good and
bad (0.53) already are neighbours.
"""

OWN_SWAP = (
    "The word swap is this package's own: TextAttack's takes the word's number for the token's, and only runs on"
    " TextAttack's own LSTM."
)
WHOLE_WORDS = "Only words that are one token to the model go or come, because the estimate is about one embedding."
BEAM = (
    f"Each step proposes the {BEAM_WIDTH} best flips of every text among words that are similar enough; TextAttack"
    " proposes the single best of all words and then checks whether it is similar."
)
NOT_COUNTED = "Looking at a gradient does not count as a query, as in TextAttack."


@register_attack(
    "hotflip",
    summary=SUMMARY,
    source=SOURCE,
    resources=(COUNTER_FITTED_VECTORS, *PARTS_OF_SPEECH),
    gradients=True,
    deviations=(
        OWN_SWAP,
        WHOLE_WORDS,
        BEAM,
        "As in TextAttack, similarity is that of counter-fitted vectors; words without one neither go nor come, where"
        " TextAttack lets them pass.",
        NOT_COUNTED,
    ),
)
def build_hotflip(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe on our word swap: a beam, at most two words, the same part of speech. White-box."""
    opened = white_box(model, "hotflip")
    parts = counter_fitted()
    vectors = parts["WordEmbeddingDistance"].keywords["embedding"]
    return _build(model, opened, vectors, min_cos_sim=COUNTER_FITTED_SIMILARITY, cased=False)


@register_attack(
    "hotflip-own-embeddings",
    summary="HotFlip with the similarity of two words taken from the model's own embeddings",
    source=SOURCE,
    resources=PARTS_OF_SPEECH,
    gradients=True,
    deviations=(
        OWN_SWAP,
        WHOLE_WORDS,
        BEAM,
        f"Similarity is that of the model's own input embeddings, and at least {OWN_SIMILARITY} instead of"
        f" {COUNTER_FITTED_SIMILARITY}: in a transformer few words are as close as that.",
        NOT_COUNTED,
    ),
    variant_of="hotflip",
)
def build_hotflip_own_embeddings(model: "ModelWrapper") -> "textattack.Attack":
    """Build the recipe with the distance of two words taken from the model itself. White-box."""
    opened = white_box(model, "hotflip-own-embeddings")
    return _build(model, opened, own_word_vectors(opened), min_cos_sim=OWN_SIMILARITY, cased=True)


def own_word_vectors(model: "WhiteBox") -> "AbstractWordEmbedding":
    """The input embeddings of the words that are one token in the middle of a text, as word vectors."""
    words = model.whole_words()
    tokens = model.single_tokens(words, "a ").tolist()
    vectors = import_textattack().shared.WordEmbedding(model.embeddings, _TokenOfWord(model, words, tokens), {})
    own: AbstractWordEmbedding = vectors
    return own


class _TokenOfWord:
    """Word → its only token; the tokenizer says which case matters."""

    def __init__(self, model: "WhiteBox", words: list[str], tokens: list[int]) -> None:
        self._model = model
        self._known = dict(zip(words, tokens, strict=True))

    def __getitem__(self, word: str) -> int:
        if word not in self._known:
            self._known[word] = int(self._model.single_tokens([word], "a ")[0])
        if self._known[word] < 0:
            raise KeyError(word)
        return self._known[word]


def _build(
    model: "ModelWrapper",
    opened: "WhiteBox",
    vectors: "AbstractWordEmbedding",
    *,
    min_cos_sim: float,
    cased: bool,
) -> "textattack.Attack":
    from benchmark.attacks.gradient_word_swap import WordFlips, gradient_word_swap

    require_parts_of_speech()
    swap = gradient_word_swap(WordFlips(opened, vectors, min_cos_sim=min_cos_sim, cased=cased), BEAM_WIDTH)
    distance = import_textattack().constraints.semantics.WordEmbeddingDistance

    return build_recipe(
        "HotFlipEbrahimi2017",
        model,
        {
            "WordSwapGradientBased": lambda *_, **__: swap,
            "WordEmbeddingDistance": lambda **_: distance(
                embedding=vectors, min_cos_sim=min_cos_sim, cased=cased, include_unknown_words=False
            ),
        },
    )
