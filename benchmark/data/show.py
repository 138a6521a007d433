"""A few examples of a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.data.task_sets import TaskSet, chosen_sets
from benchmark.errors import UserError
from tasks import DataError, Examples, Task
from tasks.splits import sample


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Examples of one set, in the set's order."""

    item: TaskSet
    tasks: tuple[str, ...]
    """Every task that has this very set."""
    rows: int
    """Rows of the whole set."""
    partial: bool
    examples: Examples

    def label(self, row: int) -> str | None:
        """Name of an example's class; None where the set is not scored against labels."""
        if self.item.labels is None or self.examples.labels is None:
            return None
        index = self.examples.labels[row]
        return self.item.labels[index] if index in range(len(self.item.labels)) else f"{index!r}, out of range"


def find_set(name: str, among: Sequence[Task]) -> tuple[TaskSet, tuple[str, ...]]:
    """The set of that name, and the tasks that have it.

    Raises:
        UserError: there is none, or tasks have different ones of that name.
    """
    found = chosen_sets(among, [name])
    tasks = tuple(item.task for item in found)
    first = found[0]
    for other in found[1:]:
        if (other.source, other.role, other.labels) != (first.source, first.role, first.labels):
            raise UserError(
                f"{name} is not the same in every task: {', '.join(f'{item.task} ({item.role})' for item in found)}; "
                f"choose with --task, such as --task {first.task}."
            )
    return first, tasks


def show(name: str, among: Sequence[Task], mirror: Path | None, *, count: int, seed: int) -> Shown:
    """Load a set and choose examples.

    Args:
        name: of an evaluation set, or "training".
        among: the tasks to look in.
        mirror: folder that hub data sets are read from instead of the hub.
        count: examples to choose at most.
        seed: another seed chooses others; more examples of one seed contain fewer.

    Raises:
        UserError: there is no such set, it is not the same in every task, or its texts cannot be had.
    """
    item, tasks = find_set(name, among)
    try:
        loaded = item.source.load(mirror)
    except DataError as error:
        raise UserError(f"{item.place}: {error}") from None
    return Shown(
        item=item,
        tasks=tasks,
        rows=len(loaded.examples),
        partial=loaded.partial,
        examples=sample(loaded.examples, count, seed),
    )
