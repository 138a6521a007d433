"""From the values of a label column to indices into a task's labels."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from tasks.errors import DataError


def label_indices(
    values: Iterable[Any],
    labels: Mapping[Any, int],
    left_out: Sequence[Any],
    names: Sequence[str] | None,
    column: str,
    place: str,
) -> list[int | None]:
    """The index of every row's label; None for rows whose label is left out.

    Args:
        values: the whole label column.
        labels: label → index. Where the schema names the codes a label is written by its name (or its code), else
            as the column holds it.
        left_out: labels, written alike, whose rows are not used.
        names: names of the codes 0, 1, … in the data set's own schema; None where it has none.
        column: the column's name, for errors.
        place: the file or data set, for errors.

    Raises:
        DataError: the schema lacks one of the names, a row has a label that is in neither list, or none is used.
    """
    written = {**labels, **dict.fromkeys(left_out)}
    expected = ", ".join(map(repr, written))
    codes = written
    if names is not None:
        for name in written:
            if isinstance(name, str) and name not in names:
                raise DataError(
                    f"{place}: column {column!r} has no label {name!r}; its labels are {', '.join(map(repr, names))}."
                )
        codes = {names.index(name) if isinstance(name, str) else name: index for name, index in written.items()}
    indices = []
    for row, value in enumerate(values, start=1):
        if not isinstance(value, Hashable) or value not in codes:
            shown = repr(value)
            if names is not None and isinstance(value, int) and 0 <= value < len(names):
                shown = f"{value} ({names[value]})"
            unnamed = names is None and isinstance(value, int) and any(isinstance(name, str) for name in written)
            raise DataError(
                f"{place}: row {row}, column {column!r} has label {shown}; expected is one of {expected}"
                f"{', and the column says no names for its codes' if unnamed else ''}."
            )
        indices.append(codes[value])
    if all(index is None for index in indices):
        raise DataError(f"{place}: column {column!r} holds none of the expected labels {', '.join(map(repr, labels))}.")
    return indices
