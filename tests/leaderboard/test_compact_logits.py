import base64

import numpy as np
import pytest

from leaderboard.compact_logits import MOST_ROWS, CompactLogits, compact, expand


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_half_precision_and_the_same_predictions(classes: int) -> None:
    random = np.random.default_rng(classes)
    logits = random.normal(scale=4, size=(5_000, classes)).astype(np.float32)
    labels = random.integers(classes, size=len(logits))
    stored = compact(logits, labels.tolist())
    assert stored is not None
    found, found_labels = expand(CompactLogits.model_validate_json(stored.model_dump_json()), len(logits))
    assert np.array_equal(found.argmax(axis=1), logits.argmax(axis=1))
    assert found_labels is not None
    assert np.array_equal(found_labels, labels)
    relative = logits.astype(np.float64) - logits[:, :1].astype(np.float64)
    assert np.allclose(found, relative, rtol=2**-10, atol=1e-7)


def test_predictions_stay_where_rounding_makes_logits_equal() -> None:
    logits = np.array(
        [[0.0, 10.0001, 10.0], [0.0, 10.0, 10.0001], [1e-9, 0.0, -1.0], [0.0, 1e-9, -1.0], [5.0, 5.0, 1.0]], np.float64
    )
    stored = compact(logits, None)
    assert stored is not None
    found, labels = expand(stored, len(logits))
    assert found.argmax(axis=1).tolist() == [1, 2, 0, 1, 0]
    assert labels is None


def test_logits_beyond_half_precision_are_cut() -> None:
    stored = compact(np.array([[-1e30, 1e30]]), [1])
    assert stored is not None
    assert expand(stored, 1)[0].tolist() == [[0.0, 65472.0]]
    several = np.array([[0.0, 1e5, 2e5], [0.0, 2e5, 1e5], [2e5, 1e5, 0.0], [0.0, -1e5, -2e5]])
    stored = compact(several, None)
    assert stored is not None
    assert expand(stored, 4)[0].argmax(axis=1).tolist() == several.argmax(axis=1).tolist()


@pytest.mark.parametrize("shape", [(MOST_ROWS + 1, 2), (3, 1), (1, 257)])
def test_none_beyond_what_it_is_meant_for(shape: tuple[int, int]) -> None:
    assert compact(np.zeros(shape, np.float32), None) is None


def test_no_rows() -> None:
    stored = compact(np.zeros((0, 2), np.float32), [])
    assert stored is not None
    logits, labels = expand(stored, 0)
    assert logits.shape == (0, 2)
    assert labels is not None
    assert labels.shape == (0,)


@pytest.mark.parametrize(
    ("logits", "labels", "problem"),
    [
        ("!", "AA==", "not base64"),
        (base64.b64encode(b"\0\0\0").decode(), "AA==", "3 bytes, not the 2"),
        (base64.b64encode(np.array([np.nan], "<f2").tobytes()).decode(), "AA==", "not all finite"),
        (base64.b64encode(np.array([np.inf], "<f2").tobytes()).decode(), "AA==", "not all finite"),
        ("AAA=", "AAA=", "labels have 2 bytes"),
        ("AAA=", "Ag==", "up to 2, for 2 classes"),
        ("AAA=", "é", "labels are not base64"),
    ],
)
def test_what_somebody_else_wrote_is_checked(logits: str, labels: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        expand(CompactLogits(classes=2, logits=logits, labels=labels), 1)
