"""Words of a vocabulary, and the words near them.

Which tokens are whole words, which of those may be replaced, and their nearest neighbours among each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor

BYTE_LEVEL_SPACES = "ĠĊĉč"

NO_WORD, WORD_START, WORD_CONTINUED, SPECIAL = range(4)
"""What a token is to the words of a text."""


def roles_and_surfaces(vocabulary: dict[str, int], special: Iterable[int]) -> tuple[dict[int, int], dict[int, str]]:
    """What each token is to the words of a text, and its text without the tokenizer's word mark.

    WordPiece marks what continues a word, SentencePiece and byte-level BPE mark what starts one; where there are no
    marks, every token is a word.
    """
    marks = {mark: sum(token.startswith(mark) for token in vocabulary) for mark in ("##", "▁", "Ġ")}
    mark = max(marks, key=lambda name: marks[name])
    marks_starts = mark != "##" and marks[mark] > 0
    roles: dict[int, int] = {}
    surfaces: dict[int, str] = {}
    for token, number in vocabulary.items():
        marked = token.startswith(mark)
        surface = surfaces[number] = token.removeprefix(mark)
        first = surface[:1]
        # byte-level BPE writes bytes of other scripts as letters and signs, and white space as these
        spelled = mark == "Ġ" and not first.isascii()
        space = mark == "Ġ" and first in BYTE_LEVEL_SPACES
        if first == "'" and not (marked and marks_starts):
            roles[number] = WORD_CONTINUED  # don't, whose "don" is no word
        elif space or not (first.isalnum() or spelled):
            roles[number] = NO_WORD
        else:
            roles[number] = WORD_START if marked == marks_starts else WORD_CONTINUED
    roles.update({number: SPECIAL for number in special if number in roles})
    return roles, surfaces


def replaceable_words(roles: dict[int, int], surfaces: dict[int, str], special: Iterable[int]) -> dict[int, str]:
    """Tokens that are whole words where nothing continues them; ASCII, because stop words are English."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    stop_words: Any = ENGLISH_STOP_WORDS
    never = frozenset(special)
    return {
        number: surface
        for number, surface in surfaces.items()
        if roles[number] == WORD_START
        and number not in never
        and len(surface) > 1
        and surface.isascii()
        and surface.isalnum()
        and any(character.isalpha() for character in surface)
        and surface.lower() not in stop_words
    }


def by_capitalisation(words: list[str]) -> list[list[int]]:
    """Positions of words with equal capitalisation, so that a substitute looks like the word."""
    groups: defaultdict[tuple[bool, bool, bool], list[int]] = defaultdict(list)
    for position, word in enumerate(words):
        groups[word.islower(), word.istitle(), word.isupper()].append(position)
    return [group for group in groups.values() if len(group) > 1]


def neighbours(vectors: Tensor, numbers: Tensor, count: int, minimum: float) -> Tensor:
    """Numbers of each vector's nearest others by cosine, nearest first, (n, count); -1 where too few are near."""
    directions = torch.nn.functional.normalize(vectors, dim=-1)
    kept = min(count, len(numbers) - 1)
    result = torch.full((len(numbers), count), -1, dtype=torch.int32, device=numbers.device)
    for start in range(0, len(numbers), 1024):  # all cosines at once may not fit in memory
        rows = torch.arange(start, min(start + 1024, len(numbers)), device=numbers.device)
        cosines = directions[rows] @ directions.T
        cosines[rows - start, rows] = float("-inf")
        nearest, others = cosines.topk(kept, dim=-1)
        result[rows, :kept] = torch.where(nearest >= minimum, numbers[others], -1).int()
    return result


def read_vectors(path: Path, words: set[str]) -> dict[str, list[float]]:
    """Vectors of the words that the file has.

    Raises:
        ValueError: a line is no word with its numbers.
    """
    vectors: dict[str, list[float]] = {}
    with path.open(encoding="utf-8") as lines:
        for count, line in enumerate(lines, start=1):
            parts = line.split()
            if parts and parts[0] in words:
                try:
                    vectors[parts[0]] = [float(number) for number in parts[1:]]
                except ValueError as error:
                    raise ValueError(f"{path}, line {count}: not a word and its numbers.") from error
    return vectors
