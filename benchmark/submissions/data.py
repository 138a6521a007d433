"""Whether a record was made on the data that its task declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.declared_task import declare_task
from benchmark.errors import UserError
from benchmark.evaluation import fingerprint
from benchmark.file_sets import with_file_sets
from benchmark.lookup import nearest
from benchmark.submissions.labels import digest_of_labels, labels_of
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission
from leaderboard.record import DataFingerprint, Record
from tasks import DataError
from tasks.loading import Part, load_evaluation, load_task

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class DataHere:
    """What a mirror says of one set, or of one part of the training data."""

    fingerprint: DataFingerprint
    labels: str | None
    """Their digest; None where it has none."""


Loaded = dict[str, dict[str, DataHere]]
"""Which data → set or part → what was found; filled as records ask for them."""


def check_data(submission: Submission) -> None:
    """Sets, roles, row counts and pinned fingerprints are the task's, and no set is left unmentioned.

    Raises:
        Problem: they are not.
    """
    record = submission.record
    try:
        task = with_file_sets(declare_task(record.cell.task), (), None)
    except UserError as error:
        raise Problem(f"cell.task: {str(error).rstrip('.')}") from None
    declared = {item.name: item for item in task.evaluation_sets}
    own_files = record.configuration.resolved.get("files")
    for name, used in record.evaluation_sets.items():
        if name not in declared:
            if isinstance(own_files, dict) and name in own_files:
                raise Problem(f"evaluation_sets.{name}: is a file of the submitter's, which nobody else has")
            raise Problem(f"evaluation_sets.{name}: task {task.name} has no such set; {nearest(name, declared)}")
        if used.role != declared[name].role.value:
            raise Problem(f"evaluation_sets.{name}.role is {used.role}, the task's is {declared[name].role.value}")
        _check_rows(f"evaluation_sets.{name}", used)
        rows = declared[name].rows
        if rows is not None and not used.rows_available == rows and not (used.partial and used.rows_available < rows):
            raise Problem(
                f"evaluation_sets.{name}.rows_available is {used.rows_available:,}, the task's set has {rows:,}"
            )
        if declared[name].sha256 not in (None, used.sha256) and not used.partial and not used.sampled:
            raise Problem(f"evaluation_sets.{name}.sha256 is not that of the published set, which the task pins")
    for name in declared:
        if name not in record.evaluation_sets and name not in record.missing_sets:
            raise Problem(f"evaluation_sets: lacks {name}, and missing_sets does not say why")
    if record.in_distribution_test != task.in_distribution_test:
        raise Problem(f"in_distribution_test is {record.in_distribution_test!r}, not {task.in_distribution_test!r}")
    for name, trained_on in record.training_data.items():
        if name not in ("train", "selection"):
            raise Problem(f"training_data: has {name!r}, which is neither train nor selection")
        _check_rows(f"training_data.{name}", trained_on)


def check_data_here(submission: Submission, mirror: Path, loaded: Loaded) -> None:
    """The fingerprints and counts are those of the same texts taken from a mirror.

    Args:
        submission: what to check.
        mirror: the same data that the record was made on.
        loaded: what has been computed; added to.

    Raises:
        Problem: they are not, or the mirror lacks a set.
    """
    record = submission.record
    here = _data_here(record, mirror, loaded)
    for where, parts in (("training_data", record.training_data), ("evaluation_sets", record.evaluation_sets)):
        for name, used in parts.items():
            if name not in here:
                raise Problem(f"{where}.{name}: cannot be compared, for {mirror} has no such set")
            expected = here[name].fingerprint
            if used.sha256 != expected.sha256:
                raise Problem(f"the sha256 of {name} is not that of the same texts in {mirror}")
            for field in ("rows", "rows_available", "partial", "provenance"):
                said, found = getattr(used, field), getattr(expected, field)
                if said != found:
                    raise Problem(f"{where}.{name}.{field} is {said}, in {mirror} it is {found}")


def check_labels_here(submission: Submission, mirror: Path, loaded: Loaded) -> None:
    """The labels that scores were computed with are those of a mirror; arguments and errors as of `check_data_here`."""
    here = _data_here(submission.record, mirror, loaded)
    for name in submission.record.evaluation_sets:
        if digest_of_labels(labels_of(submission, name)) != here[name].labels:
            raise Problem(f"evaluation_sets.{name}: has other labels beside its logits than the same texts in {mirror}")


def _data_here(record: Record, mirror: Path, loaded: Loaded) -> dict[str, DataHere]:
    resolved = record.configuration.resolved
    train_size = resolved["training"]["train_size"] if record.training_data else None
    evaluation_size = resolved["evaluation"]["evaluation_size"]
    selection = record.training.selection if record.training else "held-out"
    key = repr((record.cell.task, train_size, evaluation_size, selection, bool(record.training_data)))
    if key not in loaded:
        try:
            task = with_file_sets(declare_task(record.cell.task), (), None)
            if record.training_data:
                data = load_task(
                    task, mirror=mirror, train_size=train_size, evaluation_size=evaluation_size, selection=selection
                )
                trained_on = {"train": data.training, "selection": data.selection}
                loaded[key] = _found({**trained_on, **data.evaluation})
            else:
                loaded[key] = _found(load_evaluation(task, mirror=mirror, evaluation_size=evaluation_size).evaluation)
        except (UserError, DataError) as error:
            raise Problem(f"its data cannot be had here: {str(error).rstrip('.')}") from None
    return loaded[key]


def _found(parts: Mapping[str, Part]) -> dict[str, DataHere]:
    return {name: DataHere(fingerprint(part), digest_of_labels(part.examples.labels)) for name, part in parts.items()}


def _check_rows(where: str, used: DataFingerprint) -> None:
    if not _SHA256.fullmatch(used.sha256):
        raise Problem(f"{where}.sha256 is {used.sha256[:64]!r}, which is no sha256")
    if used.rows > used.rows_available:
        raise Problem(f"{where}: {used.rows:,} rows were used of {used.rows_available:,}")
    if used.truncated > used.rows:
        raise Problem(f"{where}: {used.truncated:,} texts were cut, of {used.rows:,}")
