"""What a check of data found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing worth knowing about a file or a set."""

    severity: Literal["error", "note"]
    """An error makes scores wrong or impossible; a note is for the reader to weigh."""
    place: str
    """A file of the mirror, or TASK/SET."""
    kind: str
    """What was looked at, the same word for the same check: "sha256", "duplicates", "overlap" …"""
    message: str
    count: int | None = None
    """Rows concerned."""
    share: float | None = None
    """Rows concerned, divided by all rows of the set."""
    example: str | None = None
    """One text concerned, whole."""


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long the texts of a set are: words between blanks, both texts of a pair together."""

    median: int
    percentile_95: int
    longest: int


@dataclass(frozen=True, kw_only=True)
class SetReport:
    """One set of a task; what could not be read is None."""

    name: str
    role: str
    rows: int | None = None
    partial: bool | None = None
    sha256: str | None = None
    """Hash of the texts and labels, as a card pins it."""
    classes: dict[str, int] | None = None
    """Rows of each class, by the class's name."""
    words: Lengths | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TaskReport:
    """The training texts and evaluation sets of a task."""

    name: str
    sets: tuple[SetReport, ...]


@dataclass(frozen=True, kw_only=True)
class MirrorReport:
    """The files of a mirror, held against its manifest."""

    folder: str
    files: int
    """Files that the manifest lists."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that was looked at."""

    mirror: MirrorReport | None
    tasks: tuple[TaskReport, ...] = field(default=())

    def findings(self) -> list[Finding]:
        """All findings, the mirror's first."""
        own = self.mirror.findings if self.mirror else ()
        return [*own, *(finding for task in self.tasks for item in task.sets for finding in item.findings)]

    def count(self, severity: Literal["error", "note"]) -> int:
        """How many findings there are of a severity."""
        return sum(finding.severity == severity for finding in self.findings())
