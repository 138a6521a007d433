"""Columns whose values are read again whenever they are asked for, so that memory holds a few of them at a time."""

from __future__ import annotations

import operator
import os
from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, overload

BATCH_ROWS = 1_024
"""Rows that are read at a time."""

ROWS_AT_ONCE = 16_384
"""Most rows that `LazyColumn.chosen` holds in memory; more than are predicted together."""

Batches = Callable[[int], Iterator[tuple[int, Sequence[Any]]]]
"""Reads a column in order: takes a row, and yields batches of values, each with the number of its first row.

The first batch may begin before that row; where there is none, nothing is yielded.
"""


class LazyColumn(Sequence[Any]):
    """Values in order, none of them kept; equal to any sequence of equal values.

    Reading rows in ascending order is fast; a step back may read from the beginning again.
    """

    @abstractmethod
    def value(self, row: int) -> Any:
        """The value of a row from 0 to the last."""

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Any, ...]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return tuple(self.value(each) for each in range(len(self))[row])
        place = operator.index(row)
        if not -len(self) <= place < len(self):
            raise IndexError(f"row {place} of {len(self)}")
        return self.value(place % len(self))

    def __iter__(self) -> Iterator[Any]:
        return (self.value(row) for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def chosen(self, rows: Sequence[int]) -> Sequence[Any]:
        """Some rows in the given order: in memory where they are few, or where their order is not ascending."""
        if len(rows) <= ROWS_AT_ONCE or any(later < earlier for earlier, later in pairwise(rows)):
            found = {row: self[row] for row in sorted(set(rows))}
            return tuple(found[row] for row in rows)
        return ChosenRows(self, rows)


class BatchedColumn(LazyColumn):
    """A column that is read in batches; the last one read is kept."""

    def __init__(self, batches: Batches, rows: int) -> None:
        """Make a column.

        Args:
            batches: reads it.
            rows: its length.
        """
        self._batches = batches
        self._rows = rows
        self._forget()

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[Any]:
        for _, values in self._batches(0):
            yield from values

    def value(self, row: int) -> Any:
        """The value of a row."""
        if not self._first <= row < self._first + len(self._values):
            self._read_to(row)
        return self._values[row - self._first]

    def __getstate__(self) -> dict[str, Any]:
        return {"_batches": self._batches, "_rows": self._rows}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._reading: Iterator[tuple[int, Sequence[Any]]] | None = None
        self._process = os.getpid()
        self._first = 0
        self._values: Sequence[Any] = ()

    def _read_to(self, row: int) -> None:
        # A forked process shares the place in an open file with its parent, so each opens its own.
        if self._reading is None or row < self._first or self._process != os.getpid():
            self._forget()
            self._reading = self._batches(row)
        for first, values in self._reading:
            if row < first + len(values):
                self._first, self._values = first, values
                return
        raise AssertionError(f"row {row} of {self._rows} was not read")


class ChosenRows(LazyColumn):
    """Some rows of another column, in ascending order."""

    def __init__(self, whole: Sequence[Any], rows: Sequence[int]) -> None:
        """Make a column.

        Args:
            whole: the other column.
            rows: rows of it.
        """
        self._whole = whole
        self._chosen = rows if isinstance(rows, range) else array("q", rows)

    def __len__(self) -> int:
        return len(self._chosen)

    def value(self, row: int) -> Any:
        """The value of a row."""
        return self._whole[self._chosen[row]]


class MappedColumn(LazyColumn):
    """What a function makes of the values that one or more columns have in a row."""

    def __init__(self, function: Callable[..., Any], *columns: Sequence[Any]) -> None:
        """Make a column.

        Args:
            function: takes the row's number, from 0, and a value of each column.
            columns: at least one; of the same length.
        """
        self._function = function
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns[0])

    def value(self, row: int) -> Any:
        """The value of a row."""
        return self._function(row, *(column[row] for column in self._columns))


class JoinedColumns(LazyColumn):
    """Columns one after another."""

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        """Make a column.

        Args:
            columns: at least one.
        """
        self._columns = tuple(columns)
        self._starts = (0, *accumulate(map(len, columns)))

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[Any]:
        for column in self._columns:
            yield from column

    def value(self, row: int) -> Any:
        """The value of a row."""
        place = bisect_right(self._starts, row) - 1
        return self._columns[place][row - self._starts[place]]
