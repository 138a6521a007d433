"""Scoring a classifier that was fine-tuned elsewhere: the same texts, scores and attacks as of a cell, one record."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from benchmark.attacked_set import check_attacks
from benchmark.attacks import attacks
from benchmark.attacks.resources import require_resources
from benchmark.checkpoints import Checkpoint, find_checkpoint
from benchmark.declared_task import declare_task
from benchmark.errors import UserError
from benchmark.execution import AS_USUAL, Execution
from benchmark.file_sets import check_pairs, file_fingerprints, with_file_sets
from benchmark.finished_cells import finished_records
from benchmark.lookup import find
from benchmark.planned import Planned, identity_of_mirror, sources_of
from benchmark.progress import Reporter
from benchmark.run import RunOutcome, leave_record, make_writable, truncated_sets
from benchmark.shared_cells import in_turn
from benchmark.suite import AttackSettings, EvaluationSettings, TrainingSettings, first_problem
from benchmark.trust import NO_TRUST, Trust
from leaderboard.record import CellIdentity, Record
from tasks import DataError
from tasks.loading import LoadedEvaluation, load_evaluation

CHECKPOINTS = "checkpoints"
"""Stands where other records name a backbone, so that all checkpoints of a task share a table."""

Settings = TypeVar("Settings", bound=BaseModel)

SUITE = "evaluate"
"""Stands where other records name a suite."""


@dataclass(frozen=True, kw_only=True)
class CheckpointCell(Planned):
    """One checkpoint on one task, with everything that determines its scores."""

    checkpoint: Checkpoint
    max_length: int
    """Tokens; longer texts are cut."""

    def resolved(self) -> dict[str, Any]:
        """Everything that determines the scores, after defaults, as JSON values."""
        return {
            "task": self.task.name,
            "checkpoint": self.checkpoint.resolved(),
            "seed": 0,
            "evaluation": {**self.evaluation.model_dump(mode="json"), "max_length": self.max_length},
            **self.resolved_attacks_and_data(),
        }

    @property
    def folder(self) -> Path:
        """Where its files go, below the output folder."""
        return Path(self.task.name) / CHECKPOINTS / self.checkpoint.slug / f"seed-0-{self.config_hash}"

    @property
    def identity(self) -> CellIdentity:
        """Its coordinates, for the record."""
        return CellIdentity(
            task=self.task.name,
            backbone=CHECKPOINTS,
            method=self.checkpoint.name,
            seed=0,
            config_hash=self.config_hash,
            suite=SUITE,
        )


def plan_evaluation(
    where: str,
    task_name: str,
    *,
    name: str | None,
    revision: str | None,
    labels: Sequence[str] | None,
    max_length: int,
    evaluation: Mapping[str, Any],
    attack_fields: Sequence[Mapping[str, Any]],
    eval_sets: Sequence[str],
    transfer_sets: Path | None,
    mirror: Path | None,
    trust: Trust = NO_TRUST,
) -> CheckpointCell:
    """What to score on which texts; nothing but the checkpoint's configuration is loaded.

    Args:
        where: folder or hub id of the checkpoint.
        task_name: name of the task.
        name: what the leaderboard calls the checkpoint; None is the folder's name or the hub id.
        revision: branch, tag or commit on the hub.
        labels: the task's labels in the order of the checkpoint's logits; None reads them from its configuration.
        max_length: tokens; longer texts are cut.
        evaluation: fields of `EvaluationSettings`.
        attack_fields: fields of `AttackSettings` of each attack.
        eval_sets: evaluation sets of the user's, as `benchmark.file_sets.with_file_sets` reads them.
        transfer_sets: folder of the transfer sets; None is the default one.
        mirror: folder that hub data sets are read from.
        trust: what the checkpoint's files may do.

    Raises:
        UserError: something is unknown, out of range or not there, or does not fit together.
    """
    task = with_file_sets(declare_task(task_name), eval_sets, transfer_sets)
    scoring = validated(EvaluationSettings, evaluation, "")
    checked = tuple(dict.fromkeys(validated(AttackSettings, fields, "--attack: ") for fields in attack_fields))
    check_max_length(max_length)
    for settings in checked:
        require_resources(find("attack", settings.recipe, attacks))
    check_attacks(checked, task)
    given: dict[str, Any] = {
        "checkpoint": where,
        "task": task_name,
        "name": name,
        "revision": revision,
        "labels": None if labels is None else list(labels),
        "max_length": max_length,
        **evaluation,
        "attacks": [dict(fields) for fields in attack_fields],
        "eval_sets": list(eval_sets),
        **trust.given(),
    }
    return CheckpointCell(
        task=task,
        plugin_sources=sources_of(task, [settings.recipe for settings in checked]),
        checkpoint=find_checkpoint(where, task.labels, name=name, revision=revision, given_labels=labels, trust=trust),
        max_length=max_length,
        evaluation=scoring,
        attacks=checked,
        given={key: value for key, value in given.items() if value not in (None, [])},
        mirror=identity_of_mirror(mirror) if mirror is not None and task.reads_hub else None,
        files=file_fingerprints(task),
    )


def check_max_length(max_length: int) -> None:
    """Refuse what training refuses too.

    Raises:
        UserError: it is less than `TrainingSettings` allows.
    """
    validated(TrainingSettings, {"max_length": max_length}, "")


def validated(kind: type[Settings], fields: Mapping[str, Any], place: str) -> Settings:
    """Settings from their fields.

    Raises:
        UserError: a field is unknown or out of range; the line begins with ``place``.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise UserError(f"{place}{first_problem(error)}") from None


