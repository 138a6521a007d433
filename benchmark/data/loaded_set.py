"""The texts of a set, and what is worked out of them once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmark.data.task_sets import TaskSet
from tasks import Examples
from tasks.sources import Loaded


@dataclass(frozen=True)
class LoadedSet:
    """A set and its texts."""

    item: TaskSet
    loaded: Loaded

    @property
    def examples(self) -> Examples:
        """All rows."""
        return self.loaded.examples

    @cached_property
    def without_text(self) -> Sequence[int]:
        """Numbers, from 1, of the rows that lack a text."""
        rows = enumerate(self.examples.rows(), start=1)
        return [row for row, texts in rows if not all(isinstance(text, str) and text.strip() for text in texts)]

    @cached_property
    def sha256(self) -> str:
        """Hash of the texts and labels, as a card pins it."""
        return self.examples.sha256()

    @property
    def comparable(self) -> bool:
        """Whether every row has text; only then can rows be compared and measured."""
        return len(self.examples) > 0 and not self.without_text

    @cached_property
    def keys(self) -> Sequence[bytes]:
        """What makes texts the same, row by row: a hash of letters and digits, case ignored."""
        return [hashlib.sha256(key.encode(errors="surrogatepass")).digest() for key in self.examples.each_key()]

    @cached_property
    def distinct_keys(self) -> frozenset[bytes]:
        """The keys, each once."""
        return frozenset(self.keys)

    def text(self, row: int) -> str:
        """A row's text; a pair's with a bar between."""
        return " | ".join(column[row] for column in (self.examples.texts, self.examples.second_texts) if column)
