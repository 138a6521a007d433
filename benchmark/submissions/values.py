"""Numbers that no run can have given."""

from __future__ import annotations

from typing import Any

from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission
from leaderboard.record import Record, Training
from leaderboard.score_range import impossible_score

FASTEST_STEP = 1e-5
"""Seconds."""

LONGEST_RUN = 366 * 24 * 3600.0
MOST_MEMORY = 2**50


def check_values(submission: Submission) -> None:
    """Scores in their ranges, steps and epochs that fit the data, times and memory that a machine can have.

    Raises:
        Problem: one is absurd.
    """
    record = submission.record
    if (wrong := impossible_score(record)) is not None:
        raise Problem(wrong)
    for phase, seconds in record.seconds.items():
        if not 0 <= seconds <= LONGEST_RUN:
            raise Problem(f"seconds.{phase} is {seconds}")
    if record.peak_memory_bytes is not None and not 0 < record.peak_memory_bytes <= MOST_MEMORY:
        raise Problem(f"peak_memory_bytes is {record.peak_memory_bytes:,}")
    if record.training is not None:
        _check_training(record.training, record)
    elif not submission.is_checkpoint:
        raise Problem("training is missing")


def _check_training(training: Training, record: Record) -> None:
    settings: dict[str, Any] = record.configuration.resolved["training"]
    epochs = settings["epochs"]
    if "train" not in record.training_data or "selection" not in record.training_data:
        raise Problem("training_data: lacks train or selection")
    mini_batches = record.training_data["train"].rows // settings["batch_size"]
    expected = -(-mini_batches // settings["gradient_accumulation"]) * epochs
    if training.steps != expected:
        raise Problem(f"training.steps is {training.steps:,}; {epochs} epochs of the training data are {expected:,}")
    if len(training.selection_accuracy) != epochs:
        raise Problem(f"training.selection_accuracy has {len(training.selection_accuracy)} values, for {epochs} epochs")
    if not all(0 <= value <= 100 for value in training.selection_accuracy):
        raise Problem("training.selection_accuracy is outside 0 to 100 %")
    if training.kept_epoch is None or not 1 <= training.kept_epoch <= epochs:
        raise Problem(f"training.kept_epoch is {training.kept_epoch}, of {epochs} epochs")
    if training.selection_accuracy[training.kept_epoch - 1] < max(training.selection_accuracy):
        raise Problem(f"training.kept_epoch is {training.kept_epoch}, which is not the best by selection_accuracy")
    if training.selection != settings["selection"]:
        raise Problem(f"training.selection is {training.selection}, configured was {settings['selection']}")
    for name in ("seconds", "processor_seconds"):
        seconds = getattr(training, name)
        if seconds is not None and not training.steps * FASTEST_STEP <= seconds <= LONGEST_RUN:
            raise Problem(f"training.{name} is {seconds}, for {training.steps:,} steps")
    if training.deviation is not None:
        for value in (training.deviation.embeddings, *training.deviation.layers):
            if value is not None and not 0 <= value < 1e6:
                raise Problem(f"training.deviation has {value}")
