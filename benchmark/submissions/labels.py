"""The labels that a record's scores were computed with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from benchmark.path_inside import path_inside
from benchmark.stored_logits import read_logits
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission
from leaderboard.compact_logits import expand


def labels_of(submission: Submission, name: str) -> np.ndarray | None:
    """The labels of one evaluation set of a record whose scores were checked, as they stand beside its logits.

    Raises:
        Problem: its compact logits cannot be read.
    """
    item = submission.record.evaluation_sets[name]
    if item.compact_logits is not None:
        try:
            return expand(item.compact_logits, item.rows)[1]
        except ValueError as error:
            raise Problem(f"evaluation_sets.{name}: {error}") from None
    file = path_inside(submission.folder, item.logits or "")
    assert file is not None  # or its scores had not been accepted
    return read_logits(file, item.logits_sha256)[1]


def digest_of_labels(labels: Sequence[int] | np.ndarray | None) -> str | None:
    """What is equal for equal labels in the same order; None for none."""
    return None if labels is None else hashlib.sha256(np.asarray(labels, np.int64).tobytes()).hexdigest()
