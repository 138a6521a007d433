"""A registered task's declaration."""

from __future__ import annotations

from benchmark.errors import UserError
from benchmark.lookup import find
from tasks import Task, tasks


def declare_task(name: str) -> Task:
    """Declare the task registered under a name; loads no data.

    Raises:
        UserError: there is none, its declaration fails, or it calls itself something else.
    """
    try:
        task = find("task", name, tasks)()
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(f"task {name!r} cannot be declared: {type(error).__name__}: {reason}") from None
    if task.name != name:
        raise UserError(f"task {name!r} calls itself {task.name!r}; give it the name it is registered under.")
    return task
