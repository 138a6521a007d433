"""What a task is: labels, training texts and evaluation sets with roles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tasks.hub_source import hub_sources
from tasks.sources import Source

NAME_PATTERN = re.compile(r"(?!.{65})[a-z0-9]+(-[a-z0-9]+)*")
"""Names of tasks and sets: they appear on the command line, in paths and in tables."""


class Role(StrEnum):
    """What an evaluation set is for."""

    IN_DISTRIBUTION = "in-distribution"
    SHIFT = "shift"
    ADVERSARIAL = "adversarial"
    ANOMALY = "anomaly"

    @property
    def labelled(self) -> bool:
        """Whether sets of this role are scored against labels."""
        return self is not Role.ANOMALY


@dataclass(frozen=True, kw_only=True)
class Projection:
    """A label space with fewer classes than the task's, made by merging some of them.

    Raises:
        ValueError: on construction, unless every class of the task is in exactly one group and each group has a label.
    """

    labels: tuple[str, ...]
    """Names of the merged classes."""
    groups: tuple[tuple[int, ...], ...]
    """For each merged class the task's classes it is made of."""

    def __post_init__(self) -> None:
        merged = sorted(index for group in self.groups for index in group)
        if len(self.labels) != len(self.groups) or merged != list(range(len(merged))) or not all(self.groups):
            raise ValueError(
                f"projection onto {', '.join(self.labels)}: groups {self.groups} must hold each class of the task "
                "once, and be as many as the labels."
            )


@dataclass(frozen=True, kw_only=True)
class EvaluationSet:
    """Labelled or unlabelled texts with one role, and the card that says where they come from."""

    name: str
    role: Role
    source: Source
    origin: str
    """Data set and version, for the card."""
    licence: str
    sha256: str | None = None
    """Fingerprint of all texts and labels; data with another are refused. None: not pinned."""
    rows: int | None = None
    """Rows of the whole set, after its filters; data with another count that are not partial are refused."""
    projection: Projection | None = None
    """Where the set has fewer classes than the task: its labels are indices into the projection's."""
    sample_size: int | None = None
    """Texts of it that are scored at most, a fixed sample; None is all."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A label set, training texts and evaluation sets.

    Raises:
        ValueError: on construction, if a name is malformed, set names repeat, a projection is not of the task's
            classes, or ``in_distribution_test`` is no in-distribution set.
    """

    name: str
    summary: str
    family: str
    """Which published hyper-parameters apply: "sentiment" or "entailment"."""
    labels: tuple[str, ...]
    training: Source
    training_origin: str
    training_sha256: str | None = None
    evaluation_sets: tuple[EvaluationSet, ...]
    in_distribution_test: str
    """The set that anomalies are told from, and that live attacks start from."""
    smaller_task: str | None = None
    """Name of a task of the same kind that needs less data; offered where these cannot be had."""

    @property
    def reads_hub(self) -> bool:
        """Whether any of its texts come from the hub or, in its place, a mirror."""
        return any(hub_sources(source) for source in (self.training, *(item.source for item in self.evaluation_sets)))

    def __post_init__(self) -> None:
        names = [evaluation_set.name for evaluation_set in self.evaluation_sets]
        for kind, name in (("task", self.name), *(("evaluation set", name) for name in names)):
            if not NAME_PATTERN.fullmatch(name):
                raise ValueError(
                    f"task {self.name!r}: {kind} name {name!r}: use lower-case letters and digits joined by hyphens, "
                    "64 at most."
                )
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"task {self.name}: evaluation set {name!r} is declared {names.count(name)} times.")
        for evaluation_set in self.evaluation_sets:
            projection = evaluation_set.projection
            if projection is not None and sum(map(len, projection.groups)) != len(self.labels):
                raise ValueError(
                    f"task {self.name}: the projection of evaluation set {evaluation_set.name!r} merges "
                    f"{sum(map(len, projection.groups))} classes; the task has {len(self.labels)}."
                )
        roles = {evaluation_set.name: evaluation_set.role for evaluation_set in self.evaluation_sets}
        if roles.get(self.in_distribution_test) is not Role.IN_DISTRIBUTION:
            raise ValueError(
                f"task {self.name}: in_distribution_test is {self.in_distribution_test!r}, "
                "which is not among its in-distribution sets."
            )
