"""One process at a time works on a cell, or on anything else that has a name below an output folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.errors import UserError

LOCKS = ".locks"
"""Folder of an output folder that holds a lock file for each piece of work; the files stay, and mean nothing."""

PAUSE = 0.05
"""Seconds between two tries where a lock is waited for."""


@contextmanager
def work_lock(name: str, out: Path) -> Iterator[bool]:
    """Try to get a piece of work for this process alone; yields whether it could be had, without waiting.

    The operating system gives the lock back when its owner ends, however it ends.

    Args:
        name: what stands for the work, as a file name.
        out: the output folder.

    Raises:
        UserError: the lock's file cannot be made or opened, or the file system has no locks.
    """
    from filelock import FileLock, Timeout

    folder = out / LOCKS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A file whose mere existence is the lock, filelock's way out, would outlive an owner that is killed.
        lock = FileLock(folder / f"{name}.lock", fallback_to_soft=False)
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise UserError(f"{folder}: a lock cannot be made there ({error.strerror or error}).") from None
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def awaited_lock(name: str, out: Path) -> Iterator[None]:
    """As `work_lock`, but wait until the work can be had."""
    while True:
        with work_lock(name, out) as free:
            if free:
                yield
                return
        time.sleep(PAUSE)
