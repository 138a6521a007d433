"""Logits small enough to travel inside a record, so that what is drawn from single predictions needs no other file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_CLASSES = 256
"""Labels take one byte each."""

MOST_ROWS = 100_000
"""Rows of an evaluation set that a record holds compact logits of: 300 kB of two classes."""


class CompactLogits(BaseModel):
    """Half-precision logits of one evaluation set, relative to the first class's, and its labels.

    Scores are computed from the stored logits themselves; these are for what needs single predictions but not their
    last digits: intervals, tests and reliability diagrams. Every row has the predicted class of the stored logits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: int = Field(ge=2, le=MOST_CLASSES)
    logits: str = Field(
        description="base64 of little-endian float16, (rows, classes - 1): of all classes but the first, less its logit"
    )
    labels: str | None = Field(description="base64 of uint8, (rows,); null for an unlabelled set")


def compact(logits: NDArray[np.floating], labels: Sequence[int] | None) -> CompactLogits | None:
    """Make logits compact.

    Args:
        logits: finite, (n, C).
        labels: in [0, C), (n,); None for an unlabelled set.

    Returns:
        The compact form, or None where there are more rows or classes than it is meant for.
    """
    import numpy as np

    rows, classes = logits.shape
    if rows > MOST_ROWS or not 2 <= classes <= MOST_CLASSES:
        return None
    wide = logits.astype(np.float64)
    # There is one larger number, for the predicted class where several are as large.
    largest = float(np.nextafter(np.finfo(np.float16).max, np.float16(0)))
    relative = np.clip(wide[:, 1:] - wide[:, :1], -largest, largest).astype("<f2")
    _keep_predictions(relative, wide.argmax(axis=1))
    return CompactLogits(
        classes=classes,
        logits=base64.b64encode(relative.tobytes()).decode(),
        labels=None if labels is None else base64.b64encode(bytes(labels)).decode(),
    )


def expand(stored: CompactLogits, rows: int) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """Logits (n, C), those of the first class 0, and labels (n,), from their compact form.

    Args:
        stored: what `compact` made, or somebody else.
        rows: n, as the record says.

    Raises:
        ValueError: it does not hold finite logits of so many rows, or labels out of range; the message says what.
    """
    import numpy as np

    relative = np.frombuffer(_bytes(stored.logits, 2 * rows * (stored.classes - 1), "logits"), "<f2")
    if not np.isfinite(relative).all():
        raise ValueError("the compact logits are not all finite")
    logits = np.zeros((rows, stored.classes))
    logits[:, 1:] = relative.reshape(rows, stored.classes - 1)
    if stored.labels is None:
        return logits, None
    labels = np.frombuffer(_bytes(stored.labels, rows, "labels"), np.uint8).astype(np.int64)
    if rows and labels.max() >= stored.classes:
        raise ValueError(f"the compact labels go up to {labels.max()}, for {stored.classes} classes")
    return logits, labels


def _keep_predictions(relative: NDArray[np.float16], predicted: NDArray[np.intp]) -> None:
    """Move logits that rounding has made equal to, or larger than, the predicted class's by a last digit, in place."""
    import numpy as np

    full = np.concatenate([np.zeros_like(relative[:, :1]), relative], axis=1)
    for row in np.flatnonzero(full.argmax(axis=1) != predicted):
        winner = predicted[row]
        # The predicted class is larger than those before it, and no smaller than those after it.
        others = np.delete(full[row], winner).max()
        if winner:
            relative[row, winner - 1] = np.nextafter(others, np.float16(np.inf))
        else:
            relative[row] = np.minimum(relative[row], np.float16(0))


def _bytes(text: str, expected: int, what: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"the compact {what} are not base64") from None
    if len(found) != expected:
        raise ValueError(f"the compact {what} have {len(found):,} bytes, not the {expected:,} of the set's rows")
    return found
