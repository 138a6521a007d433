"""Failures of one process of a data-parallel training, made known to all of them before any waits in vain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class OtherProcessFailedError(RuntimeError):
    """Another process of the same training has failed; what happened is its own to tell."""


class Agreement:
    """Whether every process of a training is well.

    A process that raised where it stood would leave the others waiting for it in their next exchange. So its failure
    is kept until the next point that all of them reach, where each one raises. With one process nothing is kept, and
    nothing exchanged.

    Once they have raised, nothing is kept or exchanged any more.
    """

    def __init__(self, processes: int, device: torch.device) -> None:
        """Begin with every process well.

        Args:
            processes: how many take part, in torch's default process group.
            device: where values are exchanged.
        """
        self._processes = processes
        self._device = device
        self._failure: Exception | None = None
        self._over = processes == 1

    @contextmanager
    def keep_failure(self) -> Iterator[None]:
        """Keep an exception of the context for `settle`; the first one stays. No process may wait for another within.

        With one process it is raised at once.
        """
        try:
            yield
        except Exception as failure:
            if self._over:
                raise
            self._failure = self._failure or failure

    def settle(self, value: float = 0.0) -> float:
        """Mean of a value over the processes, where all of them are well.

        Raises:
            Exception: what this process has kept.
            OtherProcessFailedError: another one has kept something, and this one has not.
        """
        if self._over:
            return value
        sums = torch.tensor([value, float(self._failure is not None)], dtype=torch.float64, device=self._device)
        torch.distributed.all_reduce(sums)
        total, failed = sums.tolist()
        self._over = bool(failed)
        if self._failure is not None:
            raise self._failure
        if failed:
            raise OtherProcessFailedError("another process of this training failed")
        return float(total) / self._processes
