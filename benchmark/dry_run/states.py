"""How far the cells of a plan are, found out without changing a file."""

from __future__ import annotations

import os
from pathlib import Path

from benchmark.dry_run.estimate import State
from benchmark.errors import UserError
from benchmark.finished_cells import damaged_files, refuse_links
from benchmark.plan import Cell
from benchmark.run import cannot_be_written
from leaderboard.record import DamagedRecordError, RecordError, read_record


def check_writable(folder: Path) -> None:
    """Refuse an output folder that a run could not make or write, without trying.

    Raises:
        UserError: it cannot be made or written.
    """
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise cannot_be_written(folder, NotADirectoryError(20, ""))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise cannot_be_written(folder, PermissionError(13, ""))


def recorded_state(cell: Cell, out: Path) -> State:
    """What the cell's record says: finished, or to do, with the reason where there is a record all the same.

    Raises:
        UserError: another version of roast-bench wrote the record, or its folder is behind a link.
    """
    refuse_links(cell, out)
    path = out / cell.record_path
    if not path.exists():
        return State("to do")
    try:
        record = read_record(path)
    except DamagedRecordError:
        return State("to do", reason="its record is damaged")
    except RecordError as error:
        raise UserError(str(error)) from None
    if record.cell.config_hash != cell.config_hash or any(damaged_files(record, path.parent)):
        return State("to do", reason="its record or files are damaged")
    return State("finished") if record.status == "finished" else State("to do", reason="failed before")


def with_checkpoint(state: State, cell: Cell, out: Path, steps: int) -> State:
    """The state of a cell to do, after a look at its checkpoints.

    Args:
        state: what its record says.
        cell: the cell.
        out: the output folder.
        steps: optimizer steps of the whole training.
    """
    from benchmark.training_checkpoints import checkpoint_folder, last_whole_step

    step = last_whole_step(checkpoint_folder(out / cell.folder, 1))
    return State("resumes", step, steps) if step else state
