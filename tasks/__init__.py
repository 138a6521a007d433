"""Tasks: what is scored, on which texts, from which sources."""

from tasks.base import EvaluationSet, Projection, Role, Task
from tasks.errors import DataError, Unavailable
from tasks.examples import Examples
from tasks.hub_source import HubSource
from tasks.registry import register_task, tasks
from tasks.sources import HeldOut, PackageSource, Remainder

# Importing a task's file registers it.
from tasks import reviews  # noqa: F401  isort: skip

__all__ = [
    "DataError",
    "EvaluationSet",
    "Examples",
    "HeldOut",
    "HubSource",
    "PackageSource",
    "Projection",
    "Remainder",
    "Role",
    "Task",
    "Unavailable",
    "register_task",
    "tasks",
]
