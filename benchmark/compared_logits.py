"""Stored logits of one evaluation set, from two runs of the same cell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import UserError
from benchmark.stored_logits import read_logits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leaderboard.record import EvaluatedSet


@dataclass(frozen=True, kw_only=True)
class ComparedLogits:
    """What became of one set's logits."""

    equal: bool
    """To the bit."""
    rows: int
    """Of the record."""
    other_class: int | None = None
    """Rows whose predicted class differs; None where they could not be compared row by row."""
    largest_difference: float | None = None
    """Of any two logits of the same row and class; None likewise."""
    note: str | None = None
    """What else is to be said: why rows were not compared, or what is wrong with the record's file."""


def compare_logits(old: EvaluatedSet, old_file: Path | None, new: EvaluatedSet, new_file: Path) -> ComparedLogits:
    """Compare the logits of a set, row by row where those of the record are still there.

    Args:
        old: the set in the record.
        old_file: its logits, where the record names a file.
        new: the set in the rerun.
        new_file: its logits.

    Raises:
        UserError: the rerun's own logits cannot be read.
    """
    same_hash = old.logits_sha256 is not None and old.logits_sha256 == new.logits_sha256
    if old_file is None or not old_file.is_file():
        note = None if same_hash else "only the hashes could be compared: the record's logits are not beside it"
        if old.logits_sha256 is None:
            note = "not compared: the record has no hash of its logits, and they are not beside it"
        return ComparedLogits(equal=same_hash, rows=old.rows, note=note)
    try:
        logits, labels = read_logits(old_file, old.logits_sha256)
    except UserError as error:
        damaged = str(error).removeprefix(f"{old_file}: ").rstrip(".")
        return ComparedLogits(equal=same_hash, rows=old.rows, note=f"{old_file.name} beside the record: {damaged}")
    found, found_labels = read_logits(new_file, new.logits_sha256)
    if logits.shape != found.shape:
        return ComparedLogits(
            equal=False, rows=old.rows, note=f"shape {_shape(logits)} in the record, {_shape(found)} now"
        )
    if not _same_labels(labels, found_labels):
        return ComparedLogits(equal=False, rows=old.rows, note="the labels stored with the logits differ")
    # Not by the hash of the file: the same numbers in a file that another NumPy laid out are equal to the bit too.
    if logits.dtype == found.dtype and logits.tobytes() == found.tobytes():
        return ComparedLogits(equal=True, rows=old.rows, other_class=0, largest_difference=0.0)
    return ComparedLogits(
        equal=False,
        rows=old.rows,
        other_class=int((logits.argmax(axis=1) != found.argmax(axis=1)).sum()),
        largest_difference=float(np.abs(logits.astype(np.float64) - found).max()),
    )


def _shape(logits: NDArray[np.float32]) -> str:
    return "×".join(map(str, logits.shape))


def _same_labels(old: NDArray[np.int64] | None, new: NDArray[np.int64] | None) -> bool:
    return np.array_equal(old, new) if old is not None and new is not None else old is new
