"""Expected calibration error: how far confidence is from accuracy.

Source of the measure: Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv 1706.04599), Eq. 3.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.metrics.inputs import checked_labels, checked_logits, checked_probabilities
from benchmark.metrics.softmax import largest_probabilities, largest_probability, softmax
from benchmark.metrics.undefined import UndefinedMetric

TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""The temperatures that the cross-fitted error chooses from, in the order that decides a tie."""

BINS = 10
FOLDS = 10


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error Σ_b (n_b / n) · |accuracy_b − confidence_b| over equal-width bins.

    Confidence is the largest probability of a row. Bin b covers (b / bins, (b + 1) / bins]: the lower edge
    is exclusive, the upper one inclusive. Where probabilities tie, the first class is the prediction.

    Args:
        probabilities: shape (n, classes), rows summing to 1.
        labels: integers in [0, classes), shape (n,).
        bins: number of bins, at least 1.

    Returns:
        A value in [0, 1]; 0 is perfect calibration.

    Raises:
        UndefinedMetric: n is 0.
        ValueError: shapes that do not match, a label out of range, rows that are no probability distribution.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    array = checked_probabilities(probabilities)
    truth = checked_labels(labels, *array.shape)
    if len(truth) == 0:
        raise UndefinedMetric("the calibration error is undefined without examples")
    return _binned_error(array.max(axis=1), array.argmax(axis=1) == truth, bins)


def calibration_error_raw(logits: ArrayLike, labels: ArrayLike) -> float:
    """Expected calibration error of the model as it is: ten bins, temperature 1.

    Args:
        logits: finite, shape (n, classes).
        labels: integers in [0, classes), shape (n,).

    Returns:
        A value in [0, 1]; 0 is perfect calibration.

    Raises:
        UndefinedMetric: n is 0.
        ValueError: shapes that do not match, a label out of range, logits that are not finite.
    """
    return expected_calibration_error(softmax(logits), labels, BINS)


def calibration_error_adaptive(logits: ArrayLike, labels: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass instead of equal width, temperature 1.

    The rows are sorted by confidence and cut into consecutive bins of n / bins rows; where that is no whole number,
    the bins of lowest confidence hold one row more (with n < bins, each row is a bin). Rows of equal confidence
    that a cut falls into are shared: each side gets its share of their hits. The result does not depend on the
    order of the rows.

    The bins are those of Nixon et al. 2019, "Measuring Calibration in Deep Learning" (arXiv 1904.01685), whose own
    ACE goes further and averages over the probabilities of all classes. Here the confidence stays that of the
    predicted class, so that the only difference from :func:`calibration_error_raw` is the binning.

    Args:
        logits: finite, shape (n, classes).
        labels: integers in [0, classes), shape (n,).
        bins: number of bins, at least 1.

    Returns:
        A value in [0, 1]; 0 is perfect calibration.

    Raises:
        UndefinedMetric: n is 0.
        ValueError: shapes that do not match, a label out of range, logits that are not finite.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    scores = checked_logits(logits)
    truth = checked_labels(labels, *scores.shape)
    rows = len(truth)
    if rows == 0:
        raise UndefinedMetric("the calibration error is undefined without examples")
    correct = scores.argmax(axis=1) == truth
    confidence, member_of, members = np.unique(largest_probability(scores), return_inverse=True, return_counts=True)
    gap = np.bincount(member_of, weights=correct) - members * confidence
    # Σ (correct − confidence) over the first m rows, for every m; within a group of equals it grows evenly.
    last_row = np.concatenate([[0], np.cumsum(members)])
    total_gap = np.concatenate([[0.0], np.cumsum(gap)])
    cuts = np.concatenate([[0], np.cumsum(rows // bins + (np.arange(bins) < rows % bins))])
    return float(np.abs(np.diff(np.interp(cuts, last_row, total_gap))).sum() / rows)


def calibration_error_cross_fitted(logits: ArrayLike, labels: ArrayLike, seed: int = 0) -> float:
    """Expected calibration error after temperature scaling, the temperature fitted on other examples.

    The rows are shuffled and cut into ten folds of ⌊n / 10⌋ rows; what is left over belongs to no fold. On each
    fold in turn the temperature T of :data:`TEMPERATURES` with the lowest error of softmax(logits / T) is
    picked (the first on a tie), and the error at that T is measured on all other rows. The result is the mean
    of the ten errors.

    Temperature scaling is from Guo et al. 2017 (arXiv 1706.04599).

    Args:
        logits: finite, shape (n, classes).
        labels: integers in [0, classes), shape (n,).
        seed: of the shuffle, in [0, 2³² − 1]. The same seed gives the same folds under every NumPy release.

    Returns:
        A value in [0, 1]; 0 is perfect calibration.

    Raises:
        UndefinedMetric: n is below 10, so that a fold would be empty.
        ValueError: shapes that do not match, a label out of range, logits that are not finite.
    """
    scores = checked_logits(logits)
    truth = checked_labels(labels, *scores.shape)
    rows = len(truth)
    if rows < FOLDS:
        raise UndefinedMetric(f"the cross-fitted calibration error needs {FOLDS} examples or more, not {rows}")
    # RandomState, because NumPy has frozen its stream; that of default_rng may change between releases.
    order = np.random.RandomState(seed).permutation(rows)
    scores, truth = scores[order], truth[order]  # and no longer as they came: a set may have millions of rows
    correct = scores.argmax(axis=1) == truth
    fold_size = rows // FOLDS
    in_folds = slice(0, FOLDS * fold_size)
    fold_of = np.repeat(np.arange(FOLDS), fold_size)

    # Every row is in ten of the subsets below, so its bin and its gap are found once for each temperature.
    binned = []
    fold_errors = []
    for confidence in largest_probabilities(scores, TEMPERATURES):
        bin_of, gap = _bins_of(confidence, BINS), correct - confidence
        binned.append((bin_of.astype(np.int8), gap))
        gaps = np.bincount(fold_of * BINS + bin_of[in_folds], weights=gap[in_folds], minlength=FOLDS * BINS)
        fold_errors.append(np.abs(gaps.reshape(FOLDS, BINS)).sum(axis=1) / fold_size)
    errors = []
    for fold, best in enumerate(np.argmin(fold_errors, axis=0)):  # the first of equals
        bin_of, gap = binned[best]
        chosen = slice(fold * fold_size, (fold + 1) * fold_size)
        errors.append(_error_of_bins(np.delete(bin_of, chosen), np.delete(gap, chosen), BINS))
    return float(np.mean(errors))


def _binned_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int) -> float:
    """Σ_b (n_b / n) · |accuracy_b − confidence_b|, which is Σ_b |Σ correct − Σ confidence| / n."""
    return _error_of_bins(_bins_of(confidence, bins), correct - confidence, bins)


def _bins_of(confidence: NDArray[np.float64], bins: int) -> NDArray[np.intp]:
    # Each edge is the double nearest to b / bins; linspace and multiplication by `bins` both miss some, which
    # would put a confidence of 0.3 or 0.6 on the wrong side.
    upper_edges = np.arange(1, bins + 1) / bins
    # Rounding may lift a confidence just above 1, past the last edge.
    return np.minimum(np.searchsorted(upper_edges, confidence, side="left"), bins - 1)


def _error_of_bins(bin_of: NDArray[np.integer], gap: NDArray[np.float64], bins: int) -> float:
    """Σ_b |Σ gap| / n; the gap of a row is its correctness, 0 or 1, less its confidence."""
    return float(np.abs(np.bincount(bin_of, weights=gap, minlength=bins)).sum() / len(gap))
