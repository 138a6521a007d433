"""Labelled or unlabelled texts, and what identifies them."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Examples:
    """Texts in order: single sentences or pairs, with or without labels."""

    texts: tuple[str, ...]
    """The text, or the first of a pair (premise)."""
    second_texts: tuple[str, ...] | None = None
    """The second of a pair (hypothesis)."""
    labels: tuple[int, ...] | None = None
    """Indices into the task's labels."""

    def __post_init__(self) -> None:
        for name, column in (("second_texts", self.second_texts), ("labels", self.labels)):
            if column is not None and len(column) != len(self.texts):
                raise ValueError(f"{len(self.texts)} texts but {len(column)} {name}.")

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, rows: Sequence[int]) -> Examples:
        """The given rows, in the given order."""
        return Examples(
            texts=tuple(self.texts[row] for row in rows),
            second_texts=None if self.second_texts is None else tuple(self.second_texts[row] for row in rows),
            labels=None if self.labels is None else tuple(self.labels[row] for row in rows),
        )

    def columns(self) -> list[list[str]]:
        """The texts as a tokenizer takes them: one column, or two for pairs."""
        return [list(column) for column in (self.texts, self.second_texts) if column is not None]

    def keys(self) -> list[str]:
        """What makes two examples the same text: letters and digits alone, case ignored.

        Accents count; whether they are written as one character or two does not.
        """
        seconds = self.second_texts or [""] * len(self.texts)
        return [f"{_letters(text)}\t{_letters(second)}" for text, second in zip(self.texts, seconds, strict=True)]

    def sha256(self) -> str:
        """Hash of every text and label in order; equal exactly when the data are equal."""
        digest = hashlib.sha256()
        for row in range(len(self)):
            second = None if self.second_texts is None else self.second_texts[row]
            label = None if self.labels is None else self.labels[row]
            digest.update(json.dumps([self.texts[row], second, label], ensure_ascii=True).encode())
            digest.update(b"\n")
        return digest.hexdigest()


def concatenated(parts: Sequence[Examples]) -> Examples:
    """Examples one after another; at least one part.

    Raises:
        ValueError: some are pairs or have labels and others not.
    """
    for kind in ("second_texts", "labels"):
        if len({getattr(part, kind) is None for part in parts}) > 1:
            raise ValueError(f"{kind} are given for some parts only.")
    first = parts[0]
    return Examples(
        texts=tuple(text for part in parts for text in part.texts),
        second_texts=None
        if first.second_texts is None
        else tuple(text for part in parts for text in part.second_texts or ()),
        labels=None if first.labels is None else tuple(label for part in parts for label in part.labels or ()),
    )


def _letters(text: str) -> str:
    return NEITHER_LETTER_NOR_DIGIT.sub("", unicodedata.normalize("NFC", text.casefold()))
