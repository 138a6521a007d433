"""Brier score: the squared distance of the probabilities from the labels."""

import numpy as np
from numpy.typing import ArrayLike

from benchmark.metrics.inputs import checked_labels, checked_logits
from benchmark.metrics.softmax import softmax
from benchmark.metrics.undefined import UndefinedMetric


def brier_score(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean over the rows of Σ_c (p_c − y_c)², y being 1 at the label and 0 elsewhere.

    The sum runs over all classes, as in Brier 1950, "Verification of Forecasts Expressed in Terms of Probability"
    (Monthly Weather Review 78, 1–3). For two classes it is twice the form that looks at the positive class alone.

    Args:
        logits: finite, shape (n, classes).
        labels: integers in [0, classes), shape (n,).

    Returns:
        A value in [0, 2]: 0 is certainty in every label, 2 certainty in another class on every row.

    Raises:
        UndefinedMetric: n is 0.
        ValueError: shapes that do not match, a label out of range, logits that are not finite.
    """
    scores = checked_logits(logits)
    truth = checked_labels(labels, *scores.shape)
    if len(truth) == 0:
        raise UndefinedMetric("the Brier score is undefined without examples")
    distance = softmax(scores)
    distance[np.arange(len(truth)), truth] -= 1.0
    return float((distance**2).sum(axis=1).mean())
