"""Going through a grid, and choosing from it."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmark.tuning.grid import Grid
from benchmark.tuning.trial import Trial

Search = Literal["grid", "coordinate"]
"""Every combination; or one hyper-parameter after the other, each at the best values of those before."""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Combination:
    """Values of the searched hyper-parameters, and what they gave."""

    values: Values
    trials: tuple[Trial, ...]
    """One for each seed."""

    @property
    def accuracy(self) -> float:
        """Mean over the seeds, percent."""
        return statistics.fmean(trial.accuracy for trial in self.trials)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation over the seeds; None with one."""
        return statistics.stdev(trial.accuracy for trial in self.trials) if len(self.trials) > 1 else None


@dataclass(frozen=True)
class Searched:
    """All combinations that were tried, in order, and the chosen one."""

    combinations: tuple[Combination, ...]
    chosen: Combination


def search(
    grid: Grid, kind: Search, start: Values, try_out: Callable[[Sequence[Values]], list[Combination]]
) -> Searched:
    """Try combinations and choose the one of highest accuracy; of equal ones, the first.

    Args:
        grid: what to try.
        kind: how to go through it.
        start: the value of each hyper-parameter of the grid before it has been searched.
        try_out: the combinations of some values.
    """
    if kind == "grid":
        tried = try_out([dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())])
        return Searched(tuple(tried), best(tried))
    known: list[Combination] = []
    current = {name: start[name] for name in grid}
    for name, values in grid.items():
        tried = try_out([{**current, name: value} for value in values])
        known += [combination for combination in tried if combination.values not in [item.values for item in known]]
        current = dict(best(tried).values)
    return Searched(tuple(known), best(known))


def best(combinations: Sequence[Combination]) -> Combination:
    """The one of highest mean accuracy; of equal ones, the first."""
    return max(combinations, key=lambda combination: round(combination.accuracy, 9))
