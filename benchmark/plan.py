"""The plan of a run: every combination of task, backbone, method and seed, as cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from benchmark.attacked_set import check_attacks
from benchmark.attacks import attacks
from benchmark.attacks.resources import require_resources
from benchmark.backbones import Backbone, locate
from benchmark.chosen_methods import find_method, find_methods
from benchmark.declared_task import declare_task
from benchmark.errors import UserError
from benchmark.file_sets import file_fingerprints, training_fingerprint, with_file_sets
from benchmark.lookup import find, nearest
from benchmark.planned import Planned, identity_of_mirror, sources_of
from benchmark.plugins import plugin_sources
from benchmark.suite import Suite, TrainingSettings, first_problem
from benchmark.trust import NO_TRUST, Trust
from leaderboard.record import CellIdentity
from methods import Method


@dataclass(frozen=True, kw_only=True)
class Cell(Planned):
    """One (task, backbone, method, seed) with everything that determines its result."""

    suite: str
    backbone: Backbone
    method_name: str
    method: type[Method]
    hyper_parameters: Mapping[str, Any]
    seed: int
    training: TrainingSettings

    def resolved(self) -> dict[str, Any]:
        """Everything that determines the result, after defaults, as JSON values."""
        values: dict[str, Any] = {
            "task": self.task.name,
            "backbone": self.backbone.resolved(),
            "method": self.method_name,
            "hyper_parameters": dict(self.hyper_parameters),
            "seed": self.seed,
            "training": self.training.model_dump(mode="json"),
            "evaluation": self.evaluation.model_dump(mode="json"),
            **self.resolved_attacks_and_data(),
        }
        source = source_of(self.method)
        if source:
            values["method_source"] = source
        return values

    @property
    def folder(self) -> Path:
        """Where its files go, below the output folder."""
        return Path(self.task.name) / self.backbone.slug / self.method_name / f"seed-{self.seed}-{self.config_hash}"

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


def source_of(method: type[Method]) -> str | None:
    """The plug-ins that a method comes from: sha256 of a file, or package and version; None for the benchmark's own."""
    modules = dict.fromkeys(base.__module__ for base in method.__mro__)
    return ", ".join(plugin_sources[module] for module in modules if module in plugin_sources) or None


def plan(
    suite: Suite,
    mirror: Path | None = None,
    *,
    eval_sets: Sequence[str] = (),
    transfer_sets: Path | None = None,
    trust: Trust = NO_TRUST,
) -> list[Cell]:
    """All cells of a suite, in the order they run: by task, backbone, seed, then method.

    Args:
        suite: what to combine.
        mirror: folder that hub data sets are read from; which one is part of a cell's identity.
        eval_sets: evaluation sets of the user's that every task gets, as `benchmark.file_sets.with_file_sets` reads
            them; the content of their files is part of a cell's identity.
        transfer_sets: folder of the transfer sets; None is the default one.
        trust: what the backbones' files may do.

    Raises:
        UserError: a task, backbone, method, attack or hyper-parameter is unknown, a value is out of range, a file
            cannot be read, or an attack's resources are not on the machine.
    """
    chosen_tasks = [with_file_sets(declare_task(name), eval_sets, transfer_sets) for name in _distinct(suite.tasks)]
    files = {task.name: {**training_fingerprint(task), **file_fingerprints(task)} for task in chosen_tasks}
    mirror_identity = None if mirror is None else identity_of_mirror(mirror)
    chosen_methods = find_methods(suite.methods)
    given_values = canonical_keys(suite.hyper_parameters)
    backbones = [locate(name, trust) for name in _distinct(suite.backbones)]
    recipes = [settings.recipe for settings in suite.attacks]
    for recipe in recipes:
        require_resources(find("attack", recipe, attacks))
    for task in chosen_tasks:
        check_attacks(suite.attacks, task)
    sources = {task.name: sources_of(task, recipes) for task in chosen_tasks}
    given = suite.model_dump(mode="json", exclude_unset=True)
    if eval_sets:
        given["eval_sets"] = list(eval_sets)
    given |= trust.given()
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
            files=files[task.name],
            plugin_sources=sources[task.name],
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
            parsed.setdefault(method, {})[key] = from_json(value)
        except ValueError:
            parsed.setdefault(method, {})[key] = value.strip()
    return parsed


def _distinct(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))
