"""The trials of a search: those on the disk are read, the others fine-tuned; one that fails does not end the search."""

from __future__ import annotations

import datetime
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic_core import from_json

from benchmark.execution import AS_USUAL
from benchmark.plan import Cell
from benchmark.processes import ONE_PROCESS, Work
from benchmark.progress import Reporter
from benchmark.run import failure_of, in_one_line
from benchmark.training_checkpoints import checkpoint_folder, checkpoint_folders, last_whole_checkpoint
from benchmark.tuning.trial import FAILED_FILE, TRIAL_FILE, FailedTrial, Outcome, Trial, read_failed, read_trial
from benchmark.work_lock import work_lock
from leaderboard.checksum import with_checksum
from leaderboard.record import DataFingerprint, Failure
from leaderboard.replace_file import remove_unfinished, replace_file

if TYPE_CHECKING:
    from tasks.loading import LoadedTask

PAUSE = 0.5
"""Seconds between two looks at trials that others are working on."""


class Trials:
    """What comes of the cells of one search.

    Several processes on one folder share the work, and what an interrupted one began is gone on with. A cell that
    failed in an earlier search is tried again, one that failed in this one, or at the same time in another, is not.
    """

    def __init__(
        self,
        data: LoadedTask,
        fingerprints: dict[str, DataFingerprint],
        out: Path,
        reporter: Reporter,
        checkpoint_every: int | None = None,
    ) -> None:
        """Look at what earlier searches have left.

        Args:
            data: texts to train on and to choose on.
            fingerprints: of its two parts, ``train`` and ``selection``.
            out: output folder.
            reporter: shows progress.
            checkpoint_every: optimizer steps between checkpoints; None is one at the end of each epoch.
        """
        self._data = data
        self._fingerprints = fingerprints
        self._out = out
        self._reporter = reporter
        self._checkpoint_every = checkpoint_every
        self._known: dict[str, Outcome] = {}
        self._failed_before = {path: _version(path) for path in out.rglob(FAILED_FILE)}

    def of(self, cells: Sequence[Cell]) -> list[Outcome]:
        """What came of each cell; a failure is said on one line, and kept in a file.

        Args:
            cells: what to try; their evaluation settings play no part.
        """
        left = [cell for cell in cells if cell.config_hash not in self._known]
        for cell, found in self._in_turn(left):
            self._known[cell.config_hash] = found or self._tried(cell)
        return [self._known[cell.config_hash] for cell in cells]

    def _in_turn(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Outcome | None]]:
        """Each cell once, as it becomes free, with what is known of it; nobody else works on it meanwhile."""
        left = list(cells)
        waiting = False
        while left:
            others = []
            for cell in left:
                with work_lock(cell.config_hash, self._out) as free:
                    if free:
                        yield cell, self._found(cell)
                    else:
                        others.append(cell)
            if len(others) == len(left):
                if not waiting:
                    self._reporter.say(f"waiting for another search, which is working on {_described(others[0])}")
                waiting = True
                time.sleep(PAUSE)
            left = others

    def _found(self, cell: Cell) -> Outcome | None:
        folder = self._out / cell.folder
        trial = read_trial(folder / TRIAL_FILE, cell, self._fingerprints, self._reporter.say)
        if trial is not None:
            (folder / FAILED_FILE).unlink(missing_ok=True)  # of a search that was killed between the two
            return trial
        path = folder / FAILED_FILE
        if _version(path) == self._failed_before.get(path):  # none, or an earlier search's
            return None
        failed = read_failed(path, cell, self._reporter.say)
        if failed is not None:
            self._reporter.say(f"trial {cell.config_hash}: {_described(cell)}: failed in another search")
        return failed

    def _tried(self, cell: Cell) -> Outcome:
        self._reporter.say(f"trial {cell.config_hash}: {_described(cell)}")
        folder = self._out / cell.folder
        started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        try:
            remove_unfinished(folder, below=False)
            trial = self._fine_tuned(cell, folder, started)
        except Exception as error:
            failure = failure_of(error)
            self._reporter.say(f"  failed: {in_one_line(failure)}")
            return self._failed(cell, folder, started, failure)
        (folder / FAILED_FILE).unlink(missing_ok=True)
        for checkpoints in checkpoint_folders(folder):
            shutil.rmtree(checkpoints, ignore_errors=True)
        self._reporter.say(f"  selection accuracy {trial.accuracy:.2f} %")
        return trial

    def _fine_tuned(self, cell: Cell, folder: Path, started: str) -> Trial:
        from benchmark.cell import origin, train_cell
        from benchmark.stopwatch import Stopwatch

        last = last_whole_checkpoint(checkpoint_folder(folder, 1), self._reporter.say)
        with ONE_PROCESS.together(Work.TRAIN, [cell.config_hash], None if last is None else last.name) as order:
            execution = replace(AS_USUAL, checkpoint_every=self._checkpoint_every)
            _, _, training = train_cell(cell, self._data, folder, order, self._reporter, execution, Stopwatch())
        facts = origin(cell, started)
        del facts["cell"]
        trial = Trial(
            method=cell.method_name,
            hyper_parameters=dict(cell.hyper_parameters),
            seed=cell.seed,
            training_data=self._fingerprints,
            training=training,
            **facts,
        )
        folder.mkdir(parents=True, exist_ok=True)
        content = with_checksum(trial.model_dump(mode="json"))
        replace_file(folder / TRIAL_FILE, content)
        return Trial.model_validate(from_json(content))  # with its checksum, as a later search reads it

    def _failed(self, cell: Cell, folder: Path, started: str, failure: Failure) -> FailedTrial:
        from benchmark.cell import origin

        facts = origin(cell, started)
        del facts["cell"]
        failed = FailedTrial(
            method=cell.method_name,
            hyper_parameters=dict(cell.hyper_parameters),
            seed=cell.seed,
            failure=failure,
            **facts,
        )
        content = with_checksum(failed.model_dump(mode="json"))
        path = folder / FAILED_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, content)
        except OSError as refused:
            self._reporter.say(f"  {path}: cannot be written ({os.strerror(refused.errno or 0)}).")
        return failed


def _version(path: Path) -> tuple[int, int] | None:
    """What changes whenever a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _described(cell: Cell) -> str:
    values = ", ".join(f"{name}={value}" for name, value in cell.hyper_parameters.items())
    return f"{cell.method_name} ({values}), seed {cell.seed}"
