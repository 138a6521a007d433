"""All records below some folders, or every reason why not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leaderboard.one_line import one_line
from leaderboard.record import Record, RecordError, find_records, read_record
from leaderboard.score_range import impossible_score

MOST_PROBLEMS = 20
"""Record files that are named when they cannot be used; of more, the number is given."""


class UnusableRecordsError(RecordError):
    """Several record files that cannot be used; the message names the first."""

    def __init__(self, problems: Sequence[str], files: int):
        """Take one line for each file.

        Args:
            problems: what is wrong, one line for each file that cannot be used, at least two.
            files: how many record files there are.
        """
        more = len(problems) - 1
        super().__init__(f"{problems[0].rstrip('.')}; {more} more {'file' if more == 1 else 'files'} cannot be used.")
        self.problems = tuple(problems)
        self.files = files

    @property
    def lines(self) -> list[str]:
        """One line for each of the first files, and what became of all of them."""
        unnamed = len(self.problems) - MOST_PROBLEMS
        lines = [*self.problems[:MOST_PROBLEMS]]
        if unnamed > 0:
            lines.append(f"and {unnamed} more.")
        return [*lines, f"{len(self.problems)} of {self.files} record files cannot be used: nothing was written."]


@dataclass(frozen=True)
class ReadRecords:
    """What could be read."""

    records: tuple[Record, ...]
    problems: tuple[str, ...]
    """One line for each file that was left out."""
    left_out: tuple[str, ...]
    """The same files, relative to the folder that was named."""


def read_records(record_folders: Sequence[Path], *, skip_bad: bool = False) -> ReadRecords:
    """All records below the folders; a file that is reached twice counts once.

    Args:
        record_folders: folders, each with a record at least.
        skip_bad: leave out files that cannot be used, where others can, and folders that cannot be read.

    Raises:
        RecordError: a folder holds no record or cannot be read, or a record cannot be used; all that cannot are named.
    """
    files: dict[Path, Path] = {}
    closed: dict[Path, tuple[OSError, Path]] = {}
    for folder in record_folders:
        # Not by `Path.resolve`, which under some versions of Python raises where a link leads to itself.
        below = Path(os.path.realpath(folder))
        unreadable: list[OSError] = []
        found = find_records(below, unreadable) if folder.is_dir() else []
        closed |= {(at := Path(error.filename)): (error, at.relative_to(below)) for error in unreadable}
        if not found and not unreadable:
            what = "no record.json below it" if folder.is_dir() else "is not a folder"
            raise RecordError(f"{folder}: {what}; run `roast-bench run SUITE` first, or name the folder it wrote to.")
        for path in found:
            # No folder on the way is a link, so only the files are left to resolve: a tenth of the time.
            target = Path(os.path.realpath(path)) if path.is_symlink() else path
            files.setdefault(target, path.relative_to(below))
    records, problems, left_out = [], [], []
    for path, (error, relative) in sorted(closed.items()):
        problems.append(f"{path}: cannot be read ({error.strerror}), so records below it may be missing.")
        left_out.append(f"{relative.as_posix()}/")
    for path in sorted(files):
        try:
            record = read_record(path)
            if (wrong := impossible_score(record)) is not None:
                raise RecordError(f"{path}: {one_line(wrong)}; move it away and run the cell again.")
            records.append(record)
        except RecordError as error:
            problems.append(str(error))
            left_out.append(files[path].as_posix())
    if problems and not (skip_bad and records):
        if len(problems) == 1:
            raise RecordError(problems[0])
        raise UnusableRecordsError(problems, len(files) + len(closed))
    return ReadRecords(tuple(records), tuple(problems), tuple(sorted(left_out)))
