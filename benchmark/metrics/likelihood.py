"""Negative log-likelihood: how surprised the model is by the labels."""

import numpy as np
from numpy.typing import ArrayLike

from benchmark.metrics.inputs import checked_labels, checked_logits
from benchmark.metrics.softmax import log_softmax
from benchmark.metrics.undefined import UndefinedMetric


def negative_log_likelihood(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean of −ln p(label) over the rows, in nats: the cross-entropy that fine-tuning minimises.

    The logarithm is taken of the logits and not of the probabilities, so that a label whose probability is below
    the smallest float64 still counts with its true, large value; nothing is clipped.

    Args:
        logits: finite, shape (n, classes).
        labels: integers in [0, classes), shape (n,).

    Returns:
        A value ≥ 0; 0 is certainty in every label, ln(classes) is equal probabilities.

    Raises:
        UndefinedMetric: n is 0, or the mean is infinite: a label's logit is so far below the largest that the
            difference exceeds float64.
        ValueError: shapes that do not match, a label out of range, logits that are not finite.
    """
    scores = checked_logits(logits)
    truth = checked_labels(labels, *scores.shape)
    if len(truth) == 0:
        raise UndefinedMetric("the negative log-likelihood is undefined without examples")
    surprise = -log_softmax(scores)[np.arange(len(truth)), truth]
    with np.errstate(over="ignore"):
        mean = float(surprise.mean())
    if not np.isfinite(mean):
        row = int(surprise.argmax())
        raise UndefinedMetric(f"the negative log-likelihood is infinite: the label of row {row} has probability 0")
    return mean
