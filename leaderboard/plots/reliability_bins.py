"""Accuracy against confidence, in bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True)
class Bin:
    """The texts whose confidence is in one bin."""

    confidence: float
    """Mean, in (0, 1]."""
    accuracy: float
    """Share of them that are classified rightly, in [0, 1]."""
    share: float
    """Of all texts, in (0, 1]."""


def reliability_bins(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> Sequence[Bin]:
    """Ten bins of equal width over (0, 1], lower edge exclusive, upper inclusive; empty ones are left out.

    The bins are those of the expected calibration error (Guo et al. 2017, arXiv 1706.04599).

    Args:
        confidence: largest probability of each text, (n,).
        correct: whether the predicted class is the label, (n,).
    """
    import numpy as np

    upper_edges = np.arange(1, BINS + 1) / BINS  # rounding may lift a confidence just above 1
    of_text = np.minimum(np.searchsorted(upper_edges, confidence, side="left"), BINS - 1)
    return [
        Bin(
            confidence=float(confidence[inside].mean()),
            accuracy=float(correct[inside].mean()),
            share=float(inside.mean()),
        )
        for inside in (of_text == number for number in range(BINS))
        if inside.any()
    ]
