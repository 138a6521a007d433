"""Softmax with a temperature, its largest value, its logarithm."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.metrics.inputs import checked_logits


def softmax(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.float64]:
    """Turn logits into probabilities: exp(zᵢ / T) / Σⱼ exp(zⱼ / T), computed in float64.

    Args:
        logits: finite, shape (n, classes); any float type.
        temperature: T > 0; above 1 it makes the model less confident, below 1 more confident.

    Returns:
        Probabilities in [0, 1], shape (n, classes); each row sums to 1 up to rounding.

    Raises:
        ValueError: on logits of another shape or not finite (the row is named), and on T that is not a
            positive finite number.
    """
    exponentials = _exponentials(_below_largest(logits), temperature)
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float64)


def largest_probability(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.float64]:
    """Largest probability of each row: the same bits as ``softmax(logits, temperature).max(axis=1)``, in less time.

    Args:
        logits: finite, shape (n, classes); any float type.
        temperature: T > 0.

    Returns:
        Values in [1 / classes, 1], shape (n,).

    Raises:
        ValueError: as :func:`softmax`.
    """
    (probability,) = largest_probabilities(logits, [temperature])
    return probability


def largest_probabilities(logits: ArrayLike, temperatures: Iterable[float]) -> Iterator[NDArray[np.float64]]:
    """:func:`largest_probability` at several temperatures, one after the other, with one look at the logits."""
    below_largest = _below_largest(logits)
    for temperature in temperatures:
        # The largest logit has the exponential 1.
        yield np.asarray(1.0 / _exponentials(below_largest, temperature).sum(axis=1), dtype=np.float64)


def log_softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Logarithm of the softmax, zᵢ − ln Σⱼ exp(zⱼ), computed in float64 without taking the softmax.

    Args:
        logits: finite, shape (n, classes); any float type.

    Returns:
        Values ≤ 0, shape (n, classes); −∞ only where two logits of a row differ by more than float64 reaches.

    Raises:
        ValueError: on logits of another shape or not finite (the row is named).
    """
    below_largest = _below_largest(logits)
    return np.asarray(below_largest - np.logaddexp.reduce(below_largest, axis=1, keepdims=True), dtype=np.float64)


def _below_largest(logits: ArrayLike) -> NDArray[np.float64]:
    """z − largest z of the row: taking it off before the exponential keeps that from overflowing."""
    array = checked_logits(logits)
    with np.errstate(over="ignore"):  # a difference beyond float64 becomes −∞, whose exponential is rightly 0
        return np.asarray(array - array.max(axis=1, keepdims=True), dtype=np.float64)


def _exponentials(below_largest: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """exp((z − largest z of the row) / T)."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive finite number, not {temperature}")
    with np.errstate(over="ignore"):
        scaled = below_largest / temperature
    return np.exp(scaled, out=scaled)
