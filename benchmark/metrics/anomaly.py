"""Detection of anomalies, texts from outside the task, by three scores made of the model's logits.

All three rise with what is unusual, and anomalies are the positive class throughout.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.metrics.inputs import checked_logits, checked_scores
from benchmark.metrics.softmax import largest_probability
from benchmark.metrics.undefined import UndefinedMetric


def anomaly_scores(logits: ArrayLike) -> NDArray[np.float64]:
    """Anomaly score of each row: 1 − largest softmax probability, the less confident the higher.

    Source: Hendrycks and Gimpel 2017, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in
    Neural Networks" (arXiv 1610.02136).

    Args:
        logits: finite, shape (n, classes).

    Returns:
        Values in [0, 1 − 1 / classes], shape (n,).

    Raises:
        ValueError: logits of another shape or not finite.
    """
    return np.asarray(1.0 - largest_probability(logits), dtype=np.float64)


def energy_scores(logits: ArrayLike) -> NDArray[np.float64]:
    """Anomaly score of each row: the energy −ln Σ_c exp(z_c), at temperature 1.

    Source: Liu et al. 2020, "Energy-based Out-of-distribution Detection" (arXiv 2010.03759), Eq. 4. Unlike the
    softmax it depends on the logits' common level, which the cross-entropy leaves free.

    Args:
        logits: finite, shape (n, classes).

    Returns:
        Values in nats, of either sign, shape (n,).

    Raises:
        ValueError: logits of another shape or not finite.
    """
    return np.asarray(-np.logaddexp.reduce(checked_logits(logits), axis=1), dtype=np.float64)


def max_logit_scores(logits: ArrayLike) -> NDArray[np.float64]:
    """Anomaly score of each row: the largest logit, negated.

    Source: Hendrycks et al. 2019, "Scaling Out-of-Distribution Detection for Real-World Settings" (arXiv 1911.11132).

    Args:
        logits: finite, shape (n, classes).

    Returns:
        Values of either sign, shape (n,).

    Raises:
        ValueError: logits of another shape or not finite.
    """
    return np.asarray(-checked_logits(logits).max(axis=1), dtype=np.float64)


class Detection(NamedTuple):
    """How well scores tell anomalies from normal texts; all three in [0, 1]."""

    auroc: float
    """Area under the ROC curve: the chance that an anomaly scores above a normal text, ties counting half."""
    aupr: float
    """Average precision: Σₖ (recallₖ − recallₖ₋₁) · precisionₖ over the thresholds, without interpolation."""
    fpr_at_95_tpr: float
    """Share of normal texts flagged by the highest threshold that flags at least 95 % of the anomalies."""


def detection(normal_scores: ArrayLike, anomaly_scores: ArrayLike) -> Detection:
    """All three measures from one ROC curve, in a third of the time that they take one by one.

    A threshold is one of the scores that occur, and a text is flagged when its score is at or above it; nothing is
    interpolated.

    Args:
        normal_scores: scores of normal texts, shape (n,), finite.
        anomaly_scores: scores of anomalies, shape (m,), finite.

    Raises:
        UndefinedMetric: one of the two sides is empty.
        ValueError: scores of another shape or not finite.
    """
    from sklearn.metrics import roc_curve

    normal = checked_scores(normal_scores, "normal_scores")
    anomalous = checked_scores(anomaly_scores, "anomaly_scores")
    for side, scores in (("normal texts", normal), ("anomalies", anomalous)):
        if len(scores) == 0:
            raise UndefinedMetric(f"the detection of anomalies is undefined without {side}")
    is_anomaly = np.repeat(np.array([0, 1]), [len(normal), len(anomalous)])
    # By default scikit-learn drops points in the middle of straight stretches; one may be the point sought.
    false_positive_rate, recall, _ = roc_curve(is_anomaly, np.concatenate([normal, anomalous]), drop_intermediate=False)
    flagged = recall[1:] * len(anomalous) + false_positive_rate[1:] * len(normal)  # the curve starts at nothing flagged
    precision = recall[1:] * len(anomalous) / flagged
    # The trapezoids that scikit-learn's auc takes, without its checks, which take a quarter of the time of a small set.
    trapezoids = np.diff(false_positive_rate) * (recall[1:] + recall[:-1]) / 2.0
    return Detection(
        auroc=float(trapezoids.sum()),
        aupr=float(np.sum(np.diff(recall) * precision)),
        fpr_at_95_tpr=float(false_positive_rate[np.argmax(recall >= 0.95)]),
    )


def auroc(normal_scores: ArrayLike, anomaly_scores: ArrayLike) -> float:
    """Area under the ROC curve; see :func:`detection` for arguments and errors. 0.5 is chance."""
    return detection(normal_scores, anomaly_scores).auroc


def aupr(normal_scores: ArrayLike, anomaly_scores: ArrayLike) -> float:
    """Average precision; see :func:`detection` for arguments and errors. Chance is m / (n + m)."""
    return detection(normal_scores, anomaly_scores).aupr


def fpr_at_95_tpr(normal_scores: ArrayLike, anomaly_scores: ArrayLike) -> float:
    """False-positive rate at 95 % recall; see :func:`detection` for arguments and errors. Lower is better."""
    return detection(normal_scores, anomaly_scores).fpr_at_95_tpr
