"""Words whose exchange raises the model's loss most, by its gradient (HotFlip)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.attacks.textattack_offline import import_textattack
from benchmark.attacks.word_tokens import WordPlace, tokens_of, word_places

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from textattack.shared import AbstractWordEmbedding, AttackedText

    from benchmark.white_box import WhiteBox


@dataclass(frozen=True)
class Flip:
    """One word in the place of another.

    Attributes:
        index: of the word that goes, among the text's words.
        word: the word that comes.
        estimate: by how much the loss rises, to first order.
    """

    index: int
    word: str
    estimate: float


class WordFlips:
    """Proposes flips of whole words for one model.

    The estimate is the first-order one of Ebrahimi et al. 2018 (arXiv 1712.06751, equation 1 and section 5):
    (e_new − e_old) · ∇_e loss, with e the input embedding of a word's only token. Words that the tokenizer splits
    have no such token: they neither go nor come.
    """

    def __init__(self, model: WhiteBox, embedding: AbstractWordEmbedding, *, min_cos_sim: float, cased: bool) -> None:
        """Prepare the vocabulary.

        Args:
            model: the model under attack.
            embedding: word vectors that say how alike two words are; words without one neither go nor come.
            min_cos_sim: least cosine of the two words' vectors.
            cased: whether the word vectors tell upper from lower case.
        """
        self._model = model
        self._embedding = embedding
        self._min_cos_sim = min_cos_sim
        self._cased = cased
        self._token_vectors = model.embeddings
        words = model.whole_words()
        vectors = [self._word_vector(word) for word in words]
        self._words = [word for word, vector in zip(words, vectors, strict=True) if vector is not None]
        known = [vector for vector in vectors if vector is not None]
        self._word_vectors = np.stack(known) if known else np.zeros((0, 1), np.float32)
        self._tokens_after: dict[str, NDArray[np.int64]] = {}

    def _word_vector(self, word: str) -> NDArray[np.float32] | None:
        """The word's vector, of length 1."""
        try:
            index = self._embedding.word2index(word if self._cased else word.lower())
        except KeyError:
            return None
        vector: NDArray[np.float32] = np.asarray(self._embedding[index], np.float32)
        length = float(np.linalg.norm(vector))
        return vector / length if length > 0 else None

    def best(self, text: AttackedText, indices: Iterable[int], count: int) -> list[Flip]:
        """The flips with the highest estimates, best first; fewer where fewer are allowed.

        Args:
            text: the text or pair as it stands.
            indices: of the words that may go.
            count: flips at most.
        """
        given = text.tokenizer_input
        seen = self._model.gradient(given)
        places = word_places(text)
        flips: list[Flip] = []
        for index in sorted(indices):
            place = places[index]
            positions = tokens_of(place, seen)
            vector = self._word_vector(place.word)
            if len(positions) != 1 or vector is None or not _covers_only(place, seen.offsets[positions[0]], given):
                continue
            old = int(seen.token_ids[positions[0]])
            gradient = seen.gradient[positions[0]]
            tokens = self._tokens(_context(place))
            allowed = (tokens >= 0) & (tokens != old) & (self._word_vectors @ vector >= self._min_cos_sim)
            candidates = np.flatnonzero(allowed)
            estimates = (self._token_vectors[tokens[candidates]] - self._token_vectors[old]) @ gradient
            best = np.argsort(-estimates, kind="stable")[:count]
            flips += [
                Flip(index, self._words[candidates[row]], float(estimates[row]))
                for row in best
                if self._words[candidates[row]].lower() != place.word.lower()
            ]
        flips.sort(key=lambda flip: -flip.estimate)
        return [Flip(flip.index, self._in_case(flip.word, places[flip.index]), flip.estimate) for flip in flips[:count]]

    def _tokens(self, before: str) -> NDArray[np.int64]:
        """The candidates' tokens after a piece of text."""
        if before not in self._tokens_after:
            self._tokens_after[before] = self._model.single_tokens(self._words, before)
        return self._tokens_after[before]

    def _in_case(self, word: str, place: WordPlace) -> str:
        """The word in the case of the one it replaces, where that is the same token to the model."""
        recover_word_case = import_textattack().transformations.word_swaps.word_swap_embedding.recover_word_case
        recased: str = recover_word_case(word, place.word)
        first, second = self._model.single_tokens([word, recased], _context(place))
        return recased if first == second else word


def _context(place: WordPlace) -> str:
    """A short text that ends as the text before the word does, as far as tokenizers care."""
    if place.before == "":
        return ""
    return "a " if place.before.isspace() else "("


def _covers_only(place: WordPlace, offsets: NDArray[np.int64], given: str | tuple[str, str]) -> bool:
    """Whether a token is the word itself, apart from space around it."""
    written = given if isinstance(given, str) else given[place.part]
    return written[int(offsets[0]) : int(offsets[1])].strip() == place.word


def gradient_word_swap(flips: WordFlips, count: int) -> Any:
    """A TextAttack transformation that proposes the best flips of a text.

    Args:
        flips: of the model under attack.
        count: flips proposed at each step.

    Returns:
        A `textattack.transformations.WordSwap`.
    """
    base: Any = import_textattack().transformations.WordSwap

    class GradientWordSwap(base):  # type: ignore[misc]
        is_black_box = False

        def _get_transformations(self, text: AttackedText, indices: set[int]) -> list[AttackedText]:
            return [text.replace_word_at_index(flip.index, flip.word) for flip in flips.best(text, indices, count)]

    return GradientWordSwap()
