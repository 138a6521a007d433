"""Sharing the cells of an output folder with other runs on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from benchmark.finished_cells import usable_record
from benchmark.planned import Planned
from benchmark.work_lock import work_lock
from leaderboard.record import Record

PAUSE = 0.5
"""Seconds between two looks at cells that others are working on."""

Work = TypeVar("Work", bound=Planned)


def in_turn(cells: Sequence[Work], out: Path, say: Callable[[str], None]) -> Iterator[tuple[Work, Record | None]]:
    """Each cell once, as it becomes free, with the record that another run has left of it in the meantime, if any.

    While a cell is handed out, no other process is handed it. Those that others are working on come last; where such
    a process ends without leaving a record, its cell is handed out here.

    Args:
        cells: cells without a finished record.
        out: the output folder.
        say: takes a line when there is nothing to do but to wait.

    Raises:
        UserError: a lock cannot be made, or another version of roast-bench wrote a record meanwhile.
    """
    left = [(cell, _version(out, cell)) for cell in cells]
    waiting = False
    while left:
        others: list[tuple[Work, tuple[int, int] | None]] = []
        for cell, before in left:
            with work_lock(cell.config_hash, out) as free:
                if not free:
                    others.append((cell, before))
                    continue
                record = usable_record(out / cell.record_path, say, cell)
                again = record is not None and record.status == "failed" and before == _version(out, cell)
                yield cell, None if again else record
        if len(others) == len(left):
            if not waiting:
                say(f"waiting for {_counted(len(others))} that another run is working on: {others[0][0]}")
            waiting = True
            time.sleep(PAUSE)
        left = others


def _version(out: Path, cell: Planned) -> tuple[int, int] | None:
    """What changes whenever a cell's record is replaced; None where there is none."""
    try:
        found = (out / cell.record_path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _counted(cells: int) -> str:
    return "a cell" if cells == 1 else f"{cells} cells"
