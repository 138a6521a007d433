"""Checked columns of texts."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.errors import DataError
from tasks.lazy_columns import ChosenRows, LazyColumn, MappedColumn

HELD_BYTES = 16 * 2**20
"""Memory that the texts of a lazy column may take to be held; those of larger ones are read again when needed."""


@dataclass(frozen=True)
class Table:
    """Columns as a data set holds them."""

    columns: Mapping[str, Sequence[Any]]
    place: str
    """The file or data set, for errors."""
    label_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column of integer codes → the names that the data set's own schema gives them, in the order of the codes."""

    def column(self, path: str) -> Sequence[Any]:
        """A column, or a field of a nested one: ``"translation.en"``.

        A row that lacks the field is refused when its value is asked for.

        Raises:
            DataError: there is none.
        """
        if path in self.columns:
            return self.columns[path]
        top, *fields = path.split(".")
        check_columns(list(self.columns), [top], self.place)

        def field_of(row: int, value: Any) -> Any:
            for depth, name in enumerate(fields):
                if not isinstance(value, Mapping) or name not in value:
                    outer = ".".join([top, *fields[:depth]])
                    held = ", ".join(map(repr, value)) if isinstance(value, Mapping) else "no fields"
                    place = f"{self.place}: row {row + 1}, column {outer!r}"
                    raise DataError(f"{place} has no field {name!r}; it has {held}.")
                value = value[name]
            return value

        return MappedColumn(field_of, self.columns[top])


def top_column(path: str, columns: Sequence[str]) -> str:
    """The column that a path leads through: itself, or what comes before its first dot."""
    return path if path in columns else path.partition(".")[0]


def check_columns(columns: Sequence[str], wanted: Sequence[str], place: str) -> None:
    """Refuse data that lack a wanted column.

    Raises:
        DataError: which column is missing, and which there are.
    """
    for column in wanted:
        if column not in columns:
            raise DataError(f"{place}: has no column {column!r}; it has {', '.join(map(repr, columns))}.")


def texts_of(values: Sequence[Any], rows: Sequence[int], column: str, place: str) -> Sequence[str]:
    """The chosen rows of a column of texts, unchanged: in memory, unless the column is lazy and they are large.

    Args:
        values: the whole column.
        rows: positions to take, from 0, ascending; errors count them from 1.
        column: its name, for errors.
        place: the file or data set, for errors.

    Raises:
        DataError: a chosen row is missing, NaN, blank or no text.
    """
    held: list[str] | None = []
    size = 0
    for row in rows:
        value = values[row]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            raise DataError(f"{place}: row {row + 1}, column {column!r} has no text.")
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"{place}: row {row + 1}, column {column!r} is not a text: {value!r}.")
        if held is not None:
            held.append(value)
            size += sys.getsizeof(value)
            if size > HELD_BYTES and isinstance(values, LazyColumn):
                held = None
    if held is not None:
        return tuple(held)
    return values if len(rows) == len(values) else ChosenRows(values, rows)


def joined(first: Sequence[Any], second: Sequence[Any]) -> Sequence[Any]:
    """Two columns as one: both texts with one space between, or the one of them that is not blank.

    What is no text is kept as it is, for `texts_of` to refuse.
    """
    return MappedColumn(_joined, first, second)


def _joined(row: int, one: Any, other: Any) -> Any:
    if is_blank(one):
        return other
    if is_blank(other):
        return one
    if not (isinstance(one, str) and isinstance(other, str)):
        return other if isinstance(one, str) else one
    return f"{one.rstrip()} {other.lstrip()}"


def is_blank(value: Any) -> bool:
    """Whether there is nothing: no value, or a text of white space alone."""
    return value is None or (isinstance(value, str) and not value.strip())
