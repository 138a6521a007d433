"""Texts in a file of the user's."""

from __future__ import annotations

import difflib
import math
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.columns import texts_of
from tasks.errors import DataError
from tasks.examples import Examples
from tasks.lazy_columns import LazyColumn
from tasks.sources import Loaded
from tasks.table_file import TableFile, read_table

SINGLE_TEXTS = ("text", "sentence", "review", "content", "comment", "body", "message", "tweet", "document", "utterance")
"""Customary names of a column of single texts."""

PAIRS_OF_TEXTS = (
    ("text", "second_text"),
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("sentence_a", "sentence_b"),
)
"""Customary names of the two columns of pairs."""

LABELS = ("label", "labels", "gold_label", "target", "class", "category", "sentiment")
"""Customary names of a column of labels."""

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.0+)?")
SEPARATORS = re.compile(r"[\s_-]+")


@dataclass(frozen=True, kw_only=True)
class FileSource:
    """Texts in a CSV, TSV, JSONL or Parquet file of the user's, in UTF-8.

    A label is an index into the task's labels (1, "1", 1.0), or a label's name, where case does not count and space,
    hyphen and underscore are alike; where a name looks like an index, the name counts. The codes of a Parquet file
    whose own schema names them (``ClassLabel`` of the datasets library) with the task's labels stand for those names,
    whatever their order. Errors count rows from 1, the header of a CSV file and blank lines left out.

    Raises:
        ValueError: on construction, if ``second_text`` is named without ``text``, or two ``labels`` read alike.
    """

    path: Path
    text: str | None = None
    """Column of the text, or of the first of a pair. None: it is found among the customary names."""
    second_text: str | None = None
    """Column of the second of a pair. None: found with the first where that is not named, else there is none."""
    label: str | None = None
    """Column of the label. None: it is found among the customary names."""
    labels: tuple[str, ...] = ()
    """Names that may stand in the label column for their indices 0, 1, …"""
    labelled: bool = True
    """False: an anomaly set; a label column is not needed and not read."""

    def __post_init__(self) -> None:
        if self.second_text is not None and self.text is None:
            raise ValueError("second_text is named without text; name both columns of a pair.")
        if len({_plain(name) for name in self.labels}) < len(self.labels):
            raise ValueError(f"labels {', '.join(self.labels)}: two of them read alike.")

    def load(self, mirror: Path | None) -> Loaded:
        """Read the file; a mirror plays no part."""
        table = read_table(self.path)
        first, second = self._text_columns(table)
        label = self._label_column(table) if self.labelled else None
        return Loaded(
            Examples(
                texts=self._texts(table, first),
                second_texts=None if second is None else self._texts(table, second),
                labels=None if label is None else self._labels(table, label),
            ),
            partial=False,
            provenance=table.provenance,
        )

    def columns(self) -> tuple[str, ...]:
        """Names of the one or two columns that the texts are read from.

        Raises:
            DataError: as `load`.
        """
        return tuple(name for name in self._text_columns(read_table(self.path)) if name is not None)

    def _text_columns(self, table: TableFile) -> tuple[str, str | None]:
        if self.text is not None:
            self._check_column(table, "text", self.text)
            if self.second_text is not None:
                self._check_column(table, "second_text", self.second_text)
            return self.text, self.second_text
        known = _by_plain_name(table.columns)
        pairs = [(a, b) for first, second in PAIRS_OF_TEXTS for a in known(first) for b in known(second)]
        paired = {name for pair in pairs for name in pair}
        singles = [name for customary in SINGLE_TEXTS for name in known(customary) if name not in paired]
        if len(pairs) + len(singles) > 1:
            found = [*(f"{first!r} with {second!r}" for first, second in pairs), *map(repr, singles)]
            raise DataError(
                f"{self.path}: the texts may be in {' or '.join(found)}; name the column, text=…, and for pairs both, "
                "text=…,second_text=…"
            )
        if pairs:
            return pairs[0]
        if singles:
            return singles[0], None
        raise DataError(
            f"{self.path}: has no column of a customary name such as text, sentence, or premise with hypothesis; "
            f"name it, text=…; there is {_listed(table.columns)}."
        )

    def _label_column(self, table: TableFile) -> str:
        if self.label is not None:
            self._check_column(table, "label", self.label)
            return self.label
        known = _by_plain_name(table.columns)
        found = [name for customary in LABELS for name in known(customary) if name not in (self.text, self.second_text)]
        if len(found) > 1:
            raise DataError(
                f"{self.path}: the labels may be in {' or '.join(map(repr, found))}; name the column, label=…"
            )
        if not found:
            raise DataError(
                f"{self.path}: has no column of labels, such as label; name it, label=…; "
                f"there is {_listed(table.columns)}."
            )
        return found[0]

    def _check_column(self, table: TableFile, use: str, name: str) -> None:
        if name not in table.columns:
            close = difflib.get_close_matches(name, table.columns, n=1)
            guess = f"did you mean {close[0]!r}? There is" if close else "there is"
            raise DataError(f"{self.path}: has no column {name!r} ({use}={name}); {guess} {_listed(table.columns)}.")

    def _texts(self, table: TableFile, column: str) -> Sequence[str]:
        texts = texts_of(table.columns[column], range(table.rows), column, str(self.path))
        if isinstance(texts, LazyColumn):  # of a Parquet file, whose strings cannot be what is refused below
            return texts
        for row, text in enumerate(texts, start=1):
            if not table.typed and text in ("NaN", "nan"):
                raise DataError(f"{self.path}: row {row}, column {column!r} has no text, but {text}.")
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise DataError(
                    f"{self.path}: row {row}, column {column!r}: character {error.start + 1} is half a surrogate pair, "
                    "which is no text."
                ) from None
        return texts

    def _labels(self, table: TableFile, column: str) -> tuple[int, ...]:
        indices = {_plain(name): index for index, name in enumerate(self.labels)}
        values: Iterable[Any] = table.columns[column]
        names = table.label_names.get(column, ())
        if all(_plain(name) in indices for name in names):
            values = (
                names[value] if isinstance(value, int) and value in range(len(names)) else value for value in values
            )
        found: dict[Any, int] = {}
        labels = []
        for row, value in enumerate(values, start=1):
            key = (type(value), value) if isinstance(value, str | int | float) else None
            if key is None or key not in found:
                index = self._label(value, indices, f"{self.path}: row {row}, column {column!r}")
                found[key] = index
            labels.append(found[key])
        return tuple(labels)

    def _label(self, value: Any, indices: Mapping[str, int], place: str) -> int:
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            raise DataError(f"{place} has no label.")
        written = _plain(str(value))
        if written in indices and not isinstance(value, bool):
            return indices[written]
        number = str(value).strip()
        if isinstance(value, bool) or not WHOLE_NUMBER.fullmatch(number):
            close = difflib.get_close_matches(written, indices, n=1)
            guess = f" did you mean {self.labels[indices[close[0]]]!r}?" if close else ""
            raise DataError(f"{place}: unknown label {reprlib.repr(value)};{guess} {self._known_labels()}")
        index = int(number.partition(".")[0])
        if index < 0 or (self.labels and index >= len(self.labels)):
            raise DataError(f"{place}: label {number} is out of range; {self._known_labels()}")
        return index

    def _known_labels(self) -> str:
        if not self.labels:
            return "labels are whole numbers from 0."
        return f"labels are 0 to {len(self.labels) - 1} or their names {', '.join(self.labels)}."


def _plain(name: str) -> str:
    """A name without what does not tell names apart."""
    return SEPARATORS.sub(" ", name.strip().casefold())


def _by_plain_name(columns: Iterable[str]) -> Callable[[str], list[str]]:
    """Finds the columns that read like a customary name."""
    found: dict[str, list[str]] = {}
    for name in columns:
        found.setdefault(_plain(name), []).append(name)
    return lambda customary: found.get(_plain(customary), [])


def _listed(columns: Iterable[str]) -> str:
    names = list(columns)
    return ", ".join(map(reprlib.repr, names[:20])) + (", …" if len(names) > 20 else "")
