"""Whether a published record's scores are what the half-precision logits in it give."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from benchmark.errors import UserError
from benchmark.rescoring import scores_of
from benchmark.scoring import PredictedSet
from benchmark.submissions.compared_scores import ROUNDING, compare_scores
from benchmark.submissions.problem import Problem
from leaderboard.compact_logits import expand
from leaderboard.record import Record
from leaderboard.significance.single_predictions import labelled_predictions, undecided_pairs
from tasks import Role

CALIBRATION_ERROR = 1.0
"""Points by which a calibration error may differ, as half precision changes bins and temperatures of a few texts."""

FEW_TEXTS = 500
"""Of fewer ones, a changed temperature changes the calibration error in proportion more."""


def check_compact_scores(record: Record) -> None:
    """Every metric of every set follows from the compact logits, as far as they show it, and the perspectives from it.

    Raises:
        Problem: one does not, or a set has no compact logits.
    """
    sets = {}
    for name, item in record.evaluation_sets.items():
        if item.compact_logits is None:
            raise Problem(f"evaluation_sets.{name}: has neither a file of logits nor compact ones")
        try:
            logits, labels = expand(item.compact_logits, item.rows)
        except ValueError as error:
            raise Problem(f"evaluation_sets.{name}: {error}") from None
        if (labels is None) == Role(item.role).labelled:
            raise Problem(f"evaluation_sets.{name}: its role is {item.role}, with{'out' * (labels is None)} labels")
        sets[name] = PredictedSet(Role(item.role), logits.astype(np.float32), labels, item.projection)
    try:
        found, _ = scores_of(record, sets)
    except UserError as error:
        raise Problem(str(error).rstrip(".")) from None
    except ValueError as error:
        raise Problem(str(error)) from None
    for name, metrics in found.items():
        given = record.set_scores.get(name, {})
        compare_scores(f"set_scores.{name}", given, metrics, "its compact logits", partial(_allowed, record, name))


def _allowed(record: Record, name: str, metric: str) -> float:
    """By how much half precision may have changed a metric, in its unit; infinite where compact logits do not tell.

    They lack what is equal in all classes, and so the scores from the energy and from the largest logit.
    """
    rows = record.evaluation_sets[name].rows
    if metric == "accuracy":
        return ROUNDING + 100.0 * float(labelled_predictions(record, name).undecided.mean()) if rows else ROUNDING
    if metric in ("ece", "ece_raw", "ece_adaptive"):
        return CALIBRATION_ERROR * max(1.0, FEW_TEXTS / max(1, rows))
    if metric == "auroc" and record.in_distribution_test is not None:
        return ROUNDING + 100.0 * undecided_pairs(record, name, record.in_distribution_test)
    return math.inf
