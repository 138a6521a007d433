import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from benchmark.metrics import UndefinedMetric, brier_score, softmax


def test_two_classes_are_twice_scikit_learns_binary_score() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(200, 2)), rng.integers(0, 2, 200)
    assert brier_score(logits, labels) == pytest.approx(2 * brier_score_loss(labels, softmax(logits)[:, 1]))


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_it_agrees_with_the_sum_over_rows_and_classes(classes: int) -> None:
    rng = np.random.default_rng(classes)
    logits, labels = rng.normal(size=(100, classes)), rng.integers(0, classes, 100)
    total = 0.0
    for row, label in zip(softmax(logits), labels, strict=True):
        for index, probability in enumerate(row):
            total += (probability - (index == label)) ** 2
    assert brier_score(logits, labels) == pytest.approx(total / 100)


def test_limit_cases() -> None:
    assert brier_score([[900.0, 0.0, 0.0]] * 2, [0, 0]) == 0.0
    assert brier_score([[900.0, 0.0, 0.0]] * 2, [1, 2]) == 2.0  # the upper end of the range
    assert brier_score([[4.0]], [0]) == 0.0  # one class
    assert brier_score(np.zeros((3, 2)), [0, 1, 1]) == pytest.approx(0.5)  # all tied
    with pytest.raises(UndefinedMetric, match="without examples"):
        brier_score(np.empty((0, 2)), [])
    with pytest.raises(ValueError, match="row 0"):
        brier_score([[np.nan, 0.0]], [0])
