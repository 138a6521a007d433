"""A score over the seeds of a row."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from leaderboard.table import Value


def over_seeds(values: Sequence[float | None]) -> Value:
    """Mean and deviation of one value for each seed; undefined where one of them is."""
    known = [value for value in values if value is not None]
    # The mean over the seeds that happened to work is not the mean over the seeds listed.
    complete = len(known) == len(values) and bool(values)
    return Value(
        mean=statistics.fmean(known) if complete else None,
        deviation=statistics.stdev(known) if complete and len(known) > 1 else None,
        seeds=len(known),
    )
