import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from benchmark.metrics import UndefinedMetric, log_softmax, negative_log_likelihood, softmax


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_it_agrees_with_scikit_learn_and_torch(classes: int) -> None:
    rng = np.random.default_rng(classes)
    logits, labels = rng.normal(scale=3, size=(300, classes)), rng.integers(0, classes, 300)
    found = negative_log_likelihood(logits, labels)
    assert found == pytest.approx(log_loss(labels, softmax(logits), labels=range(classes)), rel=1e-9)
    cross_entropy = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels)).item()
    assert found == pytest.approx(cross_entropy, rel=1e-12)


def test_by_hand() -> None:
    # Probabilities 3/4 and 1/4; ln 4/3 and ln 4 nats.
    expected = (math.log(4 / 3) + math.log(4)) / 2
    assert negative_log_likelihood([[math.log(3), 0.0]] * 2, [0, 1]) == pytest.approx(expected)


def test_limit_cases() -> None:
    assert negative_log_likelihood([[5.0]] * 3, [0] * 3) == 0.0  # one class
    assert negative_log_likelihood([[900.0, 0.0]] * 3, [0] * 3) == 0.0  # all certain and right
    assert negative_log_likelihood(np.zeros((4, 3)), [0, 1, 2, 0]) == pytest.approx(math.log(3))  # all tied
    with pytest.raises(UndefinedMetric, match="without examples"):
        negative_log_likelihood(np.empty((0, 2)), [])
    with pytest.raises(ValueError, match="row 1"):
        negative_log_likelihood([[0.0, 1.0], [np.inf, 0.0]], [0, 0])


def test_a_probability_that_is_0_as_a_float_keeps_its_logarithm() -> None:
    assert softmax([[2000.0, 0.0]])[0, 1] == 0.0
    assert negative_log_likelihood([[2000.0, 0.0]], [1]) == 2000.0


def test_an_infinite_value_is_undefined_and_names_the_row() -> None:
    with pytest.raises(UndefinedMetric, match="infinite: the label of row 1 has probability 0"):
        negative_log_likelihood([[1.0, 0.0], [1e308, -1e308]], [0, 1])


def test_logarithms_are_exact_where_the_softmax_is_1() -> None:
    found = log_softmax([[0.0, -60.0]])
    np.testing.assert_allclose(found, [[-math.exp(-60.0), -60.0]], rtol=1e-12)
    np.testing.assert_allclose(np.exp(log_softmax([[1.0, 2.0, 3.0]])), softmax([[1.0, 2.0, 3.0]]), rtol=1e-12)
