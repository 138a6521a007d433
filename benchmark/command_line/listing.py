"""``roast-bench list``: what there is, one line each."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from benchmark.command_line.echo import echo, echo_json
from benchmark.command_line.options import AsJson, Plugins, load_plugins


class Kind(StrEnum):
    """What can be listed."""

    METHODS = "methods"
    TASKS = "tasks"
    ATTACKS = "attacks"
    SUITES = "suites"
    BACKBONES = "backbones"


def list_things(
    kind: Annotated[Kind, typer.Argument(help="What to list.")], plugin: Plugins = None, as_json: AsJson = False
) -> None:
    """List methods, tasks, attacks, suites or backbones."""
    load_plugins(plugin)
    lines = summaries(kind)
    if as_json:
        echo_json(lines)
        return
    width = max(map(len, lines), default=0)
    for name, summary in lines.items():
        echo(f"{name:<{width}}  {summary}".rstrip())


def summaries(kind: Kind) -> dict[str, str]:
    """Name → one line, in alphabetical order."""
    match kind:
        case Kind.METHODS:
            from methods import methods

            found = {name: method.summary() for name, method in methods.items()}
        case Kind.TASKS:
            from benchmark.declared_task import declare_task
            from tasks import tasks

            found = {name: declare_task(name).summary for name in tasks}
        case Kind.ATTACKS:
            from benchmark.attacks import attacks

            found = {name: attack.summary for name, attack in attacks.items()}
        case Kind.SUITES:
            from benchmark.suite import load_suite, shipped_suites

            found = {name: load_suite(name).description for name in shipped_suites()}
        case Kind.BACKBONES:
            from benchmark.backbones import PACKAGED

            found = {name: backbone.description for name, backbone in PACKAGED.items()}
    return dict(sorted(found.items()))
