"""The command line, which counts its changes of files below a folder and kills itself at one of them where told to.

Run: ``WATCH='{"folder": …}' python tests/soak/watched.py run …``, where `WATCH` is a `Watch` as JSON.

Every change is seen before it happens, by Python's audit events, in the main process alone. What native code writes
raises none (weights, torch's archives): a kill that comes some time after a change reaches it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_PATHS: dict[str, tuple[tuple[int, int | None], ...]] = {
    "open": ((0, None),),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
}
"""Event → where its arguments have paths, and the descriptors of the folders that these are relative to."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is watched, and at which change the process dies."""

    folder: str
    """Changes below it count."""
    log: str | None = None
    """A file outside it that gets a line for each change: seconds since the start, event, relative path."""
    at: int | None = None
    """Be killed at the change of this number, from 1."""
    matching: str | None = None
    """Be killed at the first change whose relative path this regular expression finds; ``at`` counts only those."""
    delay: float = 0.0
    """Seconds from the change to the kill."""

    def variable(self) -> dict[str, str]:
        """As a variable of the environment."""
        return {"WATCH": json.dumps(asdict(self))}


def changed_paths(event: str, arguments: tuple[Any, ...]) -> list[str]:
    """Absolute paths that an audit event is about to change; none where it is about something else."""
    if event not in _PATHS or (event == "open" and not (arguments[2] or 0) & _WRITING):
        return []
    paths = []
    for position, descriptor in _PATHS[event]:
        path = arguments[position]
        if isinstance(path, int):
            continue
        relative_to = arguments[descriptor] if descriptor is not None and descriptor < len(arguments) else -1
        folder = os.readlink(f"/proc/self/fd/{relative_to}") if relative_to not in (-1, None) else os.getcwd()
        paths.append(os.path.normpath(os.path.join(folder, os.fsdecode(path))))
    return paths


def install(watch: Watch) -> None:
    """Watch from now on; cannot be undone."""
    kill = _killer(watch.delay) if watch.delay else _kill_now
    log = None if watch.log is None else os.open(watch.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    wanted = re.compile(watch.matching or "")
    below = os.path.realpath(watch.folder) + os.sep
    process, start, seen = os.getpid(), time.perf_counter(), 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in _PATHS or os.getpid() != process:
            return
        paths = [path for path in changed_paths(event, arguments) if path.startswith(below)]
        if not paths or not wanted.search(paths[-1][len(below) :]):
            return
        seen += 1
        if log is not None:
            os.write(log, f"{time.perf_counter() - start:.6f}\t{event}\t{paths[-1][len(below) :]}\n".encode())
        if seen == (watch.at or (1 if watch.matching else None)):
            kill()

    sys.addaudithook(hook)


def _kill_now() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killer(delay: float) -> Callable[[], None]:
    """A process that waits to be told; a thread of this one would wait for native code to return."""
    reader, writer = os.pipe()
    victim = os.getpid()
    if os.fork() == 0:
        os.close(writer)
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        if os.read(reader, 1):
            time.sleep(delay)
            os.kill(victim, signal.SIGKILL)
        os._exit(0)
    os.close(reader)
    return lambda: os.write(writer, b"x") and None


if __name__ == "__main__":
    if "WATCH" in os.environ:
        install(Watch(**json.loads(os.environ.pop("WATCH"))))
    from benchmark.command_line import main

    main()
