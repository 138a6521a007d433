"""Keeping damaged files out of the way without losing them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, count
from pathlib import Path

DAMAGED = ".damaged"
"""What is appended to the name of a file or folder that is set aside."""


def set_aside(path: Path, reason: str, say: Callable[[str], None], folder: Path | None = None) -> None:
    """Give a damaged file or folder another name, and say so.

    Args:
        path: what is damaged; where another process was faster, nothing happens.
        reason: what is wrong with it.
        say: takes the line.
        folder: where it goes; None is beside itself.
    """
    target = (folder or path.parent) / f"{path.name}{DAMAGED}"
    numbered = (target.with_name(f"{target.name}-{number}") for number in count(2))
    free = next(name for name in chain([target], numbered) if not name.exists())
    try:
        path.rename(free)
    except FileNotFoundError:
        return
    say(f"set aside: {path}: {reason.removesuffix('.')}; it is {free.name} now")