def evaluate_checkpoint(
    cell: CheckpointCell, out: Path, reporter: Reporter, *, mirror: Path | None, execution: Execution = AS_USUAL
) -> RunOutcome:
    """Score a checkpoint, unless a finished record of this configuration is there.

    Raises:
        UserError: the output folder cannot be written, a record there cannot be used, the checkpoint cannot be
            loaded or is no whole classifier, or data cannot be had.
    """
    from benchmark.checkpoints import load_predictor

    make_writable(out)
    if out / cell.record_path in finished_records(out, [cell], reporter.say):
        return RunOutcome((), (cell,), ())
    predictor = load_predictor(cell.checkpoint, cell.max_length)
    data = _load(cell, mirror, reporter)

    def work() -> Record:
        from benchmark.cell import origin
        from benchmark.evaluation import evaluate
        from benchmark.peak_memory import peak_memory_bytes, reset_peak_memory
        from benchmark.stopwatch import Stopwatch

        started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        watch = Stopwatch()
        reset_peak_memory()
        found = evaluate(predictor, data, cell.evaluation, cell.attacks, out / cell.folder, reporter, watch, execution)
        return Record(
            status="finished",
            **origin(cell, started),
            seconds={phase: round(value, 3) for phase, value in watch.seconds.items()},
            peak_memory_bytes=peak_memory_bytes(),
            **found.fields(),
        )

    for _, record in in_turn([cell], out, reporter.say):
        if record is None:
            reporter.say(f"{cell.task.name} · {cell.checkpoint.name}")
            record = leave_record(cell, work, out, reporter)
        if cut := truncated_sets(record, cell.max_length):
            reporter.say(cut)
        if record.status == "failed":
            return RunOutcome((), (), (cell,))
    return RunOutcome((cell,), (), ())


def _load(cell: CheckpointCell, mirror: Path | None, reporter: Reporter) -> LoadedEvaluation:
    try:
        data = load_evaluation(cell.task, mirror=mirror, evaluation_size=cell.evaluation.evaluation_size)
    except DataError as error:
        raise UserError(str(error)) from None
    check_pairs(data)
    check_attacks(cell.attacks, cell.task, data.missing)
    for name, reason in data.missing.items():
        reporter.say(f"task {cell.task.name}: evaluation set {name} is missing: {reason}")
    return data
