import math

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassCalibrationError

from benchmark.metrics import (
    UndefinedMetric,
    calibration_error_adaptive,
    calibration_error_cross_fitted,
    calibration_error_raw,
    expected_calibration_error,
    softmax,
)
from benchmark.metrics.calibration import TEMPERATURES
from benchmark.metrics.softmax import largest_probabilities


def random_case(seed: int, rows: int, classes: int, scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=scale, size=(rows, classes))
    labels = np.where(rng.random(rows) < 0.6, logits.argmax(axis=1), rng.integers(0, classes, rows))
    return logits, labels


def naive_error(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """The calibration error by its text: for each bin, walk over all examples."""
    total = 0.0
    for b in range(10):
        confidences, hits = [], []
        for row, label in zip(logits, labels, strict=True):
            exponentials = [math.exp((z - max(row)) / temperature) for z in row]
            confidence = max(exponentials) / sum(exponentials)
            if b / 10 < confidence <= (b + 1) / 10:
                confidences.append(confidence)
                hits.append(float(list(row).index(max(row)) == label))
        if confidences:
            n = len(confidences)
            total += n / len(labels) * abs(sum(hits) / n - sum(confidences) / n)
    return total


def naive_cross_fitted(logits: np.ndarray, labels: np.ndarray, seed: int) -> float:
    order = list(np.random.RandomState(seed).permutation(len(labels)))
    size = len(labels) // 10
    errors = []
    for fold in range(10):
        chosen = order[fold * size : (fold + 1) * size]
        rest = [i for i in order if i not in set(chosen)]
        best, lowest = None, math.inf
        for temperature in (1 / 4, 1 / 2, 1, 2, 4, 8):
            error = naive_error(logits[chosen], labels[chosen], temperature)
            if error < lowest:
                best, lowest = temperature, error
        assert best is not None
        errors.append(naive_error(logits[rest], labels[rest], best))
    return sum(errors) / 10


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_raw_error_agrees_with_torchmetrics(classes: int) -> None:
    # Random confidences do not meet a bin's edge, where torchmetrics decides differently.
    logits, labels = random_case(classes, 400, classes)
    reference = MulticlassCalibrationError(num_classes=classes, n_bins=10, norm="l1")
    expected = reference(torch.tensor(softmax(logits)), torch.tensor(labels)).item()
    assert calibration_error_raw(logits, labels) == pytest.approx(expected, abs=1e-6)
    assert calibration_error_raw(logits, labels) == pytest.approx(naive_error(logits, labels, 1.0))


@pytest.mark.parametrize("edge", [0.6, 0.7, 0.8, 0.9])
def test_a_confidence_on_an_edge_belongs_to_the_bin_below(edge: float) -> None:
    # One row on the edge and wrong, one just below it and right: in one bin the gaps offset each other,
    # |1 − (edge + below)| / 2; in two bins they add up.
    below = edge - 0.05
    probabilities = [[edge, 1 - edge], [below, 1 - below]]
    assert expected_calibration_error(probabilities, [1, 0]) == pytest.approx(abs(1 - edge - below) / 2)


@pytest.mark.parametrize("edge", [0.6, 0.7, 0.8, 0.9])
def test_a_confidence_above_an_edge_belongs_to_the_bin_above(edge: float) -> None:
    above = float(np.nextafter(edge, 1))
    probabilities = [[above, 1 - above], [edge, 1 - edge]]
    separate = (above + (1 - edge)) / 2  # the first row wrong, the second right, each alone in its bin
    assert expected_calibration_error(probabilities, [1, 0]) == pytest.approx(separate)


def test_low_edges_with_many_classes() -> None:
    # 0.3 is on an edge and wrong, 0.25 is inside the bin below and right.
    probabilities = np.full((2, 10), 0.7 / 9)
    probabilities[0, 0] = 0.3
    probabilities[1] = 0.75 / 9
    probabilities[1, 0] = 0.25
    assert expected_calibration_error(probabilities, [1, 0]) == pytest.approx(abs(1 - 0.55) / 2)


def test_error_by_hand() -> None:
    # Bin (0.9, 1]: 0.95 right, 0.95 wrong → |1 − 1.9| / 4. Bin (0.6, 0.7]: 0.65, 0.65 right → |2 − 1.3| / 4.
    probabilities = [[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.35, 0.65]]
    assert expected_calibration_error(probabilities, [0, 1, 1, 1]) == pytest.approx((0.9 + 0.7) / 4)


def test_the_number_of_bins_matters() -> None:
    probabilities, labels = [[0.95, 0.05], [0.35, 0.65]], [1, 1]
    assert expected_calibration_error(probabilities, labels, bins=1) == pytest.approx(abs(1 - 1.6) / 2)
    assert expected_calibration_error(probabilities, labels, bins=10) == pytest.approx((0.95 + 0.35) / 2)
    with pytest.raises(ValueError, match="bins"):
        expected_calibration_error(probabilities, labels, bins=0)


def test_all_confident() -> None:
    assert expected_calibration_error([[1.0, 0.0]] * 4, [0, 0, 0, 0]) == 0.0
    assert expected_calibration_error([[1.0, 0.0]] * 4, [0, 0, 0, 1]) == 0.25
    # Merged classes may sum to a little more than 1.
    assert expected_calibration_error([[np.nextafter(1.0, 2), 0.0]], [1]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "row", [[0.5, 0.6], [1.5, -0.5], [float("nan"), 1.0], [2.0, -3.0]], ids=["sum", "range", "nan", "logits"]
)
def test_rows_that_are_no_distribution_are_refused(row: list[float]) -> None:
    with pytest.raises(ValueError, match="row 1 is not a probability distribution"):
        expected_calibration_error([[0.5, 0.5], row], [0, 0])


@pytest.mark.parametrize(("rows", "classes", "seed"), [(10, 2, 0), (57, 2, 0), (123, 3, 1), (200, 3, 7)])
def test_cross_fitted_error_agrees_with_the_rule_read_literally(rows: int, classes: int, seed: int) -> None:
    logits, labels = random_case(rows, rows, classes)
    expected = naive_cross_fitted(logits, labels, seed)
    assert calibration_error_cross_fitted(logits, labels, seed) == pytest.approx(expected, abs=1e-12)


def test_cross_fitted_error_depends_on_the_seed_of_the_shuffle() -> None:
    logits, labels = random_case(3, 95, 3)
    errors = {calibration_error_cross_fitted(logits, labels, seed) for seed in range(4)}
    assert len(errors) == 4


def test_the_temperature_is_applied_and_not_its_index() -> None:
    # Known fault 1 of the released code: it divided by the index of the best temperature; index 0 became a
    # division by zero that was reported as a perfect 0. Here T = 1/4, whose index is 0, is the best one, and
    # the model stays wrong on a known share of the rows.
    logits = np.tile([[0.5, 0.0]], (2000, 1))  # softmax at T = 1/4: 0.8808; at T = 1: 0.6225
    labels = (np.arange(2000) % 10 == 0).astype(int)  # 90 % right
    error = calibration_error_cross_fitted(logits, labels)
    assert error == pytest.approx(abs(0.9 - softmax([[0.5, 0.0]], 0.25)[0, 0]), abs=0.005)
    assert 0 < error < calibration_error_raw(logits, labels)


def test_the_best_temperature_is_not_mistaken_for_a_later_index() -> None:
    # Overconfident by a factor of 8: T = 8, whose index is 5, brings the confidence to 0.75.
    logits = np.tile([[8 * math.log(3), 0.0]], (8000, 1))
    labels = (np.arange(8000) % 4 == 0).astype(int)  # 75 % right
    assert calibration_error_cross_fitted(logits, labels) == pytest.approx(0.0, abs=0.005)
    assert calibration_error_raw(logits, labels) == pytest.approx(0.25, abs=1e-3)


def test_the_first_temperature_wins_a_tie() -> None:
    # Equal logits have the confidence 1/2 at every temperature, so all temperatures tie on each fold but the
    # one with row 0. Row 0, wrong, then shows T = 1/4 in the error of the rest: alone in its bin at 0.982.
    logits = np.zeros((100, 2))
    logits[0] = [1.0, 0.0]
    labels = np.arange(100) % 2
    labels[0] = 1
    order = list(np.random.RandomState(0).permutation(100))
    confident = softmax([[1.0, 0.0]], 0.25)[0, 0]
    errors = []
    for fold in range(10):
        rest = order[: fold * 10] + order[fold * 10 + 10 :]
        even_rows = [row for row in rest if row != 0]
        right = sum(labels[row] == 0 for row in even_rows)
        gap = abs(right - 0.5 * len(even_rows))
        errors.append((gap + confident * (0 in rest)) / 90)
    assert calibration_error_cross_fitted(logits, labels) == pytest.approx(np.mean(errors), abs=1e-12)


def test_too_few_examples_are_undefined() -> None:
    logits, labels = random_case(0, 9, 2)
    with pytest.raises(UndefinedMetric, match="not 9"):
        calibration_error_cross_fitted(logits, labels)
    with pytest.raises(UndefinedMetric, match="without examples"):
        calibration_error_raw(np.empty((0, 2)), [])
    with pytest.raises(UndefinedMetric, match="without examples"):
        expected_calibration_error(np.empty((0, 2)), [])


def test_logits_that_are_not_finite_name_their_row() -> None:
    logits = np.zeros((20, 2))
    logits[13, 1] = np.nan
    for metric in (calibration_error_raw, calibration_error_cross_fitted):
        with pytest.raises(ValueError, match="row 13"):
            metric(logits, np.zeros(20, dtype=int))


def test_the_global_generator_is_left_alone() -> None:
    logits, labels = random_case(5, 40, 2)
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    calibration_error_cross_fitted(logits, labels)
    assert np.random.rand() == expected  # noqa: NPY002


def equal_mass_error(logits: np.ndarray, labels: np.ndarray, bins: int = 10) -> float:
    """By NumPy's own way of cutting a sorted list into parts; only without ties is it well defined."""
    confidence, correct = softmax(logits).max(axis=1), logits.argmax(axis=1) == labels
    parts = np.array_split(np.argsort(confidence), bins)
    return sum(
        len(part) / len(labels) * abs(correct[part].mean() - confidence[part].mean()) for part in parts if len(part)
    )


@pytest.mark.parametrize("rows", [1, 4, 9, 10, 11, 19, 100, 123, 1000])
@pytest.mark.parametrize("classes", [2, 3])
def test_adaptive_error_agrees_with_numpys_parts(rows: int, classes: int) -> None:
    logits, labels = random_case(rows, rows, classes)
    assert calibration_error_adaptive(logits, labels) == pytest.approx(equal_mass_error(logits, labels), abs=1e-12)
    assert calibration_error_adaptive(logits, labels, bins=3) == pytest.approx(
        equal_mass_error(logits, labels, 3), abs=1e-12
    )


def test_adaptive_error_with_ties_is_that_of_the_ties_shared_out() -> None:
    # Confidence 0.5 (3 rows, 1 right), then 0.9 (5 rows, all right); four bins of two rows:
    # {0.5, 0.5}, {0.5, 0.9}, {0.9, 0.9}, {0.9, 0.9}, each row with its level's mean accuracy, 1/3 and 1. In the second
    # bin the gaps, of opposite signs, offset each other.
    nine = math.log(9)
    logits = np.array([[0.0, 0.0]] * 3 + [[nine, 0.0]] * 5)
    labels = np.array([0, 1, 1, 0, 0, 0, 0, 0])
    low, high = 1 / 3 - 0.5, 1 - 0.9
    expected = (abs(2 * low) + abs(low + high) + abs(2 * high) + abs(2 * high)) / 8
    assert calibration_error_adaptive(logits, labels, bins=4) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_adaptive_error_does_not_depend_on_the_order_of_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.integers(-2, 3, (67, 3)).astype(float)  # many ties
    labels = rng.integers(0, 3, 67)
    order = rng.permutation(67)
    assert calibration_error_adaptive(logits[order], labels[order]) == calibration_error_adaptive(logits, labels)


def test_adaptive_error_in_the_limit_cases() -> None:
    assert calibration_error_adaptive([[900.0, 0.0]] * 5, [0, 0, 0, 0, 1]) == pytest.approx(0.2)  # all at exactly 1
    assert calibration_error_adaptive([[3.0]] * 4, [0] * 4) == 0.0  # one class
    logits, labels = random_case(0, 50, 2)
    both = abs((logits.argmax(1) == labels).mean() - softmax(logits).max(1).mean())
    assert calibration_error_adaptive(logits, labels, bins=1) == pytest.approx(both)
    with pytest.raises(UndefinedMetric, match="without examples"):
        calibration_error_adaptive(np.empty((0, 2)), [])
    with pytest.raises(ValueError, match="bins"):
        calibration_error_adaptive(logits, labels, bins=0)
    with pytest.raises(ValueError, match="row 1"):
        calibration_error_adaptive([[0.0, 1.0], [np.nan, 0.0]], [0, 0])


def test_adaptive_error_sees_what_equal_widths_hide() -> None:
    # All confidences within one bin of equal width, where the errors offset each other.
    logits = np.array([[math.log(p / (1 - p)), 0.0] for p in (0.91, 0.92, 0.98, 0.99)])
    labels = np.array([0, 0, 1, 1])
    assert calibration_error_adaptive(logits, labels, bins=2) > calibration_error_raw(logits, labels) + 0.01


@pytest.mark.parametrize("classes", range(1, 8))
def test_confidences_at_all_temperatures_have_the_bits_of_the_softmax_row_by_row(classes: int) -> None:
    logits = np.random.default_rng(classes).normal(scale=5, size=(300, classes)).astype(np.float32)
    found = largest_probabilities(logits, TEMPERATURES)
    for temperature, confidence in zip(TEMPERATURES, found, strict=True):
        np.testing.assert_array_equal(confidence, softmax(logits, temperature).max(axis=1))
        for row, value in zip(logits.astype(np.float64), confidence, strict=True):
            exponentials = np.exp((row - row.max()) / temperature)
            assert value == exponentials.max() / exponentials.sum()
