import numpy as np
import pytest
from scipy.special import logsumexp

from benchmark.metrics import (
    accuracy,
    calibration_error_cross_fitted,
    calibration_error_raw,
    labels_of_merged_predictions,
    merge_probabilities,
    negative_log_likelihood,
    softmax,
)

ENTAILMENT = ((0,), (1, 2))
"""Entailment against neutral and contradiction together."""


def random_logits(rows: int = 200, scale: float = 2.0) -> np.ndarray:
    return np.random.default_rng(0).normal(scale=scale, size=(rows, 3)).astype(np.float32)


def test_probabilities_are_the_sums_of_their_groups() -> None:
    logits = random_logits()
    p = softmax(logits)
    expected = np.stack([p[:, 0], p[:, 1] + p[:, 2]], axis=1)
    merged = merge_probabilities(logits, ENTAILMENT)
    np.testing.assert_allclose(softmax(merged), expected, rtol=1e-12)
    log_p = logits - logsumexp(logits.astype(float), axis=1, keepdims=True)
    np.testing.assert_allclose(merged[:, 1], logsumexp(log_p[:, 1:], axis=1), rtol=1e-9, atol=1e-15)


def test_the_order_of_groups_is_the_order_of_classes() -> None:
    found = softmax(merge_probabilities([[0.0, 1.0, 2.0]], ((2, 0), (1,))))
    p = softmax([[0.0, 1.0, 2.0]])[0]
    np.testing.assert_allclose(found, [[p[0] + p[2], p[1]]])


def test_merging_may_change_the_prediction() -> None:
    # Entailment leads with 0.4; neutral and contradiction have 0.3 each, together 0.6.
    logits = np.log([[0.4, 0.3, 0.3]])
    assert merge_probabilities(logits, ENTAILMENT).argmax() == 1
    assert accuracy(merge_probabilities(logits, ENTAILMENT), [1]) == 1.0
    assert accuracy(logits, labels_of_merged_predictions(logits, [1], ENTAILMENT)) == 0.0


def test_groups_of_single_classes_change_nothing() -> None:
    logits, labels = random_logits(), np.arange(200) % 3
    merged = merge_probabilities(logits, ((0,), (1,), (2,)))
    for metric in (accuracy, calibration_error_cross_fitted, negative_log_likelihood):
        assert metric(merged, labels) == pytest.approx(metric(logits, labels), abs=1e-12)


def test_probabilities_below_the_smallest_float_keep_finite_logits() -> None:
    merged = merge_probabilities([[3000.0, 0.0, 0.0], [0.0, 3000.0, 0.0]], ENTAILMENT)
    np.testing.assert_allclose(merged, [[0.0, -3000 + np.log(2)], [-3000.0, 0.0]])
    extreme = merge_probabilities([[1e308, -1e308, -1e308]], ENTAILMENT)
    assert np.isfinite(extreme).all()
    np.testing.assert_array_equal(softmax(extreme), [[1.0, 0.0]])


def test_merged_predictions_by_the_rule_read_literally() -> None:
    logits, labels = random_logits(), np.arange(200) % 2
    predicted = logits.argmax(axis=1)
    right = (predicted > 0).astype(int) == labels
    new = labels_of_merged_predictions(logits, labels, ENTAILMENT)
    np.testing.assert_array_equal(logits.argmax(axis=1) == new, right)
    np.testing.assert_array_equal((new > 0).astype(int), labels)
    assert accuracy(logits, new) == right.mean()
    # The confidence is the original one: the error of bins made by hand.
    confidence, error = softmax(logits).max(axis=1), 0.0
    for b in range(10):
        inside = (confidence > b / 10) & (confidence <= (b + 1) / 10)
        error += abs(right[inside].sum() - confidence[inside].sum()) / 200
    assert calibration_error_raw(logits, new) == pytest.approx(error)


def test_merged_predictions_of_groups_in_another_order() -> None:
    logits, labels = random_logits(), np.arange(200) % 2
    new = labels_of_merged_predictions(logits, labels, ((1, 2), (0,)))
    np.testing.assert_array_equal(new == 0, labels == 1)
    np.testing.assert_array_equal(logits.argmax(axis=1) == new, (logits.argmax(axis=1) == 0) == labels)


@pytest.mark.parametrize("groups", [((0,), (1,)), ((0,), (1, 1, 2)), ((0,), (1, 2, 3)), ((0, 1, 2), ()), ((0,), (2,))])
def test_groups_that_are_no_partition_are_refused(groups: tuple[tuple[int, ...], ...]) -> None:
    for compute in (
        lambda: merge_probabilities(random_logits(), groups),
        lambda: labels_of_merged_predictions(random_logits(), np.zeros(200, int), groups),
    ):
        with pytest.raises(ValueError, match="3 classes exactly once"):
            compute()


def test_malformed_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"label 2 in row 1 is outside 0\.\.1"):
        labels_of_merged_predictions(random_logits(2), [0, 2], ENTAILMENT)
    with pytest.raises(ValueError, match=r"label 2 in row 1 is outside 0\.\.1"):
        accuracy(merge_probabilities(random_logits(2), ENTAILMENT), [0, 2])
    with pytest.raises(ValueError, match="row 0"):
        merge_probabilities([[np.nan, 0.0, 0.0]], ENTAILMENT)
    assert merge_probabilities(np.empty((0, 3)), ENTAILMENT).shape == (0, 2)
