"""From logits to scores: of each set, and of the five perspectives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmark.metrics import (
    UndefinedMetric,
    accuracy,
    anomaly_scores,
    brier_score,
    calibration_error_adaptive,
    calibration_error_cross_fitted,
    calibration_error_raw,
    detection,
    energy_scores,
    labels_of_merged_predictions,
    max_logit_scores,
    merge_probabilities,
    negative_log_likelihood,
)
from leaderboard.record import AttackResult, MergedClasses, Score
from tasks import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

Projection = Literal["probabilities", "predictions"]
"""How a set with fewer classes than the model is scored: its probabilities merged, or its predictions alone."""

ANOMALY_SCORES = {"": anomaly_scores, "_energy": energy_scores, "_max_logit": max_logit_scores}
"""What is appended to a metric's name → the score of the logits that it was computed from."""

NOT_MISCLASSIFICATION = "input reduction"
"""How the reason starts that an attack without an accuracy gives where its goal is not a wrong prediction."""


@dataclass(frozen=True)
class PredictedSet:
    """An evaluation set with the model's logits."""

    role: Role
    logits: NDArray[np.float32]
    """(n, C)."""
    labels: NDArray[np.int64] | None
    """(n,), or None for anomalies."""
    projection: MergedClasses | None = None
    """Where the labels are of fewer classes than the logits."""


def percent(compute: Callable[[], float], sets: tuple[str, ...], *, higher_is_better: bool = True) -> Score:
    """A metric in [0, 1] as a score in percent; null with the reason where the metric is undefined."""
    return _score(lambda: 100.0 * compute(), sets, "percent", higher_is_better)


def score_sets(
    sets: Mapping[str, PredictedSet], in_distribution_test: str, projection: Projection = "probabilities"
) -> dict[str, dict[str, Score]]:
    """Every metric of every set.

    Labelled sets get accuracy, ece (ten-fold temperature rule), ece_raw, ece_adaptive, nll (nats) and brier; anomaly
    sets get auroc, aupr and fpr95 against the in-distribution test set, from the confidence, and with the suffixes
    _energy and _max_logit from those scores. Anomaly sets are scored on the model's own classes.

    Args:
        sets: name → the set.
        in_distribution_test: the set that anomalies are told from; needed only where there are anomaly sets.
        projection: how a set with fewer classes than the model is scored.

    Raises:
        ValueError: a set's logits are not finite or its labels out of range; the message names set and row.
    """
    normal: dict[str, NDArray[np.float64]] = {}
    if not all(predicted.role.labelled for predicted in sets.values()):
        if in_distribution_test not in sets:
            raise ValueError(f"evaluation set {in_distribution_test}: has no logits to tell anomalies from")
        with _naming(in_distribution_test):
            normal = {suffix: score(sets[in_distribution_test].logits) for suffix, score in ANOMALY_SCORES.items()}
    scored: dict[str, dict[str, Score]] = {}
    for name, predicted in sets.items():
        with _naming(name):
            if predicted.role.labelled:
                scored[name] = _score_labelled(name, predicted, projection)
            else:
                scored[name] = _score_anomalies((name, in_distribution_test), predicted.logits, normal)
    return scored


def perspectives(
    roles: Mapping[str, Role], set_scores: Mapping[str, Mapping[str, Score]], attacks: Sequence[AttackResult]
) -> dict[str, Score]:
    """The five perspectives: means over the sets of a role, each with the sets it covers.

    acc_adv is the mean accuracy on static adversarial sets; where the task has none, the mean accuracy under the live
    attacks. An attack that does not aim at wrong predictions takes no part.
    """
    labelled = [name for name, role in roles.items() if role.labelled]
    aimed = [attack for attack in attacks if _aims_at_wrong_predictions(attack)]
    times = Counter(attack.column for attack in aimed)
    under_attack = {
        attack.column if times[attack.column] == 1 else f"{attack.column} on {attack.evaluation_set}": (
            attack.accuracy_under_attack
        )
        for attack in aimed
    }
    static = _having(roles, Role.ADVERSARIAL)
    adversarial = {name: set_scores[name]["accuracy"] for name in static} if static else under_attack
    return {
        "acc_in": _mean({name: set_scores[name]["accuracy"] for name in _having(roles, Role.IN_DISTRIBUTION)}),
        "acc_shift": _mean({name: set_scores[name]["accuracy"] for name in _having(roles, Role.SHIFT)}),
        "acc_adv": _mean(adversarial),
        "ece": _mean({name: set_scores[name]["ece"] for name in labelled}, higher_is_better=False),
        "auroc": _mean({name: set_scores[name]["auroc"] for name in _having(roles, Role.ANOMALY)}),
    }


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Let an error say which set it is about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"evaluation set {name}: {error}") from None


