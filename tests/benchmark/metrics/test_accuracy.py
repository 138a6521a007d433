import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from benchmark.metrics import UndefinedMetric, accuracy, softmax


def test_accuracy_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(200, 4)), rng.integers(0, 4, 200)
    assert accuracy(logits, labels) == pytest.approx(accuracy_score(labels, logits.argmax(axis=1)))


def test_a_tie_goes_to_the_first_class() -> None:
    assert accuracy([[1.0, 1.0], [0.0, 0.0]], [0, 1]) == 0.5


def test_accuracy_without_examples_is_undefined() -> None:
    with pytest.raises(UndefinedMetric, match="without examples"):
        accuracy(np.empty((0, 2)), [])


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[0.0, 1.0], [float("nan"), 1.0]], [0, 0], "row 1"),
        ([[0.0, 1.0], [0.0, float("inf")]], [0, 0], "row 1"),
        ([[0.0, 1.0]], [0, 1], r"shape \(1,\)"),
        ([0.0, 1.0], [0, 1], r"\(n, classes\)"),
        ([[0.0, 1.0]], [2], "label 2 in row 0"),
        ([[0.0, 1.0]], [-1], "label -1 in row 0"),
        ([[0.0, 1.0]], [1.0], "integers"),
        ([[0.0, 1j]], [1], "real numbers"),
    ],
)
def test_malformed_input_is_refused(logits: object, labels: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        accuracy(logits, labels)  # type: ignore[arg-type]
    assert not isinstance(caught.value, UndefinedMetric)


def test_softmax_agrees_with_torch_and_survives_large_logits() -> None:
    import torch

    logits = np.random.default_rng(1).normal(scale=5, size=(50, 3))
    expected = torch.softmax(torch.tensor(logits) / 0.5, dim=1).numpy()
    np.testing.assert_allclose(softmax(logits, 0.5), expected, rtol=1e-12)
    np.testing.assert_array_equal(softmax([[1e308, -1e308, 0.0]]), [[1.0, 0.0, 0.0]])


def test_softmax_of_float32_is_float64() -> None:
    assert softmax(np.zeros((1, 3), dtype=np.float32)).dtype == np.float64


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_softmax_refuses_a_temperature_that_is_not_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        softmax([[0.0, 1.0]], temperature)
