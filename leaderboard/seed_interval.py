"""The t interval of a mean over seeds."""

from __future__ import annotations

import math
from functools import cache

CONFIDENCE = 0.95


def half_width(deviation: float, seeds: int) -> float:
    """Half the width of the 95 % t interval of a mean, t · s / √n.

    Args:
        deviation: sample standard deviation s.
        seeds: n, at least 2.
    """
    return t_quantile(seeds - 1) * deviation / math.sqrt(seeds)


@cache
def t_quantile(freedom: int) -> float:
    """The t that a t variable stays within ±t of with probability 95 %; 12.71 for one degree of freedom.

    Computed here because the import of a statistics library takes longer than a whole leaderboard of a thousand
    records.

    Args:
        freedom: degrees of freedom, at least 1.
    """
    low, high = 0.0, 1.0
    while _within(high, freedom) < CONFIDENCE:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < CONFIDENCE else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """Probability of |T| ≤ t: Abramowitz and Stegun 1964, formulas 26.7.3 (odd) and 26.7.4 (even)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    total, term = 0.0, cosine if odd else 1.0
    for power in range(1 + odd, freedom, 2):
        total += term
        term *= cosine**2 * power / (power + 1)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total
