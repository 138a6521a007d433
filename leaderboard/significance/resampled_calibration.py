"""The cross-fitted calibration error of many resamplings of the same texts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaderboard.significance.single_predictions import LabelledPredictions, largest_probabilities

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
BINS = 10
FOLDS = 10
SHUFFLE_SEED = 0

_STEP = 2.0**-36
"""Gaps are rounded to multiples of it, so that sums over at most 2¹⁷ texts are exact in float64, in any order."""


class ResampledCalibration:
    """Cross-fitted calibration errors of a classifier on one set, when its texts are drawn again.

    The rule is that of the scores: the texts, shuffled by a fixed seed, are cut into ten folds of ⌊n / 10⌋; on each
    fold the temperature with the lowest expected calibration error (Guo et al. 2017, arXiv 1706.04599, Eq. 3; ten bins
    of equal width) is chosen, the first on a tie, and the error at that temperature is measured on all texts outside
    the fold; the mean of the ten counts. A drawn text stays in the fold that it was in, and counts as often as it was
    drawn, both in the choice and in the measurement. (Were the temperatures held at those of the original texts, the
    variance of the choice would be missing: intervals meant for 95 % then cover 71 to 83 % in simulations.)
    """

    def __init__(self, classifier: LabelledPredictions) -> None:
        """From its predictions of n texts, at least ten."""
        import numpy as np

        texts = len(classifier.correct)
        if texts < FOLDS:
            raise ValueError(f"the cross-fitted calibration error needs {FOLDS} texts or more, not {texts}")
        order = shuffled(texts)
        confidence = largest_probabilities(classifier.logits[order], TEMPERATURES)
        upper_edges = np.arange(1, BINS + 1) / BINS  # inclusive; rounding may lift a confidence just above 1
        bins = np.minimum(np.searchsorted(upper_edges, confidence, side="left"), BINS - 1)
        gaps = np.rint((classifier.correct[order] - confidence) / _STEP) * _STEP
        occupied = np.flatnonzero(np.bincount(bins.ravel(), minlength=BINS))
        temperatures = len(TEMPERATURES)
        of_bins = np.zeros((temperatures, len(occupied), texts))
        places = np.searchsorted(occupied, bins)
        of_bins[np.arange(temperatures)[:, None], places, np.arange(texts)] = gaps
        self._shape = (temperatures, len(occupied))
        flat = of_bins.reshape(-1, texts)
        in_folds = texts - texts % FOLDS
        self._folds = np.ascontiguousarray(flat[:, :in_folds].reshape(len(flat), FOLDS, -1).transpose(1, 0, 2))
        self._rest = flat[:, in_folds:]

    def errors(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Errors in [0, 1], (replicates,).

        A fold of which no text was drawn, which only happens among few texts, is left out of the mean.

        Args:
            counts: how often each text was drawn, whole numbers, (n, replicates), in the order of `shuffled`; each
                column adds up to n, at most 2¹⁷.
        """
        import numpy as np

        folds, _, size = self._folds.shape
        replicates = counts.shape[1]
        drawn = counts[: folds * size].reshape(folds, size, replicates)
        # Σ (correctness − confidence), by fold, temperature and bin.
        gaps = (self._folds @ drawn).reshape(folds, *self._shape, replicates)
        everywhere = gaps.sum(axis=0) + (self._rest @ counts[folds * size :]).reshape(*self._shape, replicates)
        outside = everywhere - gaps
        on_fold = np.abs(gaps, out=gaps).sum(axis=2)
        elsewhere = np.abs(outside, out=outside).sum(axis=2)
        # Of each fold and replicate, the lowest so far and what it has elsewhere; several times faster than argmin.
        lowest, errors = on_fold[:, 0].copy(), elsewhere[:, 0].copy()
        for temperature in range(1, len(TEMPERATURES)):
            lower = on_fold[:, temperature] < lowest
            np.copyto(lowest, on_fold[:, temperature], where=lower)
            np.copyto(errors, elsewhere[:, temperature], where=lower)
        inside = drawn.sum(axis=1)
        some = inside > 0
        errors *= some / np.maximum(len(counts) - inside, 1.0)
        return np.asarray(errors.sum(axis=0) / some.sum(axis=0), dtype=np.float64)


def shuffled(texts: int) -> NDArray[np.intp]:
    """The order in which the folds are cut; the same under every release of NumPy."""
    import numpy as np

    return np.random.RandomState(SHUFFLE_SEED).permutation(texts)
