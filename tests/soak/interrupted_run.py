"""Running a command and killing it: at a moment, or at a change of a file."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from tiny_cells import command, environment
from watched import Watch

BEGUN = "cell 1 of 1"
"""What a run says when its cell begins."""

LIMIT = 900.0
"""Seconds after which a run is given up."""

PHASES = {"fine-tuning, steps": "fine-tuning", "prediction, texts": "prediction", "attack ": "attack"}
"""Line of a run → the phase that it begins."""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    """As `subprocess` has it: -9 where it was killed."""
    out: str
    err: str
    after: float
    """Seconds from the beginning of the cell to the end; of the whole run where no cell began."""
    survivors: int
    """Processes that it had started and that were still there soon after its end."""

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def phase(self) -> str:
        """What the run was doing when it ended, from what it had said."""
        phase = "loading" if BEGUN in self.err else "before the cell"
        for line in self.err.splitlines():
            phase = next((named for begins, named in PHASES.items() if line.strip().startswith(begins)), phase)
            if re.match(r"\s*finished in ", line):
                phase = "leaderboard"
        return phase


def run_to_its_end(
    arguments: Sequence[object], folder: Path, *, kill_after: float | None = None, watch: Watch | None = None
) -> Ended:
    """Run a command, and kill it after so many seconds of its cell where it has not ended by then.

    Args:
        arguments: words of the command.
        folder: where what it says is kept, in files, which do not wait for who else holds them open.
        kill_after: seconds from the beginning of the cell.
        watch: what the run does to itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob("*.err")))
    out, err = folder / f"{number}.out", folder / f"{number}.err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            command(arguments),
            env=environment(**(watch.variable() if watch else {})),
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        begun = _wait_for_cell(process, err)
        try:
            process.wait(LIMIT if kill_after is None else max(0.0, begun + kill_after - time.perf_counter()))
        except subprocess.TimeoutExpired:
            if kill_after is None:
                raise
            process.kill()
            process.wait()
        after = time.perf_counter() - begun
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    text = {path: path.read_text(encoding="utf-8", errors="replace") for path in (out, err)}
    return Ended(process.returncode, text[out], text[err], after, _survivors(process.pid))


def _wait_for_cell(process: subprocess.Popen[bytes], err: Path) -> float:
    start = time.perf_counter()
    while process.poll() is None and time.perf_counter() < start + LIMIT:
        if BEGUN.encode() in err.read_bytes():
            return time.perf_counter()
        time.sleep(0.005)
    return start


def _survivors(session: int) -> int:
    """Processes of a session that do not end within some seconds; they are ended."""

    def living() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (OSError, psutil.Error):
                continue
        return found

    deadline = time.perf_counter() + 5
    while (left := living()) and time.perf_counter() < deadline:
        time.sleep(0.05)
    for process in left:
        process.kill()
    return len(left)
