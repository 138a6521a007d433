"""The registry of tasks."""

from __future__ import annotations

from collections.abc import Callable

from tasks.base import NAME_PATTERN, Task

TaskFactory = Callable[[], Task]

tasks: dict[str, TaskFactory] = {}
"""Registered tasks by name; calling one declares the task, loading no data."""


def register_task(name: str) -> Callable[[TaskFactory], TaskFactory]:
    """Decorator: register a function without arguments that returns a `Task`.

    Args:
        name: lower-case words joined by hyphens; it appears on the command line, in paths and in tables.

    Raises:
        ValueError: the name is malformed or already taken.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(f"task name {name!r}: use lower-case letters and digits joined by hyphens, 64 at most.")

    def decorate(factory: TaskFactory) -> TaskFactory:
        holder = tasks.get(name)
        if holder is not None and holder is not factory:
            raise ValueError(
                f"task name {name!r} is taken by {holder.__module__}.{holder.__qualname__}; "
                f"choose another for {factory.__module__}.{factory.__qualname__}."
            )
        tasks[name] = factory
        return factory

    return decorate
