"""One combination of hyper-parameters and one seed: what came of it, and the file that keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from benchmark.differences import differences
from benchmark.plan import Cell
from benchmark.planned import hash_of
from benchmark.set_aside import set_aside
from leaderboard.checksum import CHECKSUM, checksum
from leaderboard.one_line import one_line
from leaderboard.read_bounded import read_bounded
from leaderboard.record import Code, Configuration, DataFingerprint, Failure, Machine, Training

TRIAL_FILE = "trial.json"

FAILED_FILE = "failed.json"
"""Beside where the trial would be, until a later search has made it."""


class _Tried(BaseModel):
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

    def problem(self, cell: Cell) -> str | None:
        """Why this is not of a cell; None where it is."""
        found = hash_of(self.configuration.resolved)
        if found != cell.config_hash:
            return f"is the trial of another cell ({found})"
        told = {"method": self.method, "hyper_parameters": self.hyper_parameters, "seed": self.seed}
        expected = {
            "method": cell.method_name,
            "hyper_parameters": dict(cell.hyper_parameters),
            "seed": cell.seed,
        }
        difference = next(differences(told, expected), None)
        return None if difference is None else f"is the trial of another cell ({difference})"


class Trial(_Tried):
    """What fine-tuning with one combination and one seed gave."""

    training_data: dict[str, DataFingerprint]
    training: Training
    checksum: str | None = None

    @model_validator(mode="after")
    def _was_judged(self) -> Trial:
        if not self.training.selection_accuracy:
            raise ValueError("a trial needs the selection accuracy of an epoch")
        return self

    @property
    def accuracy(self) -> float:
        """Percent of the selection slice in the epoch that would be kept, the best one."""
        return max(self.training.selection_accuracy)


class FailedTrial(_Tried):
    """Why fine-tuning with one combination and one seed failed."""

    failure: Failure
    checksum: str | None = None

    @property
    def reason(self) -> str:
        """On one line, without folders of the machine."""
        return one_line(f"{self.failure.kind}: {self.failure.message}")


Outcome = Trial | FailedTrial
"""What came of one cell."""

Kept = TypeVar("Kept", Trial, FailedTrial)


def read_trial(path: Path, cell: Cell, data: Mapping[str, DataFingerprint], say: Callable[[str], None]) -> Trial | None:
    """The trial of a cell; None where there is none, or one that is set aside.

    Args:
        path: where it would be.
        cell: what it must be the trial of.
        data: what it must have been trained and judged on, by the keys of `Trial.training_data`.
        say: takes a line for a file that is set aside.
    """
    trial = _read(path, Trial, cell, say)
    if trial is None:
        return None
    for name, part in data.items():
        then = trial.training_data.get(name)
        if then is None or (then.rows, then.sha256) != (part.rows, part.sha256):
            was = "none" if then is None else f"{then.rows:,} rows, sha256 {then.sha256[:12]}…"
            now = f"{part.rows:,} rows, sha256 {part.sha256[:12]}…"
            set_aside(path, f"is the trial of other data ({name}: {one_line(was)}; here {now})", say)
            return None
    return trial


def read_failed(path: Path, cell: Cell, say: Callable[[str], None]) -> FailedTrial | None:
    """Why the trial of a cell failed; None where that is not known.

    Args:
        path: where the file would be.
        cell: what it must be of; a file that is not, or is damaged, is set aside.
        say: takes a line for a file that is set aside.
    """
    return _read(path, FailedTrial, cell, say)


def _read(path: Path, kind: type[Kept], cell: Cell, say: Callable[[str], None]) -> Kept | None:
    if not path.exists():
        return None
    problem: str | None
    try:
        content = from_json(read_bounded(path))
        if not isinstance(content, dict):
            raise ValueError("is no trial")
        if content.get(CHECKSUM) != checksum(content):
            raise ValueError("is not what its checksum says")
        found = kind.model_validate(content)
        problem = found.problem(cell)
        if problem is None:
            return found
    except ValidationError as error:
        problem = f"is no trial ({error.errors()[0]['msg']})"
    except (OSError, ValueError) as error:
        problem = str(error)
    set_aside(path, one_line(problem), say)
    return None
