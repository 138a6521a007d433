"""Independent pieces of work in several processes, forked from this one with everything that it has loaded."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from benchmark.errors import UserError

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

T = TypeVar("T")

_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""

_TOKENIZERS_PARALLELISM = "TOKENIZERS_PARALLELISM"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_fork() -> bool:
    """Whether this process may be forked with what it has loaded.

    Not elsewhere than on Linux; not where torch sees a GPU or TensorFlow is loaded, neither of which works in a forked
    process; and not in a process that may have no children.
    """
    if sys.platform != "linux" or multiprocessing.current_process().daemon or "tensorflow" in sys.modules:
        return False
    import torch

    return not torch.cuda.is_available()


def in_order(work: Callable[[int], T], rows: Sequence[int], workers: int) -> Generator[T, None, None]:
    """The result of each row, in the order of the rows, each handed out as soon as those before it are there.

    Close the iterator (`contextlib.closing`) where it may not be used up: no worker outlives it, nor this process, be
    it killed.

    Args:
        work: computes the result of one row. Where there are several workers, each has its own copy of everything
            that it refers to; torch computes in one thread there; results must be picklable.
        rows: the rows.
        workers: processes; with 1, the work is done in this one.

    Raises:
        UserError: a worker was ended by the system.
        Exception: what `work` raises passes through; as a RuntimeError with type and message where it cannot be sent
            from one process to another.
    """
    if min(workers, len(rows)) <= 1:
        yield from map(work, rows)
        return
    processes: list[ForkProcess] = []
    pool = ProcessPoolExecutor(
        min(workers, len(rows)),
        mp_context=_fork_context(processes),
        initializer=_begin,
        initargs=(work, os.getpid()),
    )
    try:
        with _ready_to_fork():  # the first submission forks every worker
            results = deque(pool.submit(_do, row) for row in rows)
        while results:
            yield results.popleft().result()
    except BrokenProcessPool:
        pool.shutdown()
        raise UserError(
            f"a worker process of the attack was ended ({_how_it_ended(processes)}), most likely because memory ran out"
            f" with {len(processes)} of them; use fewer, such as --attack-workers 1."
        ) from None
    finally:
        for process in processes:
            process.kill()
        pool.shutdown()


def _fork_context(processes: list[ForkProcess]) -> Any:
    """A way to start processes, each of which is added to the list."""
    from multiprocessing.context import ForkContext, ForkProcess  # not there on every platform

    class Noting(ForkContext):
        def Process(self, *arguments: Any, **options: Any) -> ForkProcess:  # type: ignore[override]
            processes.append(ForkProcess(*arguments, **options))
            return processes[-1]

    return Noting()


@contextmanager
def _ready_to_fork() -> Iterator[None]:
    """What a worker is to inherit: no ear for the keyboard's interrupt, tokenizers in one thread (more would hang)."""
    before = os.environ.get(_TOKENIZERS_PARALLELISM)
    os.environ[_TOKENIZERS_PARALLELISM] = "false"
    deaf_before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with warnings.catch_warnings():
            # Python warns of threads that may hold locks. Those here draw progress bars, and workers print nothing.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, deaf_before)
        if before is None:
            del os.environ[_TOKENIZERS_PARALLELISM]
        else:
            os.environ[_TOKENIZERS_PARALLELISM] = before


_work: Callable[[int], Any] | None = None
"""Set in workers only."""


def _begin(work: Callable[[int], Any], parent: int) -> None:
    import torch

    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be watched
        os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)  # before anything is computed: threads do not survive a fork, and more would wait for them
    global _work
    _work = work


def _do(row: int) -> Any:
    assert _work is not None
    try:
        return _work(row)
    except Exception as error:
        if _arrives_whole(error):
            raise
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def _arrives_whole(error: Exception) -> bool:
    try:
        arrived = pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return (type(arrived), str(arrived)) == (type(error), str(error))


def _how_it_ended(processes: Sequence[ForkProcess]) -> str:
    """Exit of the worker that ended first; the pool ends the others by SIGTERM."""
    codes = sorted({process.exitcode or 0 for process in processes}, key=lambda code: (code == 0, code == -15))
    return signal.Signals(-codes[0]).name if codes[0] < 0 else f"exit code {codes[0]}"
