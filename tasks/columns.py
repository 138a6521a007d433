"""Checked columns of texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.errors import DataError


@dataclass(frozen=True)
class Table:
    """Columns as a data set holds them."""

    columns: Mapping[str, Sequence[Any]]
    place: str
    """The file or data set, for errors."""
    label_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column of integer codes → the names that the data set's own schema gives them, in the order of the codes."""

    def column(self, path: str) -> list[Any]:
        """A column, or a field of a nested one: ``"translation.en"``.

        Raises:
            DataError: there is none.
        """
        if path in self.columns:
            return list(self.columns[path])
        top, *fields = path.split(".")
        check_columns(list(self.columns), [top], self.place)
        values: list[Any] = list(self.columns[top])
        for depth, name in enumerate(fields, start=1):
            outer = ".".join([top, *fields[: depth - 1]])
            for row, value in enumerate(values, start=1):
                if not isinstance(value, Mapping) or name not in value:
                    held = ", ".join(map(repr, value)) if isinstance(value, Mapping) else "no fields"
                    raise DataError(f"{self.place}: row {row}, column {outer!r} has no field {name!r}; it has {held}.")
            values = [value[name] for value in values]
        return values


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


def texts_of(values: Iterable[Any], rows: Sequence[int], column: str, place: str) -> tuple[str, ...]:
    """The chosen rows of a column of texts, unchanged.

    Args:
        values: the whole column.
        rows: positions to take, from 0; errors count them from 1.
        column: its name, for errors.
        place: the file or data set, for errors.

    Raises:
        DataError: a chosen row is missing, NaN, blank or no text.
    """
    values = list(values)
    for row in rows:
        value = values[row]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            raise DataError(f"{place}: row {row + 1}, column {column!r} has no text.")
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"{place}: row {row + 1}, column {column!r} is not a text: {value!r}.")
    return tuple(values[row] for row in rows)


def joined(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    """Two columns as one: both texts with one space between, or the one of them that is not blank.

    What is no text is kept as it is, for `texts_of` to refuse.
    """
    return [_joined(one, other) for one, other in zip(first, second, strict=True)]


def _joined(one: Any, other: Any) -> Any:
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
