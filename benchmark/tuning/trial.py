"""One combination of hyper-parameters and one seed: fine-tuned, judged on the selection slice, and kept in a file."""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from benchmark.execution import AS_USUAL
from benchmark.plan import Cell
from benchmark.processes import ONE_PROCESS, Work
from benchmark.progress import Reporter
from benchmark.set_aside import set_aside
from benchmark.training_checkpoints import checkpoint_folder, checkpoint_folders, last_whole_checkpoint
from benchmark.work_lock import work_lock
from leaderboard.checksum import CHECKSUM, checksum, with_checksum
from leaderboard.read_bounded import read_bounded
from leaderboard.record import Code, Configuration, DataFingerprint, Machine, Training
from leaderboard.replace_file import replace_file
from tasks.loading import LoadedTask

TRIAL_FILE = "trial.json"

PAUSE = 0.5
"""Seconds between two looks at trials that others are working on."""


class Trial(BaseModel):
    """What fine-tuning with one combination and one seed gave."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    trial_version: Literal[1] = 1
    method: str
    hyper_parameters: dict[str, Any] = Field(description="all of the method's")
    seed: int
    configuration: Configuration
    code: Code
    packages: dict[str, str]
    machine: Machine
    started: str = Field(description="UTC, ISO 8601")
    training_data: dict[str, DataFingerprint]
    training: Training
    checksum: str | None = None

    @property
    def accuracy(self) -> float:
        """Percent of the selection slice in the epoch that would be kept, the best one."""
        return max(self.training.selection_accuracy)


def run_trials(
    cells: Sequence[Cell], data: LoadedTask, out: Path, reporter: Reporter, checkpoint_every: int | None = None
) -> list[Trial]:
    """The trial of each cell; those that are on the disk are read, the others fine-tuned.

    Several processes on one folder share the work, and what an interrupted one began is gone on with.

    Args:
        cells: what to try; their evaluation settings play no part.
        data: texts to train on and to choose on.
        out: output folder.
        reporter: shows progress.
        checkpoint_every: optimizer steps between checkpoints; None is one at the end of each epoch.
    """
    found: dict[str, Trial] = {}
    for cell, trial in _in_turn(cells, out, reporter.say):
        if trial is None:
            reporter.say(f"trial {cell.config_hash}: {_described(cell)}")
            trial = _fine_tuned(cell, data, out, reporter, checkpoint_every)
            reporter.say(f"  selection accuracy {trial.accuracy:.2f} %")
        found[cell.config_hash] = trial
    return [found[cell.config_hash] for cell in cells]


def _in_turn(cells: Sequence[Cell], out: Path, say: Callable[[str], None]) -> Iterator[tuple[Cell, Trial | None]]:
    left = list(cells)
    while left:
        others = []
        for cell in left:
            with work_lock(cell.config_hash, out) as free:
                if free:
                    yield cell, _read(out / cell.folder / TRIAL_FILE, say)
                else:
                    others.append(cell)
        if len(others) == len(left):
            time.sleep(PAUSE)
        left = others


def _read(path: Path, say: Callable[[str], None]) -> Trial | None:
    """A trial; None where there is none, or one that is set aside."""
    if not path.exists():
        return None
    try:
        content = from_json(read_bounded(path))
        if content.get(CHECKSUM) != checksum(content):
            raise ValueError("is not what its checksum says")
        return Trial.model_validate(content)
    except ValidationError as error:
        problem = f"is no trial ({error.errors()[0]['msg']})"
    except (OSError, ValueError, AttributeError) as error:
        problem = str(error)
    set_aside(path, problem, say)
    return None


def _fine_tuned(cell: Cell, data: LoadedTask, out: Path, reporter: Reporter, checkpoint_every: int | None) -> Trial:
    from dataclasses import replace

    from benchmark.cell import origin, train_cell
    from benchmark.evaluation import fingerprint
    from benchmark.stopwatch import Stopwatch

    folder = out / cell.folder
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    last = last_whole_checkpoint(checkpoint_folder(folder, 1), reporter.say)
    with ONE_PROCESS.together(Work.TRAIN, [cell.config_hash], None if last is None else last.name) as order:
        execution = replace(AS_USUAL, checkpoint_every=checkpoint_every)
        _, _, training = train_cell(cell, data, folder, order, reporter, execution, Stopwatch())
    facts = origin(cell, started)
    del facts["cell"]
    trial = Trial(
        method=cell.method_name,
        hyper_parameters=dict(cell.hyper_parameters),
        seed=cell.seed,
        training_data={"train": fingerprint(data.training), "selection": fingerprint(data.selection)},
        training=training,
        **facts,
    )
    folder.mkdir(parents=True, exist_ok=True)
    content = with_checksum(trial.model_dump(mode="json"))
    replace_file(folder / TRIAL_FILE, content)
    trial = Trial.model_validate(from_json(content))  # with its checksum, as a later search reads it
    for checkpoints in checkpoint_folders(folder):
        shutil.rmtree(checkpoints, ignore_errors=True)
    return trial


def _described(cell: Cell) -> str:
    values = ", ".join(f"{name}={value}" for name, value in cell.hyper_parameters.items())
    return f"{cell.method_name} ({values}), seed {cell.seed}"
