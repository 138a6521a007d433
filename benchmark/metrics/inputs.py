"""Checks that every metric makes of its input before it computes anything."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def checked_logits(logits: ArrayLike) -> NDArray[np.float64]:
    """Return the logits as a float64 array of shape (n, classes).

    Raises ValueError when the array is not two-dimensional and numeric, has no class, or holds a value that
    is not finite (the message names the first such row).
    """
    array = _numeric(logits, "logits")
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"logits must have the shape (n, classes), not {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():  # by row only where it is needed: that takes many times as long
        row = int((~finite.all(axis=1)).argmax())
        raise ValueError(f"logits are not finite in row {row}: {array[row].tolist()}")
    return array


def checked_labels(labels: ArrayLike, rows: int, classes: int) -> NDArray[np.int64]:
    """Return the labels as an integer array of shape (rows,), each within [0, classes).

    Raises ValueError on another shape, on labels that are not integers, and on one out of range.
    """
    array: NDArray[Any] = np.asarray(labels)
    if array.shape != (rows,):
        raise ValueError(f"labels must have the shape ({rows},) to match the rows, not {array.shape}")
    if rows == 0:
        return np.empty(0, dtype=np.int64)  # an empty list has no integer type of its own
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"labels must be integers, not {array.dtype}")
    out_of_range = (array < 0) | (array >= classes)
    if out_of_range.any():
        row = int(out_of_range.argmax())
        raise ValueError(f"label {array[row]} in row {row} is outside 0..{classes - 1}")
    return array.astype(np.int64)


def checked_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the probabilities as a float64 array of shape (n, classes).

    Raises ValueError on another shape, on values outside [0, 1], and on a row whose sum is off 1 by more
    than 1e-4, which leaves room for float32 and float16-to-float32 round-off but not for logits.
    """
    array = _numeric(probabilities, "probabilities")
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"probabilities must have the shape (n, classes), not {array.shape}")
    tolerance = 1e-4
    # Written so that a NaN counts as wrong: every comparison with it is false.
    in_range = ((array >= -tolerance) & (array <= 1 + tolerance)).all(axis=1)
    wrong = ~(in_range & (np.abs(array.sum(axis=1) - 1) <= tolerance))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(f"row {row} is not a probability distribution: {array[row].tolist()}")
    return array


def checked_scores(scores: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return scores as a float64 array of shape (n,); ValueError on another shape or a non-finite value."""
    array = _numeric(scores, name)
    if array.ndim != 1:
        raise ValueError(f"{name} must have the shape (n,), not {array.shape}")
    not_finite = ~np.isfinite(array)
    if not_finite.any():
        row = int(not_finite.argmax())
        raise ValueError(f"{name} are not finite in row {row}: {array[row]}")
    return array


def _numeric(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array: NDArray[Any] = np.asarray(values)
    if array.size and not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"{name} must be real numbers, not {array.dtype}")
    # Class by class in memory: taking the sum or the largest over a few classes is then many times as fast.
    return array.astype(np.float64, order="F")
