"""Sets with fewer classes than the model: two-class entailment scored with a three-class model.

There are two ways to score such a set. Either the probabilities of the model's classes are merged once, before every
metric; or, as in RoAST's released code (arXiv 2312.04032), only the predicted class is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.metrics.inputs import checked_labels, checked_logits
from benchmark.metrics.softmax import log_softmax

Groups = Sequence[Sequence[int]]
"""For each merged class the model's classes it is made of; each class of the model is in exactly one group."""


def merge_probabilities(logits: ArrayLike, groups: Groups) -> NDArray[np.float64]:
    """Logits over the merged classes, whose softmax is q_g = Σ_{c in g} p_c.

    They are ln q, computed without going through p, so that a class whose probability is below the smallest float64
    keeps a finite logit. Every metric of these logits, temperature scaling included, sees the merged classes alone.

    Args:
        logits: finite, shape (n, classes).
        groups: the merged classes.

    Returns:
        Finite values ≤ 0 (up to rounding), shape (n, len(groups)).

    Raises:
        ValueError: logits of another shape or not finite; groups that do not hold each class exactly once.
    """
    scores = checked_logits(logits)
    _check_groups(groups, scores.shape[1])
    log_p = log_softmax(scores)
    merged = np.stack([np.logaddexp.reduce(log_p[:, list(group)], axis=1) for group in groups], axis=1)
    # Logits further apart than float64 reaches make a logarithm of −∞; the lowest float has the same softmax.
    return np.asarray(np.maximum(merged, np.finfo(np.float64).min), dtype=np.float64)


def labels_of_merged_predictions(logits: ArrayLike, labels: ArrayLike, groups: Groups) -> NDArray[np.int64]:
    """Labels among the model's own classes under which its predictions are right as often as after merging.

    Where the predicted class is in the label's group, the new label is the predicted class; elsewhere it is the
    first class of the label's group, which is not the predicted one. Metrics of the unmerged logits against these
    labels thus count a prediction as right when its group is, with the confidence max_c p_c that it was made with, at
    every temperature. Metrics that look at the probability of the label have no meaning on them.

    Args:
        logits: finite, shape (n, classes); on a tie the first class is the prediction.
        labels: integers in [0, len(groups)), shape (n,).
        groups: the merged classes.

    Returns:
        Integers in [0, classes), shape (n,).

    Raises:
        ValueError: logits of another shape or not finite; a label out of range; groups that do not hold each class
            exactly once.
    """
    scores = checked_logits(logits)
    rows, classes = scores.shape
    _check_groups(groups, classes)
    truth = checked_labels(labels, rows, len(groups))
    group_of = np.empty(classes, np.int64)
    for index, group in enumerate(groups):
        group_of[list(group)] = index
    first_class = np.array([group[0] for group in groups], np.int64)
    predicted = scores.argmax(axis=1)
    return np.where(group_of[predicted] == truth, predicted, first_class[truth]).astype(np.int64)


def _check_groups(groups: Groups, classes: int) -> None:
    merged = sorted(index for group in groups for index in group)
    if merged != list(range(classes)) or not all(groups):
        raise ValueError(
            f"groups {[list(group) for group in groups]} must hold each of the model's {classes} classes exactly once"
        )
