"""Which methods no other is both better and cheaper than."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Positions of the points that no other beats: none costs no more and gains no less, one of the two strictly.

    Args:
        points: (cost, gain) of each; a low cost and a high gain are good.

    Returns:
        Positions by rising cost; equal points are all there.
    """
    return sorted(
        (
            position
            for position, (cost, gain) in enumerate(points)
            if not any(
                other_cost <= cost and other_gain >= gain and (other_cost, other_gain) != (cost, gain)
                for other_cost, other_gain in points
            )
        ),
        key=lambda position: (points[position][0], position),
    )
