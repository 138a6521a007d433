"""Whether a record was made on the data that its task declares."""

from __future__ import annotations

from pathlib import Path

from benchmark.declared_task import declare_task
from benchmark.errors import UserError
from benchmark.file_sets import with_file_sets
from benchmark.lookup import nearest
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission
from leaderboard.record import DataFingerprint, Record
from tasks import DataError, Task
from tasks.loading import load_evaluation, load_training


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
        if declared[name].sha256 not in (None, used.sha256) and not used.partial and not used.sampled:
            raise Problem(f"evaluation_sets.{name}.sha256 is not that of the published set, which the task pins")
    for name in declared:
        if name not in record.evaluation_sets and name not in record.missing_sets:
            raise Problem(f"evaluation_sets: lacks {name}, and missing_sets does not say why")
    if record.in_distribution_test != task.in_distribution_test:
        raise Problem(f"in_distribution_test is {record.in_distribution_test!r}, not {task.in_distribution_test!r}")
    for name, trained_on in record.training_data.items():
        _check_rows(f"training_data.{name}", trained_on)


def check_data_here(submission: Submission, mirror: Path, loaded: dict[str, dict[str, str]]) -> None:
    """The fingerprints are those of the same texts taken from a mirror.

    Args:
        submission: what to check.
        mirror: the same data that the record was made on.
        loaded: fingerprints that have been computed; added to.

    Raises:
        Problem: they are not, or the mirror lacks a set.
    """
    record = submission.record
    resolved = record.configuration.resolved
    sizes = (resolved.get("training", {}).get("train_size"), resolved.get("evaluation", {}).get("evaluation_size"))
    key = repr((record.cell.task, sizes))
    if key not in loaded:
        try:
            task = with_file_sets(declare_task(record.cell.task), (), None)
            loaded[key] = _fingerprints(task, mirror, *sizes)
        except (UserError, DataError) as error:
            raise Problem(f"its data cannot be had here: {str(error).rstrip('.')}") from None
    for name, used in {**record.training_data, **record.evaluation_sets}.items():
        if name not in loaded[key]:
            raise Problem(f"evaluation_sets.{name}: cannot be compared, for {mirror} has no such set")
        if used.sha256 != loaded[key][name] and not (name == "selection" and _selected_on_reported(record)):
            raise Problem(f"the sha256 of {name} is not that of the same texts in {mirror}")


def _fingerprints(task: Task, mirror: Path, train_size: int | None, evaluation_size: int | None) -> dict[str, str]:
    training = load_training(task, mirror=mirror, train_size=train_size)
    evaluation = load_evaluation(task, mirror=mirror, evaluation_size=evaluation_size)
    return {
        "train": training.training.sha256,
        "selection": training.selection.sha256,
        **{name: part.sha256 for name, part in evaluation.evaluation.items()},
    }


def _selected_on_reported(record: Record) -> bool:
    return record.training is not None and record.training.selection == "reported"


def _check_rows(where: str, used: DataFingerprint) -> None:
    if used.rows > used.rows_available:
        raise Problem(f"{where}: {used.rows:,} rows were used of {used.rows_available:,}")
    if used.truncated > used.rows:
        raise Problem(f"{where}: {used.truncated:,} texts were cut, of {used.rows:,}")
