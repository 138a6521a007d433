"""Every set of the tasks, and the mirror that they are read from, looked at before anything is scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmark.data.check_mirror import check_mirror
from benchmark.data.check_set import check_set, class_counts, word_counts
from benchmark.data.findings import Finding, Report, SetReport, TaskReport
from benchmark.data.loaded_set import LoadedSet
from benchmark.data.overlap import overlap, overlaps_between_roles
from benchmark.data.task_sets import TRAINING, TaskSet, task_sets
from tasks import DataError, Task, Unavailable
from tasks.loading import split_selection
from tasks.sources import Loaded

SELECTION = "selection"


def check(tasks: Sequence[Task], mirror: Path | None, say: Callable[[str], None]) -> Report:
    """Look at every set of the tasks, whole, and at every file of the mirror.

    Args:
        tasks: the declarations.
        mirror: folder that hub data sets are read from instead of the hub.
        say: takes a line for each phase.
    """
    if mirror is not None:
        say(f"mirror {mirror}")
    files = None if mirror is None else check_mirror(mirror)
    reports = []
    for task in tasks:
        say(f"task {task.name}")
        reports.append(check_task(task, mirror))
    return Report(mirror=files, tasks=tuple(reports))


def check_task(task: Task, mirror: Path | None) -> TaskReport:
    """Look at each set by itself, then at what the training texts and the evaluation sets share.

    A set that cannot be had is noted, one that is malformed is an error; either way the others are looked at.
    """
    reports: list[SetReport] = []
    comparable: list[LoadedSet] = []
    for item in task_sets(task):
        report, given = _check_one(item, mirror)
        reports.append(report)
        if given is not None and given.comparable:
            comparable.append(given)
    training = [given for given in comparable if given.item.role == TRAINING]
    evaluation = [given for given in comparable if given.item.role != TRAINING]
    shared = [
        *(finding for given in training for finding in _training_overlaps(given, evaluation)),
        *overlaps_between_roles(evaluation),
    ]
    return TaskReport(name=task.name, sets=tuple(_with_overlaps(task.name, report, shared) for report in reports))


def _with_overlaps(task: str, report: SetReport, overlaps: Sequence[Finding]) -> SetReport:
    if report.role == TRAINING:
        return report
    own = (found for found in overlaps if found.place == f"{task}/{report.name}")
    return replace(report, findings=(*report.findings, *own))


def _training_overlaps(training: LoadedSet, evaluation: Sequence[LoadedSet]) -> Iterator[Finding]:
    held_out, _ = split_selection(training.examples)
    selection = LoadedSet(
        replace(training.item, name=SELECTION, role=SELECTION), Loaded(held_out, training.loaded.partial)
    )
    for given in evaluation:
        yield from overlap(given, training, "the training data, the selection slice included")
        yield from overlap(given, selection, "the selection slice")


def _check_one(item: TaskSet, mirror: Path | None) -> tuple[SetReport, LoadedSet | None]:
    """The report, and the texts where they could be read."""
    try:
        given = LoadedSet(item, item.source.load(mirror))
        return _report(given), given
    except Unavailable as error:
        message = f"is missing{', and the task cannot run without it' if item.required else ''}: {error}"
        finding = Finding(severity="note", place=item.place, kind="missing", message=message)
    except DataError as error:
        finding = Finding(severity="error", place=item.place, kind="malformed", message=str(error))
    except Exception as error:  # a plug-in's source may fail in any way
        message = f"cannot be read: {type(error).__name__}: {' '.join(str(error).split())}"
        finding = Finding(severity="error", place=item.place, kind="malformed", message=message)
    return SetReport(name=item.name, role=item.role, findings=(finding,)), None


def _report(given: LoadedSet) -> SetReport:
    item, examples, partial = given.item, given.examples, given.loaded.partial
    return SetReport(
        name=item.name,
        role=item.role,
        rows=len(examples),
        partial=partial,
        sha256=given.sha256,
        classes=None if item.labels is None else class_counts(item.labels, examples),
        words=word_counts(examples) if given.comparable else None,
        findings=tuple(check_set(given)),
    )
