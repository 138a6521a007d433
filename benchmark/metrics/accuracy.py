"""Accuracy."""

from numpy.typing import ArrayLike

from benchmark.metrics.inputs import checked_labels, checked_logits
from benchmark.metrics.undefined import UndefinedMetric


def accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """Share of rows whose largest logit is at the label; on a tie the first class is the prediction.

    Args:
        logits: finite, shape (n, classes).
        labels: integers in [0, classes), shape (n,).

    Returns:
        A value in [0, 1].

    Raises:
        UndefinedMetric: n is 0.
        ValueError: shapes that do not match, a label out of range, logits that are not finite.
    """
    scores = checked_logits(logits)
    truth = checked_labels(labels, *scores.shape)
    if len(truth) == 0:
        raise UndefinedMetric("accuracy is undefined without examples")
    return float((scores.argmax(axis=1) == truth).mean())
