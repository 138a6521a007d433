"""Tasks: what is scored, on which texts, from which sources."""

from tasks.base import EvaluationSet, Role, Task
from tasks.errors import DataError
from tasks.examples import Examples
from tasks.registry import register_task, tasks
from tasks.sources import HeldOut, HubSource, PackageSource, Remainder

# Importing a task's file registers it.
from tasks import reviews  # noqa: F401  isort: skip

__all__ = [
    "DataError",
    "EvaluationSet",
    "Examples",
    "HeldOut",
    "HubSource",
    "PackageSource",
    "Remainder",
    "Role",
    "Task",
    "register_task",
    "tasks",
]
