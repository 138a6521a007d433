"""One submitted record, as the checks see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leaderboard.record import Record


@dataclass(frozen=True)
class Submission:
    """A record that follows the schema, and where it lies."""

    path: Path
    """Of the record; logits and attacked texts lie below its folder."""
    record: Record

    @property
    def folder(self) -> Path:
        """The cell's own."""
        return self.path.parent

    @property
    def is_checkpoint(self) -> bool:
        """Whether a checkpoint made elsewhere was scored, so that nothing is known of its fine-tuning."""
        return "checkpoint" in self.record.configuration.resolved
