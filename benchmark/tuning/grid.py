"""Which values of which hyper-parameters are tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from benchmark.errors import UserError

Grid = dict[str, tuple[Any, ...]]
"""Hyper-parameter → the values to try, in order."""


def parse_grid(given: Sequence[str]) -> Grid:
    """``["alpha=0.6,0.9", "beta=1"]`` as ``{"alpha": (0.6, 0.9), "beta": (1,)}``; values are JSON where they can be.

    Raises:
        UserError: one is not of the form name=value,value, or a name or value comes twice.
    """
    grid: Grid = {}
    for axis in given:
        name, equals, listed = axis.partition("=")
        name = name.strip()
        texts = [text.strip() for text in listed.split(",")]
        if not (name and equals and all(texts)):
            raise UserError(f"--grid {axis}: write it as NAME=VALUE,VALUE, such as alpha=0.6,0.9.")
        if name in grid:
            raise UserError(f"--grid {axis}: {name} is given twice; list all its values once.")
        values = tuple(_value(text) for text in texts)
        repeated = next((value for position, value in enumerate(values) if value in values[:position]), None)
        if repeated is not None:
            raise UserError(f"--grid {axis}: {repeated} is listed twice.")
        grid[name] = values
    if not grid:
        raise UserError("--grid: is missing; name hyper-parameters and values, such as --grid alpha=0.6,0.9.")
    return grid


def _value(text: str) -> Any:
    try:
        return from_json(text)
    except ValueError:
        return text
