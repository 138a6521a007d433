"""One thread for torch, for results that do not depend on the number of cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch compute in one thread within the block.

    A matrix product split among threads can differ in its last bits from the same product in one thread, and so does
    what an attack makes of two candidates that are that close. Processes that attack other examples use the other
    cores (:mod:`benchmark.attacks.worker_processes`).
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
