"""The registry of fine-tuning methods."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from methods.base import Method

M = TypeVar("M", bound=type[Method])

NAME_PATTERN = re.compile(r"(?!.{65})[a-z0-9]+(-[a-z0-9]+)*")

methods: dict[str, type[Method]] = {}
"""Registered methods by name."""

short_names: dict[str, str] = {}
"""Short name → registered name, of methods that have one for use in combinations (``freelb+selective``)."""


def register(name: str, *, short_name: str | None = None) -> Callable[[M], M]:
    """Class decorator: register a `Method` under a name.

    Args:
        name: lower-case words joined by hyphens; it appears on the command line, in paths and in tables.
        short_name: what it is called where it is combined with others.

    Raises:
        ValueError: the name is malformed or already taken.
        TypeError: what is decorated is no subclass of `Method`.
    """
    for given in (name, short_name):
        if given is not None and not NAME_PATTERN.fullmatch(given):
            raise ValueError(f"method name {given!r}: use lower-case letters and digits joined by hyphens, 64 at most.")
    if name in short_names:
        raise ValueError(f"method name {name!r} is taken: it is short for {short_names[name]!r}.")
    if short_name in methods or (short_name is not None and short_names.get(short_name, name) != name):
        raise ValueError(f"method name {short_name!r} is taken; choose another short name for {name!r}.")

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
        if short_name is not None:
            short_names[short_name] = name
        return method

    return decorate