def _score_labelled(name: str, predicted: PredictedSet, projection: Projection) -> dict[str, Score]:
    if predicted.labels is None:
        raise ValueError(f"has no labels; an {predicted.role} set needs them")
    logits: NDArray[np.floating] = predicted.logits
    labels = predicted.labels
    without_probabilities = False
    if predicted.projection is not None and projection == "probabilities":
        logits = merge_probabilities(logits, predicted.projection.groups)
    elif predicted.projection is not None:
        labels = labels_of_merged_predictions(logits, labels, predicted.projection.groups)
        without_probabilities = True

    def of_the_label(metric: Callable[[NDArray[np.floating], NDArray[np.int64]], float]) -> float:
        if without_probabilities:
            raise UndefinedMetric("merged predictions leave no probabilities of the merged classes")
        return metric(logits, labels)

    covers = (name,)
    return {
        "accuracy": percent(lambda: accuracy(logits, labels), covers),
        "ece": percent(lambda: calibration_error_cross_fitted(logits, labels), covers, higher_is_better=False),
        "ece_raw": percent(lambda: calibration_error_raw(logits, labels), covers, higher_is_better=False),
        "ece_adaptive": percent(lambda: calibration_error_adaptive(logits, labels), covers, higher_is_better=False),
        "nll": _score(lambda: of_the_label(negative_log_likelihood), covers, "nats", higher_is_better=False),
        "brier": _score(lambda: of_the_label(brier_score), covers, "none", higher_is_better=False),
    }


def _score_anomalies(
    covers: tuple[str, str], logits: NDArray[np.float32], normal: Mapping[str, NDArray[np.float64]]
) -> dict[str, Score]:
    return {
        f"{metric}{suffix}": score
        for suffix, anomaly_score in ANOMALY_SCORES.items()
        for metric, score in _score_detection(covers, normal[suffix], anomaly_score(logits)).items()
    }


def _score_detection(
    covers: tuple[str, str], normal: NDArray[np.float64], anomalous: NDArray[np.float64]
) -> dict[str, Score]:
    detect = cache(lambda: detection(normal, anomalous))
    return {
        "auroc": percent(lambda: detect().auroc, covers),
        "aupr": percent(lambda: detect().aupr, covers),
        "fpr95": percent(lambda: detect().fpr_at_95_tpr, covers, higher_is_better=False),
    }


def _score(
    compute: Callable[[], float],
    sets: tuple[str, ...],
    unit: Literal["percent", "nats", "none"],
    higher_is_better: bool,
) -> Score:
    try:
        return Score(value=compute(), unit=unit, higher_is_better=higher_is_better, sets=sets)
    except UndefinedMetric as error:
        return Score(value=None, unit=unit, reason=str(error), higher_is_better=higher_is_better, sets=sets)


def _aims_at_wrong_predictions(attack: AttackResult) -> bool:
    under_attack = attack.accuracy_under_attack
    return under_attack.value is not None or not (under_attack.reason or "").startswith(NOT_MISCLASSIFICATION)


def _having(roles: Mapping[str, Role], wanted: Role) -> list[str]:
    return [name for name, role in roles.items() if role is wanted]


def _mean(scores: Mapping[str, Score], *, higher_is_better: bool = True) -> Score:
    """Mean over sets; null where there is no set, or where one of them is null (a mean over fewer would mislead)."""
    covers = tuple(scores)
    if not scores:
        return Score(value=None, reason="no such set was scored", higher_is_better=higher_is_better, sets=())
    values = [score.value for score in scores.values() if score.value is not None]
    if len(values) < len(scores):
        reason = "; ".join(f"{name}: {score.reason}" for name, score in scores.items() if score.value is None)
        return Score(value=None, reason=reason, higher_is_better=higher_is_better, sets=covers)
    return Score(value=float(np.mean(values)), higher_is_better=higher_is_better, sets=covers)
