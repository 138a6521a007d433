"""Running the checks on one method."""

from __future__ import annotations

import gc
import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from methods.base import Method
from methods.conformance.checks import CHECKS, Candidate, Failed


@dataclass(frozen=True)
class CheckResult:
    """What became of one check."""

    check: str
    meaning: str
    """What a method that passes it does, in one line."""
    failure: str | None
    """What is wrong, in one line; None where the method passes."""

    @property
    def passed(self) -> bool:
        """Whether the method passes."""
        return self.failure is None


def check_method(
    method: type[Method],
    hyper_parameters: Mapping[str, Any] | None = None,
    on_result: Callable[[CheckResult], None] = lambda result: None,
) -> list[CheckResult]:
    """Run every check on a method, on one thread.

    Args:
        method: a subclass of `Method`, registered or not.
        hyper_parameters: values that differ from the defaults and from what the method itself sets for short trainings.
        on_result: told of each result at once.

    Raises:
        ValueError: a hyper-parameter is unknown or out of range.
    """
    method(**(hyper_parameters or {}))
    results = []
    for check in CHECKS:
        result = run_check(check, method, hyper_parameters or {})
        on_result(result)
        results.append(result)
    return results


def run_check(check: str, method: type[Method], hyper_parameters: Mapping[str, Any]) -> CheckResult:
    """Run one check by name; an exception of the method's is a failure like any other."""
    function = CHECKS[check]
    failure = None
    with tempfile.TemporaryDirectory() as folder, _tuned_to_tiny_trainings():
        try:
            function(Candidate(method, {**method.short_training, **hyper_parameters}, Path(folder)))
        except Failed as error:
            failure = str(error)
        except Exception as error:
            failure = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return CheckResult(check, (inspect.getdoc(function) or "").splitlines()[0], failure)


@contextmanager
def _tuned_to_tiny_trainings() -> Iterator[None]:
    """One thread, since more would wait for each other; and loaded modules left out of the Trainer's collections."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)
