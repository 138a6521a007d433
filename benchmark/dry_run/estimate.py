"""What a dry run says of one cell."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmark.plan import Cell

FINE_TUNING, PREDICTION, ATTACKS, OTHER = "fine-tuning", "prediction", "attacks", "other"
PHASES = (FINE_TUNING, PREDICTION, ATTACKS, OTHER)
"""Phases of a cell, as in its record; `OTHER` is loading and scoring together."""

Source = Literal["records", "measurement"]


@dataclass(frozen=True)
class Estimate:
    """Seconds of one phase, and where they come from."""

    seconds: float
    source: Source
    at_least: bool = False
    """The measurement's time was over before the phase's first texts were."""

    def times(self, share: float) -> Estimate:
        """The estimate of a share of the phase's work."""
        return Estimate(self.seconds * share, self.source, self.at_least)


@dataclass(frozen=True)
class State:
    """How far a cell is."""

    kind: Literal["finished", "resumes", "to do"]
    step: int = 0
    """Optimizer steps that a checkpoint holds."""
    steps: int = 0
    """Optimizer steps of the whole training."""
    reason: str = ""
    """Why a cell that was run before is to do again."""

    def __str__(self) -> str:
        if self.kind == "resumes":
            return f"resumes at step {self.step} of {self.steps}"
        return f"{self.kind} ({self.reason})" if self.reason else self.kind


@dataclass(frozen=True)
class PlannedCell:
    """A cell, how far it is, and how long the rest of it takes."""

    cell: Cell
    state: State
    phases: Mapping[str, Estimate]
    """Of `PHASES`; empty for a finished cell."""
    records: int = 0
    """Records that estimates come from."""

    @property
    def seconds(self) -> float:
        """Of all phases together."""
        return sum(estimate.seconds for estimate in self.phases.values())

    @property
    def at_least(self) -> bool:
        """Whether a phase may take any time longer than estimated."""
        return any(estimate.at_least for estimate in self.phases.values())


def elapsed(seconds: Sequence[float], workers: int) -> float:
    """Seconds until all cells are done where several are worked on at a time, the longest begun first.

    Args:
        seconds: of each cell.
        workers: cells at a time, at least 1.
    """
    busy_until = [0.0] * workers
    for cell in sorted(seconds, reverse=True):
        heapq.heappush(busy_until, heapq.heappop(busy_until) + cell)
    return max(busy_until)
