"""Which evaluation set a live attack starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark.errors import UserError
from benchmark.lookup import nearest

if TYPE_CHECKING:
    from benchmark.suite import AttackSettings
    from tasks import Task


def attacked_set(settings: AttackSettings, task: Task) -> str:
    """Name of the attacked set: the chosen one, by default the task's in-distribution test set."""
    return settings.evaluation_set or task.in_distribution_test


def check_attacks(attacks: Sequence[AttackSettings], task: Task, missing: Mapping[str, str] | None = None) -> None:
    """Refuse attacks on a set that cannot be attacked, before anything is trained.

    Args:
        attacks: to be run on the task.
        task: the declaration.
        missing: evaluation sets that cannot be had, with the reason; known once the texts have been loaded.

    Raises:
        UserError: a task has no such set, or it is missing, has no labels, or has fewer classes than the task.
    """
    sets = {item.name: item for item in task.evaluation_sets}
    absent = missing or {}
    fit = [name for name, item in sets.items() if item.role.labelled and item.projection is None and name not in absent]
    for settings in attacks:
        name = attacked_set(settings, task)
        if name in fit:
            continue
        if name not in sets:
            reason = f"task {task.name} has no such evaluation set"
        elif name in absent:
            reason = f"the set is missing: {absent[name].removesuffix('.')}"
        elif not sets[name].role.labelled:
            reason = f"a set with the role {sets[name].role.value} has no labels, so no prediction on it is wrong"
        else:
            reason = f"the set has fewer classes than task {task.name}, so a wrong class may still count as right"
        raise UserError(f"attack {settings.recipe} on {name}: {reason}; {nearest(name, fit)}")
