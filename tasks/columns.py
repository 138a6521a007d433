"""Checked columns of texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tasks.errors import DataError


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
