"""The training texts and evaluation sets of a task, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmark.declared_task import declare_task
from benchmark.errors import UserError
from benchmark.file_sets import with_file_sets
from benchmark.lookup import nearest
from tasks import Task, tasks
from tasks.sources import Source

TRAINING = "training"
"""What the training texts are called where a set is named."""


@dataclass(frozen=True, kw_only=True)
class TaskSet:
    """One evaluation set, or the training texts."""

    task: str
    name: str
    role: str
    source: Source
    labels: tuple[str, ...] | None
    """Names of the classes that its labels are indices into; None where it is not scored against labels."""
    origin: str
    licence: str
    sha256: str | None
    rows: int | None
    required: bool
    """Whether the task cannot run without it."""

    @property
    def place(self) -> str:
        """What it is called in messages."""
        return f"{self.task}/{self.name}"


def task_sets(task: Task) -> list[TaskSet]:
    """The training texts, then the evaluation sets in the order of their declaration."""
    training = TaskSet(
        task=task.name,
        name=TRAINING,
        role=TRAINING,
        source=task.training,
        labels=task.labels,
        origin=task.training_origin,
        licence="",
        sha256=task.training_sha256,
        rows=None,
        required=True,
    )
    return [
        training,
        *(
            TaskSet(
                task=task.name,
                name=item.name,
                role=item.role.value,
                source=item.source,
                labels=(item.projection or task).labels if item.role.labelled else None,
                origin=item.origin,
                licence=item.licence,
                sha256=item.sha256,
                rows=item.rows,
                required=item.name == task.in_distribution_test,
            )
            for item in task.evaluation_sets
        ),
    ]


def chosen_tasks(names: Iterable[str] | None, transfer_sets: Path | None = None) -> list[Task]:
    """The named tasks, each once; all registered ones where none is named.

    Args:
        names: of the tasks.
        transfer_sets: folder that transfer sets lie in; None is the default one.

    Raises:
        UserError: there is no such task, or its declaration fails.
    """
    wanted = dict.fromkeys(sorted(tasks) if names is None else names)
    return [with_file_sets(declare_task(name), (), transfer_sets) for name in wanted]


def chosen_sets(among: Iterable[Task], names: Iterable[str] | None) -> list[TaskSet]:
    """The sets of those names in any of the tasks; all where none is named.

    Raises:
        UserError: none of the tasks has a set of that name; the nearest name is offered.
    """
    there = [item for task in among for item in task_sets(task)]
    known = {item.name for item in there}
    wanted = known if names is None else set(names)
    for name in sorted(wanted - known):
        raise UserError(f"unknown set {name!r}; {nearest(name, known)}")
    return [item for item in there if item.name in wanted]
