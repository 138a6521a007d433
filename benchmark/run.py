"""Carrying out a plan: skip what is finished, go on after a failure, write each record when its cell ends."""

from __future__ import annotations

import datetime
import os
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.attacked_set import check_attacks
from benchmark.errors import UserError
from benchmark.execution import AS_USUAL, Execution
from benchmark.file_sets import check_pairs
from benchmark.finished_cells import finished_records
from benchmark.plan import Cell
from benchmark.processes import ONE_PROCESS, Processes, Work
from benchmark.progress import Reporter
from benchmark.shared_cells import in_turn
from benchmark.work_lock import work_lock
from benchmark.working_files import has_working_files, remove_working_files
from leaderboard.checksum import with_checksum
from leaderboard.read_bounded import LONGEST
from leaderboard.record import EvaluatedSet, Failure, Record
from leaderboard.replace_file import remove_unfinished, replace_file
from tasks import DataError
from tasks.loading import LoadedTask, load_task

if TYPE_CHECKING:
    from benchmark.planned import Planned

LONGEST_MESSAGE = 2_000
"""Characters of an error's message that a record keeps."""

LONGEST_TRACEBACK = 100_000


@dataclass(frozen=True)
class RunOutcome:
    """What became of the cells."""

    finished: tuple[Planned, ...]
    skipped: tuple[Planned, ...]
    """Finished by an earlier run, or by another one at the same time."""
    failed: tuple[Planned, ...]


def run_cells(
    cells: Sequence[Cell],
    out: Path,
    reporter: Reporter,
    *,
    mirror: Path | None = None,
    execution: Execution = AS_USUAL,
) -> RunOutcome:
    """Run the cells that have no finished record below the output folder.

    Everything that can be known to be wrong is looked at before the first cell runs. A cell that fails leaves a
    record with its traceback, and is tried again by the next run; the others go on. Several runs on one folder share
    the cells.

    Raises:
        UserError: the output folder cannot be written, a record there cannot be used, or data cannot be had.
    """
    pending, skipped = pending_and_finished(cells, out, reporter, execution)
    if not pending:
        return RunOutcome((), tuple(skipped), ())
    processes = execution.processes
    with processes.together(Work.CHECK, [cell.config_hash for cell in pending]):
        data = check_cells(pending, mirror, reporter, processes)
    finished: list[Cell] = []
    failed: list[Cell] = []
    truncated: dict[str, str] = {}
    reporter.start_cells(len(pending))
    for number, (cell, record) in enumerate(in_turn(pending, out, reporter.say), start=1):
        if record is None:
            reporter.say(f"cell {number} of {len(pending)}: {cell}")
            record = _run_one(cell, data[data_key(cell)], out, reporter, execution)
            (finished if record.status == "finished" else failed).append(cell)
        else:
            reporter.say(f"cell {number} of {len(pending)}: {cell}: {record.status} by another run")
            (skipped if record.status == "finished" else failed).append(cell)
        if record.status == "finished":
            truncated.setdefault(
                f"task {cell.task.name} on {cell.backbone.name}", truncated_sets(record, cell.training.max_length)
            )
        reporter.finish_cell()
    for place, sets in truncated.items():
        if sets:
            reporter.say(f"{place}: {sets}")
    return RunOutcome(tuple(finished), tuple(skipped), tuple(failed))


def pending_and_finished(
    cells: Sequence[Cell], out: Path, reporter: Reporter, execution: Execution
) -> tuple[list[Cell], list[Cell]]:
    """The cells without a finished record below the output folder, which is made, and those with one.

    Raises:
        UserError: the output folder cannot be written, or a record there cannot be used.
    """
    make_writable(out)
    done = finished_records(out, cells, reporter.say)
    pending: list[Cell] = []
    finished: list[Cell] = []
    for cell in cells:
        (finished if out / cell.record_path in done else pending).append(cell)
    for folder, name in ((out / cell.folder, cell.config_hash) for cell in finished):
        if has_working_files(folder):  # of a run that was killed when it had written the record
            with work_lock(name, out) as free:
                if free:
                    remove_working_files(folder)
    if execution.keep_model and finished:
        reporter.say(f"--keep-model: {len(finished)} cells are finished already; their models were not kept.")
    return pending, finished


