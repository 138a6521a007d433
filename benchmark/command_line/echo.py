"""Printing: whatever a line quotes, it stays one line and leaves the terminal as it is."""

from __future__ import annotations

import json
from typing import Any

import typer

from benchmark.printable import printable

LONGEST_ERROR = 2_000
"""Characters of an error that are printed."""


def echo(*lines: str, err: bool = False) -> None:
    """Print lines; characters that break them, control a terminal, or hide or turn round text are shown as signs.

    Args:
        *lines: each is printed as one line.
        err: to standard error.
    """
    typer.echo("\n".join(map(printable, lines)), err=err)


def echo_error(message: str) -> None:
    """Print what is wrong on one line of standard error; what it quotes is cut where it is absurdly long."""
    echo(printable(f"roast-bench: {' '.join(message.split())}", LONGEST_ERROR), err=True)


def echo_json(values: Any) -> None:
    """Print JSON values; characters beyond ASCII are escaped, those that control a terminal with them."""
    typer.echo(json.dumps(values, indent=2))
