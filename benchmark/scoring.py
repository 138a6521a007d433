"""From logits to scores: of each set, and of the five perspectives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmark.metrics import (
    UndefinedMetric,
    accuracy,
    anomaly_scores,
    aupr,
    auroc,
    calibration_error_cross_fitted,
    calibration_error_raw,
    fpr_at_95_tpr,
)
from leaderboard.record import AttackResult, MergedClasses, Score
from tasks import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    try:
        return Score(value=100.0 * compute(), higher_is_better=higher_is_better, sets=sets)
    except UndefinedMetric as error:
        return Score(value=None, reason=str(error), higher_is_better=higher_is_better, sets=sets)


def score_sets(
    sets: Mapping[str, PredictedSet],
    in_distribution_test: str,
    projection: Literal["probabilities", "predictions"] = "probabilities",
) -> dict[str, dict[str, Score]]:
    """Every metric of every set.

    Labelled sets get accuracy, ece (ten-fold temperature rule) and ece_raw; anomaly sets get auroc, aupr and fpr95
    against the in-distribution test set.
    """
    normal = anomaly_scores(sets[in_distribution_test].logits)
    return {
        name: _score_anomalies(name, predicted.logits, normal, in_distribution_test)
        if predicted.labels is None
        else _score_labelled(name, predicted.logits, predicted.labels)
        for name, predicted in sets.items()
    }


def perspectives(
    roles: Mapping[str, Role], set_scores: Mapping[str, Mapping[str, Score]], attacks: Sequence[AttackResult]
) -> dict[str, Score]:
    """The five perspectives: means over the sets of a role, each with the sets it covers.

    acc_adv is the mean accuracy on static adversarial sets; where the task has none, the mean accuracy under the live
    attacks.
    """
    labelled = [name for name, role in roles.items() if role.labelled]
    under_attack = {attack.column: attack.accuracy_under_attack for attack in attacks}
    static = _having(roles, Role.ADVERSARIAL)
    adversarial = {name: set_scores[name]["accuracy"] for name in static} if static else under_attack
    return {
        "acc_in": _mean({name: set_scores[name]["accuracy"] for name in _having(roles, Role.IN_DISTRIBUTION)}),
        "acc_shift": _mean({name: set_scores[name]["accuracy"] for name in _having(roles, Role.SHIFT)}),
        "acc_adv": _mean(adversarial),
        "ece": _mean({name: set_scores[name]["ece"] for name in labelled}, higher_is_better=False),
        "auroc": _mean({name: set_scores[name]["auroc"] for name in _having(roles, Role.ANOMALY)}),
    }


def _score_labelled(name: str, logits: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Score]:
    covers = (name,)
    return {
        "accuracy": percent(lambda: accuracy(logits, labels), covers),
        "ece": percent(lambda: calibration_error_cross_fitted(logits, labels), covers, higher_is_better=False),
        "ece_raw": percent(lambda: calibration_error_raw(logits, labels), covers, higher_is_better=False),
    }


def _score_anomalies(
    name: str, logits: NDArray[np.float32], normal: NDArray[np.float64], in_distribution_test: str
) -> dict[str, Score]:
    anomalous = anomaly_scores(logits)
    covers = (name, in_distribution_test)
    return {
        "auroc": percent(lambda: auroc(normal, anomalous), covers),
        "aupr": percent(lambda: aupr(normal, anomalous), covers),
        "fpr95": percent(lambda: fpr_at_95_tpr(normal, anomalous), covers, higher_is_better=False),
    }


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
