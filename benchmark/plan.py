"""The plan of a run: every combination of task, backbone, method and seed, as cells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from benchmark.attacks import attacks
from benchmark.backbones import Backbone, locate
from benchmark.chosen_methods import find_method, find_methods
from benchmark.declared_task import declare_task
from benchmark.errors import UserError
from benchmark.lookup import find, nearest
from benchmark.plugins import plugin_sources
from benchmark.suite import AttackSettings, EvaluationSettings, Suite, TrainingSettings, first_problem
from leaderboard.record import RECORD_FILE, CellIdentity
from methods import Method
from tasks import Task, tasks


@dataclass(frozen=True)
class Cell:
    """One (task, backbone, method, seed) with everything that determines its result."""

    suite: str
    task: Task
    backbone: Backbone
    method_name: str
    method: type[Method]
    hyper_parameters: Mapping[str, Any]
    seed: int
    training: TrainingSettings
    evaluation: EvaluationSettings
    attacks: tuple[AttackSettings, ...]
    given: Mapping[str, Any]
    """The suite's file and the flags that change it, without defaults."""
    plugin_sources: Mapping[str, str]
    """Task or attack that comes from a plug-in → sha256 of its file, or its package and version."""
    mirror: str | None
    """Fingerprint of the mirror that hub data sets are read from."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Evaluation set that is read from a file of the user's → sha256 of the file."""

    def resolved(self) -> dict[str, Any]:
        """Everything that determines the result, after defaults, as JSON values."""
        values: dict[str, Any] = {
            "task": self.task.name,
            "backbone": {"name": self.backbone.name, "identity": self.backbone.identity},
            "method": self.method_name,
            "hyper_parameters": dict(self.hyper_parameters),
            "seed": self.seed,
            "training": self.training.model_dump(mode="json"),
            "evaluation": self.evaluation.model_dump(mode="json"),
            "attacks": [attack.model_dump(mode="json") for attack in self.attacks],
        }
        modules = dict.fromkeys(base.__module__ for base in self.method.__mro__)
        sources = [plugin_sources[module] for module in modules if module in plugin_sources]
        if sources:
            values["method_source"] = ", ".join(sources)
        if self.plugin_sources:
            values["plugin_sources"] = dict(self.plugin_sources)
        if self.files:
            values["evaluation_set_files"] = dict(self.files)
        if self.mirror is not None:
            values["mirror"] = self.mirror
        return values

    @property
    def config_hash(self) -> str:
        """Hash of `resolved`; a cell with another configuration never takes this one's place."""
        return hashlib.sha256(json.dumps(self.resolved(), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def folder(self) -> Path:
        """Where its files go, below the output folder."""
        return Path(self.task.name) / self.backbone.slug / self.method_name / f"seed-{self.seed}-{self.config_hash}"

    @property
    def record_path(self) -> Path:
        """Its record, below the output folder."""
        return self.folder / RECORD_FILE

    @property
    def identity(self) -> CellIdentity:
        """Its coordinates, for the record."""
        return CellIdentity(
            task=self.task.name,
            backbone=self.backbone.name,
            method=self.method_name,
            seed=self.seed,
            config_hash=self.config_hash,
            suite=self.suite,
        )

    def build_method(self) -> Method:
        """A fresh instance of the method."""
        return self.method(**self.hyper_parameters)

    def __str__(self) -> str:
        return f"{self.task.name} · {self.backbone.name} · {self.method_name} · seed {self.seed}"


def plan(suite: Suite, mirror: Path | None = None) -> list[Cell]:
    """All cells of a suite, in the order they run: by task, backbone, seed, then method.

    Args:
        suite: what to combine.
        mirror: folder that hub data sets are read from; which one is part of a cell's identity.

    Raises:
        UserError: a task, backbone, method, attack or hyper-parameter is unknown, or a value is out of range.
    """
    chosen_tasks = [declare_task(name) for name in _distinct(suite.tasks)]
    mirror_identity = None if mirror is None else _identity_of(mirror)
    chosen_methods = find_methods(suite.methods)
    given_values = canonical_keys(suite.hyper_parameters)
    backbones = [locate(name) for name in _distinct(suite.backbones)]
    builders = {settings.recipe: find("attack", settings.recipe, attacks).build for settings in suite.attacks}
    given = suite.model_dump(mode="json", exclude_unset=True)
    return [
        Cell(
            suite=suite.name,
            task=task,
            backbone=backbone,
            method_name=name,
            method=method,
            hyper_parameters=hyper_parameters(name, method, task.family, given_values.get(name, {})),
            seed=seed,
            training=suite.training,
            evaluation=suite.evaluation,
            attacks=tuple(dict.fromkeys(suite.attacks)),
            mirror=mirror_identity if task.reads_hub else None,
            given=given,
            plugin_sources={
                what: plugin_sources[made.__module__]
                for what, made in (
                    (f"task {task.name}", tasks[task.name]),
                    *((f"attack {key}", b) for key, b in builders.items()),
                )
                if made.__module__ in plugin_sources
            },
        )
        for task in chosen_tasks
        for backbone in backbones
        for seed in dict.fromkeys(suite.seeds)
        for name, method in chosen_methods.items()
    ]


def canonical_keys(values: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Hyper-parameters by the canonical name of their method, whichever way it was written.

    Raises:
        UserError: there is no such method.
    """
    merged: dict[str, dict[str, Any]] = {}
    for name, given in values.items():
        merged.setdefault(find_method(name)[0], {}).update(given)
    return merged


def hyper_parameters(name: str, method: type[Method], family: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters after defaults: given values over those published for the task's family over the method's own.

    Raises:
        UserError: one is unknown or out of range.
    """
    known = method.hyper_parameters()
    for key in given:
        if key not in known:
            raise UserError(f"{name}.{key}: method {name!r} has no such hyper-parameter; {nearest(key, known)}")
    try:
        built = method(**{**method.published_settings.get(family, {}), **given})
    except ValidationError as error:
        raise UserError(f"{name}.{first_problem(error)}") from None
    values: dict[str, Any] = TypeAdapter(method).dump_python(built, mode="json")
    return values


def _identity_of(mirror: Path) -> str:
    manifest = mirror / "MANIFEST.json"
    try:
        return hashlib.sha256(manifest.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"--mirror {mirror}: {manifest.name} cannot be read there ({error.strerror}).") from None


def parse_assignments(assignments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``["roast.alpha=0.6"]`` as ``{"roast": {"alpha": 0.6}}``; values are JSON where they can be, else text.

    Raises:
        UserError: an assignment is not of the form method.name=value.
    """
    parsed: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        target, equals, value = assignment.partition("=")
        method, dot, key = target.strip().rpartition(".")
        if not (equals and dot and method and key):
            raise UserError(f"--set {assignment}: write it as METHOD.HYPER_PARAMETER=VALUE, such as roast.alpha=0.6.")
        try:
            parsed.setdefault(method, {})[key] = json.loads(value)
        except ValueError:
            parsed.setdefault(method, {})[key] = value.strip()
    return parsed


def _distinct(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))
