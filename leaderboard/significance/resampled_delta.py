"""Δ over vanilla when texts are drawn again and seeds vary, those of vanilla included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from leaderboard.significance.paired_bootstrap import vary_seeds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def resampled_delta(
    row: Mapping[str, Mapping[int, NDArray[np.float64]]],
    baseline: Mapping[str, Mapping[int, NDArray[np.float64]]],
    lower_is_better: frozenset[str],
) -> NDArray[np.float64]:
    """Average relative improvement (:func:`leaderboard.aggregate.average_relative_improvement`) of one row.

    In each replicate Δ is that of the means over seeds on the drawn texts, plus how far it deviates with the seeds: of
    a perspective in which the row gains the share g of what the baseline lacks, h, and whose means over seeds deviate
    by r and b, (r − (1 − g) b) / h, the linear part of the change. (The change itself has no such bounds: with three
    seeds, means may deviate by more than h.)

    Args:
        row: perspective → seed → scores, percent, (1 + replicates,), the first on the texts as they are.
        baseline: the same; of the row itself, so that its Δ is 0 in every replicate.
        lower_is_better: the perspectives whose best value is 0.

    Returns:
        Percent, (1 + replicates,); NaN where the baseline has nothing left to gain in a perspective.
    """
    import numpy as np

    improvements = []
    for key, of_seed in row.items():
        mean, deviation = _mean_and_deviation(of_seed)
        baseline_mean, baseline_deviation = _mean_and_deviation(baseline[key])
        sign = -1.0 if key in lower_is_better else 1.0
        left = baseline_mean if key in lower_is_better else 100.0 - baseline_mean
        with np.errstate(divide="ignore", invalid="ignore"):
            share = sign * (mean - baseline_mean) / left
            with_seeds = share + sign * (deviation - (1.0 - share) * baseline_deviation) / left
        improvements.append(np.where(left > 0, with_seeds, np.nan))
    return np.asarray(100.0 * np.mean(improvements, axis=0), dtype=np.float64)


def _mean_and_deviation(
    of_seed: Mapping[int, NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over the seeds on the drawn texts, and how far it deviates when seeds vary; each (1 + replicates,)."""
    import numpy as np

    mean = np.asarray(np.mean(list(of_seed.values()), axis=0), dtype=np.float64)
    return mean, vary_seeds(of_seed) - mean
