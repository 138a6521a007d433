"""The registry of fine-tuning methods."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from methods.base import Method

M = TypeVar("M", bound=type[Method])

NAME_PATTERN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

methods: dict[str, type[Method]] = {}
"""Registered methods by name."""


def register(name: str) -> Callable[[M], M]:
    """Class decorator: register a `Method` under a name.

    Args:
        name: lower-case words joined by hyphens; it appears on the command line, in paths and in tables.

    Raises:
        ValueError: the name is malformed or already taken.
        TypeError: what is decorated is no subclass of `Method`.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(f"method name {name!r}: use lower-case letters and digits joined by hyphens.")

    def decorate(method: M) -> M:
        if not (isinstance(method, type) and issubclass(method, Method)):
            raise TypeError(f"method {name!r}: {method!r} is not a subclass of methods.Method.")
        holder = methods.get(name)
        if holder is not None and holder is not method:
            raise ValueError(
                f"method name {name!r} is taken by {holder.__module__}.{holder.__qualname__}; "
                f"choose another for {method.__module__}.{method.__qualname__}."
            )
        methods[name] = method
        return method

    return decorate
