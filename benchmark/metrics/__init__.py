"""Scores of a classifier: pure functions of its logits and the integer labels.

Inputs are NumPy arrays, outputs are floats in [0, 1] (percent is a matter of presentation). A score that its
input leaves undefined raises :class:`UndefinedMetric`; malformed input raises a plain :class:`ValueError`.
"""

from benchmark.metrics.accuracy import accuracy
from benchmark.metrics.anomaly import anomaly_scores, aupr, auroc, fpr_at_95_tpr
from benchmark.metrics.calibration import (
    calibration_error_cross_fitted,
    calibration_error_raw,
    expected_calibration_error,
)
from benchmark.metrics.softmax import softmax
from benchmark.metrics.undefined import UndefinedMetric

__all__ = [
    "UndefinedMetric",
    "accuracy",
    "anomaly_scores",
    "aupr",
    "auroc",
    "calibration_error_cross_fitted",
    "calibration_error_raw",
    "expected_calibration_error",
    "fpr_at_95_tpr",
    "softmax",
]
