"""Tasks: what is scored, on which texts, from which sources."""

from tasks.base import EvaluationSet, Projection, Role, Task
from tasks.errors import DataError, Unavailable
from tasks.examples import Examples
from tasks.file_source import FileSource
from tasks.hub_source import HubSource
from tasks.registry import register_task, tasks
from tasks.sources import HeldOut, Joined, NoSource, PackageSource, Remainder
from tasks.transfer_set import TransferSet

# Importing a task's file registers it.
from tasks import entailment, entailment_small, reviews, sentiment  # noqa: F401  isort: skip

__all__ = [
    "DataError",
    "EvaluationSet",
    "Examples",
    "FileSource",
    "HeldOut",
    "HubSource",
    "Joined",
    "NoSource",
    "PackageSource",
    "Projection",
    "Remainder",
    "Role",
    "Task",
    "TransferSet",
    "Unavailable",
    "register_task",
    "tasks",
]
