"""Softmax with a temperature."""

import math

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
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive finite number, not {temperature}")
    array = checked_logits(logits)
    # The largest logit is taken off first, so that no exponential overflows.
    with np.errstate(over="ignore"):  # a difference beyond float64 becomes −∞, whose exponential is rightly 0
        exponentials = np.exp((array - array.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float64)
