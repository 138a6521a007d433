"""``roast-bench describe``: everything about one method, task, attack or suite."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.command_line.options import AsJson, Plugins, load_plugins

if TYPE_CHECKING:
    from benchmark.attacks import Attack
    from methods import Method
    from tasks import Task


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
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(_lines(facts)))


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
                "licence": item.licence,
                "sha256": item.sha256 or "not pinned",
                **({"note": item.note} if item.note else {}),
            }
            for item in task.evaluation_sets
        },
    }


def _attack(attack: Attack) -> dict[str, Any]:
    return {
        "attack": attack.name,
        "description": attack.summary,
        "source": attack.source,
        "needs": ", ".join(attack.needs) or "nothing beyond the package",
    }


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
