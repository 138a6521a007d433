"""Going through a grid, and choosing from it."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmark.tuning.grid import Grid
from benchmark.tuning.trial import FailedTrial, Outcome, Trial

Search = Literal["grid", "coordinate"]
"""Every combination; or one hyper-parameter after the other, each at the best values of those before."""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Combination:
    """Values of the searched hyper-parameters, and what they gave."""

    values: Values
    tried: tuple[Outcome, ...]
    """One for each seed."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Those that did not fail."""
        return tuple(item for item in self.tried if isinstance(item, Trial))

    @property
    def failures(self) -> tuple[FailedTrial, ...]:
        """Those that failed."""
        return tuple(item for item in self.tried if isinstance(item, FailedTrial))

    @property
    def accuracy(self) -> float | None:
        """Mean over the seeds, percent; None where one failed, for fewer seeds are no match for all."""
        return None if self.failures else statistics.fmean(trial.accuracy for trial in self.trials)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation over the seeds; None with one, or where one failed."""
        if self.failures or len(self.trials) < 2:
            return None
        return statistics.stdev(trial.accuracy for trial in self.trials)


@dataclass(frozen=True)
class Searched:
    """All combinations that were tried, in order, and the chosen one."""

    combinations: tuple[Combination, ...]
    chosen: Combination | None
    """None where all failed."""

    @property
    def failed(self) -> tuple[Combination, ...]:
        """Combinations of which a training failed."""
        return tuple(combination for combination in self.combinations if combination.failures)


def start_within(grid: Grid, own: Values) -> dict[str, Any]:
    """Where a coordinate search starts: the suite's own values where they are in the grid, else the first of the grid.

    Args:
        grid: what to try.
        own: the suite's own value of each hyper-parameter of the grid, after defaults.
    """
    return {name: next((value for value in values if value == own[name]), values[0]) for name, values in grid.items()}


def search(
    grid: Grid, kind: Search, start: Values, try_out: Callable[[Sequence[Values]], list[Combination]]
) -> Searched:
    """Try combinations and choose the one of highest accuracy; of equal ones, the first in the order of the grid.

    Args:
        grid: what to try; of its order, the first hyper-parameter changes slowest.
        kind: how to go through it.
        start: the value of each hyper-parameter of the grid before it has been searched, which is one of the grid's.
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
        chosen = best(tried)
        if chosen is not None:  # else all failed, perhaps for the value of a hyper-parameter that comes later
            current = dict(chosen.values)
    in_grid_order = sorted(known, key=lambda item: [values.index(item.values[name]) for name, values in grid.items()])
    return Searched(tuple(known), best(in_grid_order))


def best(combinations: Sequence[Combination]) -> Combination | None:
    """The one of highest mean accuracy, of equal ones the first; None where all failed."""
    scored = [(item.accuracy, item) for item in combinations if item.accuracy is not None]
    return max(scored, key=lambda pair: round(pair[0], 9))[1] if scored else None
