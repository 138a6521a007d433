"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmark.errors import UserError

Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="Python file that registers methods, tasks or attacks; repeatable."),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def load_plugins(files: Sequence[Path] | None) -> None:
    """Load what installed packages and the named files register."""
    from benchmark.plugins import load_entry_points, load_plugin

    load_entry_points()
    for file in files or ():
        load_plugin(file)


def names(option: str, values: Sequence[str] | None) -> list[str] | None:
    """``["vanilla,roast", "freelb"]`` as ``["vanilla", "roast", "freelb"]``; None where the option was not given.

    Raises:
        UserError: the option was given without a name.
    """
    if not values:
        return None
    given = [name.strip() for value in values for name in value.split(",") if name.strip()]
    if not given:
        raise UserError(f"{option}: names nothing; give at least one.")
    return given


def whole_numbers(option: str, values: Sequence[str] | None) -> list[int] | None:
    """As `names`, for whole numbers ≥ 0.

    Raises:
        UserError: one is no such number.
    """
    given = names(option, values)
    if given is None:
        return None
    for value in given:
        if not value.isdecimal():
            raise UserError(f"{option} {value}: write whole numbers, such as {option} 0,1,2.")
    return [int(value) for value in given]
