"""Labelled or unlabelled texts, and what identifies them."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tasks.lazy_columns import JoinedColumns, LazyColumn

NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Examples:
    """Texts in order: single sentences or pairs, with or without labels.

    Texts are tuples, or, where they are too many to be held, columns that read their file again
    (`tasks.lazy_columns.LazyColumn`); those raise DataError where the file was changed meanwhile.
    """

    texts: Sequence[str]
    """The text, or the first of a pair (premise)."""
    second_texts: Sequence[str] | None = None
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
            texts=_chosen(self.texts, rows),
            second_texts=None if self.second_texts is None else _chosen(self.second_texts, rows),
            labels=None if self.labels is None else tuple(self.labels[row] for row in rows),
        )

    def columns(self) -> list[list[str]]:
        """The texts as a tokenizer takes them: one column, or two for pairs."""
        return [list(column) for column in (self.texts, self.second_texts) if column is not None]

    def in_memory(self) -> Examples:
        """The same, with every text held."""
        seconds = self.second_texts
        return Examples(tuple(self.texts), None if seconds is None else tuple(seconds), self.labels)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The text of each row, or the two of a pair."""
        return zip(*(column for column in (self.texts, self.second_texts) if column is not None), strict=True)

    def keys(self) -> list[str]:
        """What makes two examples the same text: letters and digits alone, case ignored.

        Accents count; whether they are written as one character or two does not.
        """
        return list(self.each_key())

    def each_key(self) -> Iterator[str]:
        """The `keys`, one at a time."""
        for text, *second in self.rows():
            yield f"{_letters(text)}\t{_letters(second[0]) if second else ''}"

    def sha256(self) -> str:
        """Hash of every text and label in order; equal exactly when the data are equal."""
        return self._sha256

    @cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for row, (text, *second) in enumerate(self.rows()):
            label = None if self.labels is None else self.labels[row]
            digest.update(json.dumps([text, second[0] if second else None, label], ensure_ascii=True).encode())
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
        texts=_joined([part.texts for part in parts]),
        second_texts=None if first.second_texts is None else _joined([part.second_texts or () for part in parts]),
        labels=None if first.labels is None else tuple(label for part in parts for label in part.labels or ()),
    )


def _chosen(texts: Sequence[str], rows: Sequence[int]) -> Sequence[str]:
    return texts.chosen(rows) if isinstance(texts, LazyColumn) else tuple(texts[row] for row in rows)


def _joined(columns: Sequence[Sequence[str]]) -> Sequence[str]:
    if any(isinstance(column, LazyColumn) for column in columns):
        return JoinedColumns(columns)
    return tuple(text for column in columns for text in column)


def _letters(text: str) -> str:
    return NEITHER_LETTER_NOR_DIGIT.sub("", unicodedata.normalize("NFC", text.casefold()))
