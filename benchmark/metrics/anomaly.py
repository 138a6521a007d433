"""Detection of anomalies, texts from outside the task, by the model's confidence.

Source: Hendrycks and Gimpel 2017, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in
Neural Networks" (arXiv 1610.02136). Anomalies are the positive class throughout.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.metrics.inputs import checked_scores
from benchmark.metrics.softmax import softmax
from benchmark.metrics.undefined import UndefinedMetric


def anomaly_scores(logits: ArrayLike) -> NDArray[np.float64]:
    """Anomaly score of each row: 1 − largest softmax probability, the less confident the higher.

    Args:
        logits: finite, shape (n, classes).

    Returns:
        Values in [0, 1 − 1 / classes], shape (n,).

    Raises:
        ValueError: logits of another shape or not finite.
    """
    return np.asarray(1.0 - softmax(logits).max(axis=1), dtype=np.float64)


def auroc(normal_scores: ArrayLike, anomaly_scores: ArrayLike) -> float:
    """Area under the ROC curve: the chance that an anomaly scores above a normal text, ties counting half.

    Args:
        normal_scores: scores of normal texts, shape (n,), finite.
        anomaly_scores: scores of anomalies, shape (m,), finite.

    Returns:
        A value in [0, 1]; 0.5 is chance.

    Raises:
        UndefinedMetric: one of the two sides is empty.
        ValueError: scores of another shape or not finite.
    """
    from sklearn.metrics import roc_auc_score

    is_anomaly, scores = _pooled(normal_scores, anomaly_scores, "AUROC")
    return float(roc_auc_score(is_anomaly, scores))


def aupr(normal_scores: ArrayLike, anomaly_scores: ArrayLike) -> float:
    """Average precision: Σₖ (recallₖ − recallₖ₋₁) · precisionₖ over the thresholds, without interpolation.

    Args:
        normal_scores: scores of normal texts, shape (n,), finite.
        anomaly_scores: scores of anomalies, shape (m,), finite.

    Returns:
        A value in [0, 1]; chance is m / (n + m).

    Raises:
        UndefinedMetric: one of the two sides is empty.
        ValueError: scores of another shape or not finite.
    """
    from sklearn.metrics import average_precision_score

    is_anomaly, scores = _pooled(normal_scores, anomaly_scores, "AUPR")
    return float(average_precision_score(is_anomaly, scores))


def fpr_at_95_tpr(normal_scores: ArrayLike, anomaly_scores: ArrayLike) -> float:
    """Share of normal texts flagged by the highest threshold that flags at least 95 % of the anomalies.

    Lower is better. The threshold is one of the scores that occur, and a text is flagged when its score is at
    or above it; nothing is interpolated.

    Args:
        normal_scores: scores of normal texts, shape (n,), finite.
        anomaly_scores: scores of anomalies, shape (m,), finite.

    Returns:
        A value in [0, 1].

    Raises:
        UndefinedMetric: one of the two sides is empty.
        ValueError: scores of another shape or not finite.
    """
    from sklearn.metrics import roc_curve

    is_anomaly, scores = _pooled(normal_scores, anomaly_scores, "FPR at 95 % TPR")
    # By default scikit-learn drops points in the middle of straight stretches; one may be the point sought.
    false_positive_rate, true_positive_rate, _ = roc_curve(is_anomaly, scores, drop_intermediate=False)
    return float(false_positive_rate[np.argmax(true_positive_rate >= 0.95)])


def _pooled(
    normal_scores: ArrayLike, anomaly_scores: ArrayLike, metric: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Both sides as one array of scores, with 1 where the score is an anomaly's."""
    normal = checked_scores(normal_scores, "normal_scores")
    anomalous = checked_scores(anomaly_scores, "anomaly_scores")
    for side, scores in (("normal texts", normal), ("anomalies", anomalous)):
        if len(scores) == 0:
            raise UndefinedMetric(f"{metric} is undefined without {side}")
    is_anomaly = np.repeat(np.array([0, 1]), [len(normal), len(anomalous)])
    return is_anomaly, np.concatenate([normal, anomalous])
