"""The single predictions behind a record's scores, as far as it holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.compact_logits import expand
from leaderboard.record import EvaluatedSet, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HALF_A_DIGIT = 2.0**-11
"""Of a logit in half precision, relative."""


@dataclass(frozen=True)
class LabelledPredictions:
    """A classifier on a labelled set."""

    logits: NDArray[np.float64]
    """(n, classes), of the merged classes where probabilities were merged."""
    correct: NDArray[np.bool_]
    """(n,)."""
    undecided: NDArray[np.bool_]
    """(n,): where half precision may have changed which of the merged classes is predicted."""


def labelled_predictions(record: Record, name: str) -> LabelledPredictions:
    """Predictions on a labelled set, projected to its classes the way the record's scores were.

    With ``evaluation.projection`` "predictions" the logits stay the model's own and only the comparison with the
    label is by groups; else the probabilities are merged, and the logits are the logarithms of the merged ones.

    Raises:
        ValueError: there is no such set, or its logits, labels or groups of classes do not fit each other; the
            message says what.
    """
    import numpy as np

    item = _stored(record, name)
    logits, labels = _expanded(item)
    if labels is None:
        raise ValueError("there are no labels")
    decided = np.zeros(len(logits), bool)
    if item.projection is None:
        return LabelledPredictions(logits, logits.argmax(axis=1) == labels, decided)
    groups = item.projection.groups
    classes = logits.shape[1]
    if not all(groups) or sorted(index for group in groups for index in group) != list(range(classes)):
        raise ValueError(f"the groups of classes do not hold each of the {classes} exactly once")
    if len(labels) and labels.max() >= len(groups):
        raise ValueError(f"the labels go up to {labels.max()}, for {len(groups)} groups of classes")
    evaluation = record.configuration.resolved.get("evaluation")
    if isinstance(evaluation, dict) and evaluation.get("projection") == "predictions":
        group_of = np.empty(classes, np.int64)
        for index, group in enumerate(groups):
            group_of[list(group)] = index
        return LabelledPredictions(logits, group_of[logits.argmax(axis=1)] == labels, decided)
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    merged = np.stack([np.logaddexp.reduce(log_p[:, list(group)], axis=1) for group in groups], axis=1)
    ordered = np.sort(merged, axis=1)
    # A logit is off by at most half a last digit, and so the logarithm of a merged probability.
    undecided = ordered[:, -1] - ordered[:, -2] <= 2 * _HALF_A_DIGIT * np.abs(logits).max(axis=1)
    return LabelledPredictions(merged, merged.argmax(axis=1) == labels, undecided)


def anomaly_scores(record: Record, name: str) -> NDArray[np.float64]:
    """1 − largest softmax probability of each text of a set, on the model's own classes, (n,).

    Source: Hendrycks and Gimpel 2017 (arXiv 1610.02136).

    Raises:
        ValueError: there is no such set, or its logits are not usable; the message says what.
    """
    import numpy as np

    logits, _ = _expanded(_stored(record, name))
    return np.asarray(1.0 - largest_probabilities(logits, [1.0])[0], dtype=np.float64)


def undecided_pairs(record: Record, name: str, against: str) -> float:
    """Share of the pairs of a text of one set and one of another whose order half precision may have changed.

    Args:
        record: that holds the logits of both sets.
        name: a set of anomalies.
        against: the set that they are told from.

    Raises:
        ValueError: there is no such set, or its logits are not usable; the message says what.
    """
    import numpy as np

    bounds = []
    for of_set in (name, against):
        logits, _ = _expanded(_stored(record, of_set))
        probability = largest_probabilities(logits, [1.0])[0]
        # The derivative of a softmax probability p by a difference of logits is p (1 − p) at most.
        off = 2 * _HALF_A_DIGIT * np.abs(logits).max(axis=1) * probability * (1 - probability)
        bounds.append((np.sort(probability - off), np.sort(probability + off)))
    (lowest, highest), (lowest_against, highest_against) = bounds
    perhaps_larger = np.searchsorted(lowest_against, highest, "right").sum()
    surely_larger = np.searchsorted(highest_against, lowest, "left").sum()
    return float(perhaps_larger - surely_larger) / max(1, len(lowest) * len(lowest_against))


def largest_probabilities(logits: NDArray[np.float64], temperatures: Sequence[float]) -> NDArray[np.float64]:
    """Largest probability of softmax(logits / temperature), (temperatures, n)."""
    import numpy as np

    of_class = np.ascontiguousarray(logits.T)  # there are few classes: sums of whole arrays are faster than of rows
    below_largest = of_class - of_class.max(axis=0)
    # The largest logit has the exponential 1.
    return np.stack([1.0 / np.exp(below_largest / temperature).sum(axis=0) for temperature in temperatures])


def _stored(record: Record, name: str) -> EvaluatedSet:
    item = record.evaluation_sets.get(name)
    if item is None or item.compact_logits is None:
        raise ValueError("there are no logits")
    return item


def _expanded(item: EvaluatedSet) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    assert item.compact_logits is not None
    return expand(item.compact_logits, item.rows)
