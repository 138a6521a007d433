"""Which of a model's tokens make up which of TextAttack's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from textattack.shared import AttackedText

    from benchmark.white_box import TokenGradient


@dataclass(frozen=True)
class WordPlace:
    """Where a word stands.

    Attributes:
        word: as written.
        part: 0 in the first text, 1 in the second.
        start: its first character in that text.
        before: the character before it, "" at the start of the text.
    """

    word: str
    part: int
    start: int
    before: str

    @property
    def end(self) -> int:
        """The character after its last."""
        return self.start + len(self.word)


def word_places(text: AttackedText) -> list[WordPlace]:
    """Every word of a text or pair, in TextAttack's order and by TextAttack's idea of a word."""
    given = text.tokenizer_input
    places = []
    for part, (written, words) in enumerate(
        zip((given,) if isinstance(given, str) else given, text.words_per_input, strict=True)
    ):
        searched = 0
        for word in words:
            start = written.index(word, searched)
            searched = start + len(word)
            places.append(WordPlace(word, part, start, written[start - 1 : start] if start else ""))
    return places


def tokens_of(place: WordPlace, tokens: TokenGradient) -> list[int]:
    """Positions of the tokens that share a character with a word; none for a word that was cut off."""
    starts, ends = tokens.offsets[:, 0], tokens.offsets[:, 1]
    touching = (tokens.part == place.part) & (starts < place.end) & (ends > place.start) & (starts < ends)
    return [int(position) for position in np.flatnonzero(touching)]
