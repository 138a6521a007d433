"""Scores of a classifier: pure functions of its logits and the integer labels.

Inputs are NumPy arrays, outputs are floats; shares are in [0, 1] (percent is a matter of presentation). A score that
its input leaves undefined raises :class:`UndefinedMetric`; malformed input raises a plain :class:`ValueError`.
"""

from benchmark.metrics.accuracy import accuracy
from benchmark.metrics.anomaly import (
    Detection,
    anomaly_scores,
    aupr,
    auroc,
    detection,
    energy_scores,
    fpr_at_95_tpr,
    max_logit_scores,
)
from benchmark.metrics.brier import brier_score
from benchmark.metrics.calibration import (
    calibration_error_adaptive,
    calibration_error_cross_fitted,
    calibration_error_raw,
    expected_calibration_error,
)
from benchmark.metrics.likelihood import negative_log_likelihood
from benchmark.metrics.projection import labels_of_merged_predictions, merge_probabilities
from benchmark.metrics.softmax import log_softmax, softmax
from benchmark.metrics.undefined import UndefinedMetric

__all__ = [
    "Detection",
    "UndefinedMetric",
    "accuracy",
    "anomaly_scores",
    "aupr",
    "auroc",
    "brier_score",
    "calibration_error_adaptive",
    "calibration_error_cross_fitted",
    "calibration_error_raw",
    "detection",
    "energy_scores",
    "expected_calibration_error",
    "fpr_at_95_tpr",
    "labels_of_merged_predictions",
    "log_softmax",
    "max_logit_scores",
    "merge_probabilities",
    "negative_log_likelihood",
    "softmax",
]
