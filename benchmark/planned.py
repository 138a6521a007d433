"""Work that ends in one record: what all of it has in common, and what tells it from other work."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.attacks import attacks
from benchmark.errors import UserError
from benchmark.lookup import find
from benchmark.plugins import plugin_sources
from benchmark.suite import AttackSettings, EvaluationSettings
from leaderboard.record import RECORD_FILE, CellIdentity
from tasks import Task, tasks


@dataclass(frozen=True, kw_only=True)
class Planned(ABC):
    """A classifier to be had and scored on one task: a cell of a suite, or a checkpoint made elsewhere."""

    task: Task
    evaluation: EvaluationSettings
    attacks: tuple[AttackSettings, ...]
    given: Mapping[str, Any]
    """What the user wrote, without defaults."""
    plugin_sources: Mapping[str, str]
    """Task or attack that comes from a plug-in → sha256 of its file, or its package and version."""
    mirror: str | None
    """Fingerprint of the mirror that hub data sets are read from."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Evaluation set, or the training data, read from a file of the user's → sha256 of the file and how it is read."""

    @abstractmethod
    def resolved(self) -> dict[str, Any]:
        """Everything that determines the result, after defaults, as JSON values."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where its files go, below the output folder."""

    @property
    @abstractmethod
    def identity(self) -> CellIdentity:
        """Its coordinates, for the record."""

    @property
    def config_hash(self) -> str:
        """Hash of `resolved`; work with another configuration never takes this one's place."""
        return hash_of(self.resolved())

    @property
    def record_path(self) -> Path:
        """Its record, below the output folder."""
        return self.folder / RECORD_FILE

    def resolved_attacks_and_data(self) -> dict[str, Any]:
        """The part of `resolved` on attacks, plug-ins, files and mirror."""
        values: dict[str, Any] = {"attacks": [attack.model_dump(mode="json") for attack in self.attacks]}
        if self.plugin_sources:
            values["plugin_sources"] = dict(self.plugin_sources)
        if self.files:
            values["files"] = dict(self.files)
        if self.mirror is not None:
            values["mirror"] = self.mirror
        return values


def hash_of(resolved: Mapping[str, Any]) -> str:
    """The hash that stands for a resolved configuration."""
    return hashlib.sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()[:12]


def sources_of(task: Task, recipes: Sequence[str]) -> dict[str, str]:
    """Task and attacks that come from a plug-in → sha256 of its file, or its package and version.

    Raises:
        UserError: there is no attack of one of the names.
    """
    made: dict[str, Any] = {f"task {task.name}": tasks[task.name]}
    made |= {f"attack {recipe}": find("attack", recipe, attacks).build for recipe in recipes}
    return {what: plugin_sources[it.__module__] for what, it in made.items() if it.__module__ in plugin_sources}


def identity_of_mirror(mirror: Path) -> str:
    """What tells a mirror's data from others': a hash of its manifest.

    Raises:
        UserError: it has none.
    """
    manifest = mirror / "MANIFEST.json"
    try:
        return hashlib.sha256(manifest.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"--mirror {mirror}: {manifest.name} cannot be read there ({error.strerror}).") from None
