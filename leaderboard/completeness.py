"""Which rows lack something that others have, and so take no part in ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from leaderboard.record import PERSPECTIVES
from leaderboard.table import Row


def with_incomplete(rows: Sequence[Row], baseline: str) -> list[Row]:
    """The rows, each with what it lacks.

    A row is incomplete where it lacks seeds that the baseline has, or a perspective that any other row has. Without
    a baseline, the row with most seeds takes its place; of several baselines, the one with most.

    Args:
        rows: of one table.
        baseline: method whose seeds are expected.
    """
    candidates = [row for row in rows if row.method == baseline] or list(rows)
    expected = max((row.seeds for row in candidates), key=lambda seeds: (len(seeds), [-seed for seed in seeds]))
    perspectives = [key for key in PERSPECTIVES if any(row.values[key].mean is not None for row in rows)]
    return [replace(row, incomplete=_lacking(row, expected, perspectives)) for row in rows]


def _lacking(row: Row, expected: Sequence[int], perspectives: Sequence[str]) -> tuple[str, ...]:
    reasons = []
    if seeds := [str(seed) for seed in expected if seed not in row.seeds]:
        reasons.append(f"lacks seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}")
    if undefined := [key for key in perspectives if row.values[key].mean is None]:
        reasons.append(f"lacks {', '.join(undefined)}")
    return tuple(reasons)
