"""``roast-bench describe``: everything about one method, task, attack or suite."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.command_line.echo import echo, echo_json
from benchmark.command_line.options import AsJson, Plugins, load_plugins
from benchmark.environment import MIRROR_VARIABLE

if TYPE_CHECKING:
    from benchmark.attacks import Attack
    from benchmark.attacks.resources import Resource
    from methods import Method
    from tasks import Projection, Task
    from tasks.sources import Source


def describe(
    name: Annotated[str, typer.Argument(help="A method, task, attack or suite.")],
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Describe a method (source, objective, hyper-parameters, cost), task, attack or suite."""
    from benchmark.lookup import find

    load_plugins(plugin)
    known: dict[str, Facts] = {}
    for kind in (partial(_combined, name), _methods, _tasks, _attacks, _suites):
        known |= kind()
        if name in known:  # the other kinds need not be imported
            break
    facts = find("method, task, attack or suite", name, known)()
    if "attack" not in facts and name in (attacks := _attacks()):  # a method trains against the attack of its name
        facts["attack of the same name"] = attacks[name]()
    if as_json:
        echo_json(facts)
    else:
        echo(*_lines(facts))


Facts = Callable[[], dict[str, Any]]


def _methods() -> dict[str, Facts]:
    from methods import methods

    return {name: partial(_method, name, method) for name, method in methods.items()}


def _combined(name: str) -> dict[str, Facts]:
    """The method that a short name or a combination stands for."""
    from benchmark.chosen_methods import find_method
    from methods import short_names

    if "+" not in name and name not in short_names:
        return {}
    return {name: partial(_method, *find_method(name))}


def _tasks() -> dict[str, Facts]:
    from benchmark.declared_task import declare_task
    from tasks import tasks

    return {name: lambda name=name: _task(declare_task(name)) for name in tasks}  # type: ignore[misc]


def _attacks() -> dict[str, Facts]:
    from benchmark.attacks import attacks

    return {name: partial(_attack, attack) for name, attack in attacks.items()}


def _suites() -> dict[str, Facts]:
    from benchmark.suite import shipped_suites

    return {name: partial(_suite, name) for name in shipped_suites()}


def _method(name: str, method: type[Method]) -> dict[str, Any]:
    return {
        "method": name,
        "description": inspect.getdoc(method) or "",
        **({} if method.card is None else asdict(method.card)),
        "hyper-parameters": {
            key: {
                "default": field.default,
                "limits": ", ".join(_limit(limit) for limit in field.metadata) or _choices(field.annotation),
                "meaning": field.description or "",
                "source": (field.json_schema_extra or {}).get("source", ""),
            }
            for key, field in method.hyper_parameters().items()
        },
        "published for": {family: dict(values) for family, values in method.published_settings.items()},
    }


def _task(task: Task) -> dict[str, Any]:
    return {
        "task": task.name,
        "description": task.summary,
        "labels": ", ".join(f"{index} {label}" for index, label in enumerate(task.labels)),
        "training": task.training_origin,
        "evaluation sets": {
            item.name: {
                "role": item.role.value,
                "origin": item.origin,
                **_hub(item.source),
                "licence": item.licence,
                **({} if item.rows is None else {"rows": f"{item.rows:,}"}),
                **({} if item.sample_size is None else {"scored": f"a fixed sample of {item.sample_size:,}"}),
                **({} if item.projection is None else {"classes": _classes(item.projection, task.labels)}),
                "sha256": item.sha256 or "not pinned",
                **({"note": item.note} if item.note else {}),
            }
            for item in task.evaluation_sets
        },
    }


def _hub(source: Source) -> dict[str, str]:
    from tasks.hub_source import hub_sources

    found = hub_sources(source)
    if not found:
        return {}
    return {
        "hub data set": ", ".join(dict.fromkeys(part.dataset for part in found)),
        "revision": ", ".join(dict.fromkeys(part.revision or "not pinned" for part in found)),
    }


def _classes(projection: Projection, labels: Sequence[str]) -> str:
    return ", ".join(
        f"{index} {label} ({' + '.join(labels[merged] for merged in group)})"
        for index, (label, group) in enumerate(zip(projection.labels, projection.groups, strict=True))
    )


def _attack(attack: Attack) -> dict[str, Any]:
    from benchmark.attacks.nltk_data import use_nltk_data

    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror:
        use_nltk_data(Path(mirror) / "nltk_data")
    return {
        "attack": attack.name,
        "description": attack.summary,
        **({"variant of": attack.variant_of} if attack.variant_of else {}),
        "source": attack.source,
        "goal": "any wrong class" if attack.goal == "misclassification" else "the shortest text of the same class",
        "sees of the model": "its outputs and its gradients" if attack.gradients else "its outputs only",
        "resources": {resource.name: _resource(resource) for resource in attack.resources} or "none beyond the package",
        "deviations": "\n".join(attack.deviations),
    }


def _resource(resource: Resource) -> dict[str, str]:
    missing = resource.missing()
    found = {"on disk": str(resource.find())} if missing is None else {"missing": str(missing)}
    return {"used for": resource.description, **found}


def _suite(name: str) -> dict[str, Any]:
    from benchmark.suite import load_suite

    return {"suite": name, **load_suite(name).model_dump(mode="json", exclude={"name"})}


def _limit(limit: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return next((f"{sign} {getattr(limit, key)}" for key, sign in signs.items() if hasattr(limit, key)), str(limit))


def _choices(annotation: Any) -> str:
    choices = getattr(annotation, "__args__", ())
    return " or ".join(map(str, choices)) if choices else getattr(annotation, "__name__", str(annotation))


def _lines(facts: Any, indent: str = "") -> list[str]:
    lines: list[str] = []
    for key, value in facts.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *_lines(value, indent + "  ")] if value else []
        elif isinstance(value, list | tuple):
            if any(isinstance(item, dict) for item in value):
                for item in value:
                    lines += [f"{indent}{key}:", *_lines(item, indent + "  ")]
            elif value:
                lines.append(f"{indent}{key}: " + "; ".join(map(str, value)))
        elif isinstance(value, str) and "\n" in value:
            lines += [f"{indent}{key}:", *(f"{indent}  {line}".rstrip() for line in value.splitlines())]
        elif value not in (None, ""):
            lines.append(f"{indent}{key}: {value}")
    return lines
