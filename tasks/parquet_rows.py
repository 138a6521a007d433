"""A Parquet file whose columns are read a batch of rows at a time."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from tasks.errors import DataError, first_line
from tasks.lazy_columns import BATCH_ROWS, BatchedColumn

BUFFER_BYTES = 1 << 20
"""Bytes of a column that are read from the file at a time; without it, pyarrow reads all that a row group has."""

State = tuple[int, int, int, int]
"""Device, inode, size in bytes and time of the last change in nanoseconds: what tells a file from a changed one."""


@dataclass(frozen=True)
class ParquetRows:
    """What a Parquet file holds, without its values."""

    path: Path
    names: tuple[str, ...]
    """Of its columns; each once."""
    rows: int
    metadata: Mapping[bytes, bytes]
    """Of its schema."""
    state: State
    """The file when it was first opened; a file in another state is refused from then on."""
    group_starts: tuple[int, ...]
    """First row of each row group."""

    @classmethod
    def of(cls, path: Path) -> ParquetRows:
        """Look at a file.

        Raises:
            DataError: it is no Parquet file, or two of its columns have the same name.
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            state = state_of(file)
            with _readable(path):
                parquet = _opened(file)
                names = tuple(parquet.schema_arrow.names)
                groups = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
                metadata = dict(parquet.schema_arrow.metadata or {})
        check_distinct(path, names)
        return cls(path, names, sum(groups), metadata, state, tuple(accumulate(groups, initial=0))[:-1])

    def columns(self) -> dict[str, BatchedColumn]:
        """Its columns, which read the file when they are asked for a value.

        They raise DataError where the file cannot be read or was changed since it was first opened.
        """
        return {name: BatchedColumn(partial(self.batches, name), self.rows) for name in self.names}

    def batches(self, column: str, row: int) -> Iterator[tuple[int, list[Any]]]:
        """Values of a column, from the row group on that holds a row.

        Yields:
            Number of the first row of a batch, from 0, and the batch's values.

        Raises:
            DataError: the file cannot be read, or was changed since it was first opened.
        """
        if row >= self.rows:
            return
        group = bisect_right(self.group_starts, row) - 1
        first = self.group_starts[group]
        try:
            with self.path.open("rb") as file:
                self._check_unchanged(file)
                reading = self._read(file, column, range(group, len(self.group_starts)))
                for values in reading:
                    self._check_unchanged(file)
                    yield first, values
                    first += len(values)
        except OSError as error:
            raise DataError(
                f"{self.path}: cannot be read again ({os.strerror(error.errno) if error.errno else error}); "
                "it must stay where it is until it has been scored."
            ) from None

    def _read(self, file: BinaryIO, column: str, groups: range) -> Iterator[list[Any]]:
        try:
            with _readable(self.path):
                # One column at a time has nothing to share among threads.
                batches = _opened(file).iter_batches(BATCH_ROWS, list(groups), [column], use_threads=False)
                for batch in batches:
                    values = batch.column(column)
                    values.validate(full=True)
                    yield values.to_pylist()
        except DataError:
            self._check_unchanged(file)
            raise

    def _check_unchanged(self, file: BinaryIO) -> None:
        if state_of(file) != self.state:
            raise changed(self.path)


def state_of(file: BinaryIO) -> State:
    """The state of an open file."""
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def changed(path: Path) -> DataError:
    """What to say of a file in another state than before."""
    return DataError(f"{path}: was changed while it was in use; run again, and leave it as it is until it is scored.")


def check_distinct(path: Path, names: tuple[str, ...] | list[str]) -> None:
    """Refuse columns of the same name.

    Raises:
        DataError: which name, and how many columns have it.
    """
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: has {names.count(name)} columns {name!r}; rename or remove all but one.")


def _opened(file: BinaryIO) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What pyarrow says of a file that is none, in one line."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not a readable Parquet file ({first_line(error).rstrip('.')}).") from None
    except OSError as error:
        if error.errno:
            raise
        raise DataError(f"{path}: is not a readable Parquet file ({first_line(error).rstrip('.')}).") from None
