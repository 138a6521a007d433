"""What a cell's folder holds only while the cell is unfinished."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmark.predicted_sets import PREDICTED_FILE, forget_predicted_sets
from benchmark.training_checkpoints import checkpoint_folders


def has_working_files(folder: Path) -> bool:
    """Whether there is any of it."""
    return bool(checkpoint_folders(folder)) or (folder / "logits" / PREDICTED_FILE).exists()


def remove_working_files(folder: Path) -> None:
    """Remove it. Whoever calls holds the cell's lock, and the record is written."""
    for checkpoints in checkpoint_folders(folder):
        shutil.rmtree(checkpoints, ignore_errors=True)
    forget_predicted_sets(folder)
