"""From folders of records to the leaderboard's files."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from leaderboard.aggregate import aggregate
from leaderboard.one_line import one_line
from leaderboard.read_records import ReadRecords, read_records
from leaderboard.rendered_files import DEFAULT_FORMATS, Format, RenderedFile, rendered_files
from leaderboard.replace_file import replace_file
from leaderboard.significance.remembered import remembered_comparisons
from leaderboard.table import Leaderboard

_MOST_LEFT_OUT = 5
"""Files that a note names."""


@dataclass(frozen=True)
class WrittenLeaderboard:
    """What was written, and what it shows."""

    leaderboard: Leaderboard
    files: dict[Format, tuple[Path, ...]]
    """By format, in the order of `rendered_files`; pictures by table and kind."""

    @property
    def markdown(self) -> Path:
        """The Markdown document, if it was asked for."""
        return self.files["markdown"][0]

    @property
    def csv(self) -> Path:
        """The CSV file, if it was asked for."""
        return self.files["csv"][0]

    @property
    def pictures(self) -> tuple[Path, ...]:
        """All pictures, in the tables' order."""
        return (*self.files.get("svg", ()), *self.files.get("png", ()))


def write_leaderboard(
    record_folders: Sequence[Path], out: Path, formats: Collection[Format] = DEFAULT_FORMATS
) -> WrittenLeaderboard:
    """Read all records below the folders and write the leaderboard into ``out``.

    The same records give the same bytes, whatever the order of folders and files.

    Raises:
        RecordError: a folder holds no record, or a record cannot be used.
        OSError: ``out`` cannot be written to.
    """
    leaderboard = leaderboard_of(read_records_quickly(record_folders))
    return WrittenLeaderboard(leaderboard, write_files(rendered_files(leaderboard, formats), out))


def read_records_quickly(record_folders: Sequence[Path], *, skip_bad: bool = False) -> ReadRecords:
    """`read_records` without looking for garbage, which takes as long as all the rest and finds none."""
    with _no_garbage_collection():
        return read_records(record_folders, skip_bad=skip_bad)


def leaderboard_of(read: ReadRecords, resampling: Callable[[int], None] | None = None) -> Leaderboard:
    """The tables of the records, each with a note where files were left out: any of them may have been of any table.

    Args:
        read: the records.
        resampling: told the number of a table's records before they are resampled, which takes long where there are
            many; not called where that was done before.
    """
    with _no_garbage_collection():
        leaderboard = aggregate(read.records, partial(remembered_comparisons, resampling=resampling))
    if not read.left_out:
        return leaderboard
    named = ", ".join(one_line(name) for name in read.left_out[:_MOST_LEFT_OUT])
    more = f" and {len(read.left_out) - _MOST_LEFT_OUT} more" if len(read.left_out) > _MOST_LEFT_OUT else ""
    what = "A record file" if len(read.left_out) == 1 else f"{len(read.left_out)} record files"
    note = f"{what} could not be used and may be missing here: {named}{more}."
    return replace(
        leaderboard,
        groups=tuple(
            replace(group, tables=tuple(replace(table, notes=(*table.notes, note)) for table in group.tables))
            for group in leaderboard.groups
        ),
    )


def write_files(files: Sequence[RenderedFile], out: Path) -> dict[Format, tuple[Path, ...]]:
    """Write rendered files, each in one step; ``out`` is created, nothing in it is removed.

    Raises:
        OSError: ``out`` cannot be written to; files that were not reached are unchanged.
    """
    written: dict[Format, tuple[Path, ...]] = {}
    for file in files:
        path = out / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, file.content)
        written[file.format] = (*written.get(file.format, ()), path)
    return written


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Without it, half of the time goes into looking for garbage among thousands of records, where there is none."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