def make_writable(folder: Path) -> None:
    """Make the output folder.

    Raises:
        UserError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_be_written(folder, error) from None


def cannot_be_written(folder: Path, error: OSError) -> UserError:
    """What to say of an output folder that refused a file."""
    return UserError(
        f"output folder {folder}: cannot be written ({os.strerror(error.errno or 0)}); name another with --out."
    )


def truncated_sets(record: Record, max_length: int) -> str:
    """Which texts the model saw the beginning of only; empty where it saw all of each."""
    sets = [
        f"{item.truncated:,} of {item.rows:,} in {name}"
        for name, item in record.evaluation_sets.items()
        if item.truncated
    ]
    return f"texts cut at {max_length} tokens: {', '.join(sets)}." if sets else ""


def _run_one(cell: Cell, data: LoadedTask, out: Path, reporter: Reporter, execution: Execution) -> Record:
    from benchmark.cell import run_cell  # torch and transformers take seconds to import

    return leave_record(
        cell,
        lambda: run_cell(cell, data, out / cell.folder, reporter, execution),
        out,
        reporter,
        execution.processes.size,
    )


def leave_record(
    cell: Planned, work: Callable[[], Record], out: Path, reporter: Reporter, processes: int = 1
) -> Record:
    """Do the work and write the record that it returns; where it raises, one of the failure.

    Whoever calls holds the cell's lock.
    """
    remove_unfinished(out / cell.folder)
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    try:
        record = work()
        content = serialised(record)
        if (excess := len(content) - LONGEST) > 0:
            record = _shortened(record, excess, reporter)
            content = serialised(record)
    except Exception as error:
        failure = failure_of(error)
        record = _failed(cell, started, failure, processes)
        content = serialised(record)
        reporter.say(f"  failed: {in_one_line(failure)}")
    path = out / cell.record_path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        reporter.say(f"  {path}: cannot be written ({os.strerror(error.errno or 0)}); the cell leaves no record.")
        return _failed(cell, started, failure_of(error), processes)
    if record.status == "finished":
        remove_working_files(path.parent)
        reporter.say(f"  finished in {sum(record.seconds.values()):.0f} s")
    return record


def serialised(record: Record) -> bytes:
    """A record as the bytes of its file."""
    return with_checksum(record.model_dump(mode="json"))


def _shortened(record: Record, excess: int, reporter: Reporter) -> Record:
    """A record that no reader would take for its length, without the single predictions of its largest sets."""
    sets = dict(record.evaluation_sets)
    left_out = []
    for name, item in sorted(sets.items(), key=lambda named: -_compact_size(named[1])):
        if excess > 0 and _compact_size(item):
            excess -= _compact_size(item)
            sets[name] = item.model_copy(update={"compact_logits": None})
            left_out.append(name)
    if left_out:
        reporter.say(f"  no single predictions in the record, for it would be too long: {', '.join(left_out)}")
    return record.model_copy(update={"evaluation_sets": sets})


def _compact_size(item: EvaluatedSet) -> int:
    compact = item.compact_logits
    return 0 if compact is None else len(compact.logits) + len(compact.labels or "")


def _failed(cell: Planned, started: str, failure: Failure, processes: int) -> Record:
    from benchmark.cell import origin

    return Record(status="failed", failure=failure, **origin(cell, started, processes))


def failure_of(error: Exception) -> Failure:
    """What a record says of an error that is being handled."""
    return Failure(
        kind=type(error).__name__,
        message=_readable(str(error), LONGEST_MESSAGE),
        traceback=_readable(traceback.format_exc(), LONGEST_TRACEBACK),
    )


def in_one_line(failure: Failure) -> str:
    """A failure for people."""
    return f"{failure.kind}: {' '.join(failure.message.split())}"


def _readable(text: str, longest: int) -> str:
    """An error's text as a record can hold it: without half characters, and its two ends where it is long.

    Some errors quote all that they could not use; no reader takes a record beyond a limit.
    """
    left_out = len(text) - longest
    if left_out > 0:
        text = f"{text[: longest // 2]} [{left_out:,} characters left out] {text[-(longest // 2) :]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def check_cells(
    cells: Sequence[Cell], mirror: Path | None, reporter: Reporter, processes: Processes = ONE_PROCESS
) -> dict[tuple[object, ...], LoadedTask]:
    """Look at everything that can be known to be wrong before the first of the cells runs.

    Returns:
        `data_key` of each cell → its texts.

    Raises:
        UserError: a backbone or method cannot be used, or data cannot be had.
    """
    check_fine_tuning(cells, processes)
    return _load_data(cells, mirror, reporter)


def check_fine_tuning(cells: Sequence[Cell], processes: Processes = ONE_PROCESS) -> None:
    """Look at everything that can be known to be wrong with fine-tuning, but for the data.

    Raises:
        UserError: the processes cannot share a mini-batch, or a backbone or method cannot be used.
    """
    processes.take_device()
    _check_batches(cells, processes.size)
    _check_backbones(cells)
    _check_methods(cells)


def _check_batches(cells: Sequence[Cell], processes: int) -> None:
    for cell in cells:
        if cell.training.batch_size % processes:
            raise UserError(
                f"training.batch_size is {cell.training.batch_size}, which {processes} processes cannot share "
                f"equally; give a multiple of {processes}, or start another number of processes."
            )


def _check_backbones(cells: Sequence[Cell]) -> None:
    from benchmark.backbones import check

    for backbone, max_length in {(cell.backbone, cell.training.max_length): None for cell in cells}:
        check(backbone, max_length)


def _check_methods(cells: Sequence[Cell]) -> None:
    from benchmark.compatibility import check_method

    for cell in {(cell.backbone, cell.method_name, cell.task.name): cell for cell in cells}.values():
        check_method(cell)


def check_enough_texts(cell: Cell, data: LoadedTask) -> None:
    """Refuse fewer training texts than a mini-batch has.

    Raises:
        UserError: there are fewer.
    """
    if len(data.training.examples) < cell.training.batch_size:
        raise UserError(
            f"training.batch_size is {cell.training.batch_size}, but there are only "
            f"{len(data.training.examples)} training texts, and a last partial batch is dropped."
        )


def data_key(cell: Cell) -> tuple[object, ...]:
    """What tells the texts of one cell from those of another."""
    return (cell.task.name, cell.training.train_size, cell.training.selection, cell.evaluation.evaluation_size)


def _load_data(cells: Sequence[Cell], mirror: Path | None, reporter: Reporter) -> dict[tuple[object, ...], LoadedTask]:
    """Texts of every task and setting among the cells."""
    loaded: dict[tuple[object, ...], LoadedTask] = {}
    for cell in cells:
        if data_key(cell) in loaded:
            continue
        try:
            data = load_task(
                cell.task,
                mirror=mirror,
                train_size=cell.training.train_size,
                evaluation_size=cell.evaluation.evaluation_size,
                selection=cell.training.selection,
            )
        except DataError as error:
            raise UserError(str(error)) from None
        check_pairs(data)
        check_attacks(cell.attacks, cell.task, data.missing)
        check_enough_texts(cell, data)
        for name, reason in data.missing.items():
            reporter.say(f"task {cell.task.name}: evaluation set {name} is missing: {reason}")
        loaded[data_key(cell)] = data
    return loaded
