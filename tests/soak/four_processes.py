"""Four `run` commands on one output folder at once: every cell is trained once, and all end with the same table.

Run: ``python tests/soak/four_processes.py [--cells 6] [--seed N]``

Once with all four left alone, once with one of them killed by SIGKILL in the middle of a cell.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compared import unlike
from report import Report, conclude, parser_of
from tiny_cells import PLUGIN, command, environment, run_arguments, write_tiny_bert

from leaderboard.record import find_records, read_record

PROCESSES = 4

LIMIT = 900.0
"""Seconds after which the processes are given up."""

NOTING = '''

import os, time
from pathlib import Path

@register("noting")
class Noting(Method):
    """Half of the cross-entropy, in no hurry; notes in a file which process begins which seed."""

    def backward(self, run, model, batch):
        if not hasattr(self, "begun"):
            self.begun = True
            with Path(os.environ["NOTES"]).open("a", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {run.seed} {run.step}\\n")
        time.sleep(0.03)
        return super().backward(run, model, batch)

    def loss(self, model, batch):
        return model(**batch).loss / 2
'''


@dataclass(frozen=True)
class Note:
    """A process began, or went on with, the training of a cell."""

    process: int
    seed: int
    step: int
    """Steps taken before, by others."""


@dataclass(frozen=True)
class Ended:
    """One of the processes at its end."""

    process: int
    code: int
    out: str
    err: str

    @property
    def cells(self) -> tuple[int, int]:
        """Cells that it finished itself, and those that were finished already."""
        line = next((line for line in self.out.splitlines() if line.startswith("Cells: ")), "")
        counts = [re.search(rf"(\d+) {what}", line) for what in ("finished", "already finished")]
        own, others = (int(found[1]) if found else 0 for found in counts)
        return own, others


@dataclass(frozen=True)
class Scene:
    """The cells, and where everything is."""

    work: Path
    plugin: Path
    backbone: Path
    seeds: tuple[int, ...]

    def arguments(self, out: Path) -> list[object]:
        """Words of the command that each process runs."""
        chosen = ["--method", "noting", "--seeds", ",".join(map(str, self.seeds))]
        return [*run_arguments(self.plugin, self.backbone, out), *chosen]


@dataclass(frozen=True)
class Crowd:
    """What became of processes that were started at once."""

    ended: tuple[Ended, ...]
    """In the order of their start."""
    notes: tuple[Note, ...]
    killed: int | None
    """The process that was killed."""


def prepare(work: Path, cells: int) -> Scene:
    """Write the plug-in and the backbone."""
    plugin = work / "noting.py"
    plugin.write_text(PLUGIN.read_text(encoding="utf-8") + NOTING, encoding="utf-8")
    return Scene(work, plugin, write_tiny_bert(work / "tiny-bert"), tuple(range(cells)))


def run_together(scene: Scene, name: str, processes: int, kill_after: float | None = None) -> Crowd:
    """Start processes on the output folder ``name/out`` at once, and wait for all.

    Args:
        scene: the cells.
        name: folder of this crowd.
        processes: how many.
        kill_after: seconds from the moment that one of them begins a cell to when that one is killed.
    """
    folder = scene.work / name
    folder.mkdir()
    notes = folder / "notes"
    started = []
    for number in range(processes):
        with (folder / f"{number}.out").open("wb") as out, (folder / f"{number}.err").open("wb") as err:
            started.append(
                subprocess.Popen(
                    command(scene.arguments(folder / "out")),
                    env=environment(NOTES=str(notes)),
                    stdout=out,
                    stderr=err,
                )
            )
    killed = None
    try:
        if kill_after is not None:
            killed = _first_to_begin(notes)
            time.sleep(kill_after)
            next(process for process in started if process.pid == killed).kill()
        deadline = time.perf_counter() + LIMIT
        for process in started:
            process.wait(max(1.0, deadline - time.perf_counter()))
    finally:
        for process in started:
            process.kill()
    ended = [
        Ended(
            process.pid,
            process.wait(),
            *((folder / f"{number}.{end}").read_text(encoding="utf-8", errors="replace") for end in ("out", "err")),
        )
        for number, process in enumerate(started)
    ]
    return Crowd(tuple(ended), _read(notes), killed)


def _first_to_begin(notes: Path) -> int:
    deadline = time.perf_counter() + LIMIT
    while time.perf_counter() < deadline:
        if found := _read(notes):
            return found[0].process
        time.sleep(0.01)
    raise TimeoutError("no process began a cell")


def _read(notes: Path) -> tuple[Note, ...]:
    text = notes.read_text(encoding="utf-8") if notes.exists() else ""
    return tuple(Note(*map(int, line.split())) for line in text.splitlines())


def faults_of(crowd: Crowd, scene: Scene, name: str, alone: str = "alone") -> list[str]:
    """What is wrong with what a crowd left; empty where it left what one process alone does."""
    faults = []
    living = [process for process in crowd.ended if process.process != crowd.killed]
    for process in living:
        if process.code != 0:
            last = (process.err.strip().splitlines() or ["(nothing said)"])[-1]
            faults.append(f"a process ended with exit code {process.code}: {last}")
        if "set aside" in process.err or "Traceback" in process.err:
            faults.append("a process met a damaged file or fell over")
        if sum(process.cells) != len(scene.seeds):
            faults.append(f"a process speaks of {sum(process.cells)} cells, not of {len(scene.seeds)}")
    tables = {_table(process.out) for process in living}
    if len(tables) != 1 or "noting" not in next(iter(tables), ""):
        faults.append(f"the processes print {len(tables)} different tables, or none")
    faults += _work_done_twice(crowd, scene)
    records = [read_record(path) for path in find_records(scene.work / name / "out")]
    if sorted(record.cell.seed for record in records if record.status == "finished") != list(scene.seeds):
        faults.append(f"{len(records)} records for {len(scene.seeds)} cells")
    return faults + unlike(scene.work / alone / "out", scene.work / name / "out")


def _work_done_twice(crowd: Crowd, scene: Scene) -> list[str]:
    faults = []
    begun = {seed: [note.process for note in crowd.notes if note.seed == seed] for seed in scene.seeds}
    taken_over = [seed for seed, processes in begun.items() if crowd.killed in processes]
    for seed, processes in begun.items():
        unfinished = seed in taken_over and seed == [n.seed for n in crowd.notes if n.process == crowd.killed][-1]
        if len(processes) != (2 if unfinished else 1):
            faults.append(f"seed {seed} was begun by {len(processes)} processes")
        if unfinished and processes[-1] == crowd.killed:
            faults.append(f"seed {seed} was not taken over")
    if crowd.killed is not None and not taken_over:
        faults.append("the killed process had no cell")
    return faults


def _table(out: str) -> str:
    """What a process printed before it counts its own cells and names its own files."""
    return out.partition("Cells: ")[0]


def row(name: str, crowd: Crowd, scene: Scene, faults: Sequence[str]) -> tuple[object, ...]:
    """A line of the report."""
    began = Counter(note.process for note in crowd.notes)
    shares = ", ".join(
        f"{began[process.process]}{' (killed)' if process.process == crowd.killed else ''}" for process in crowd.ended
    )
    went_on = [note for note in crowd.notes if note.step]
    return (
        name,
        len(crowd.ended),
        shares,
        len(scene.seeds),
        f"at step {went_on[0].step}" if went_on else ("from its start" if crowd.killed else ""),
        "yes" if not faults else f"**no**: {'; '.join(faults[:3])}",
    )


def _summary(passed: bool, cells: int) -> str:
    if not passed:
        return f"{PROCESSES} `run` commands on one output folder did not leave what one process alone does."
    return (
        f"{PROCESSES} `run` commands started at once on one output folder with {cells} cells: every cell was trained "
        "by one of them (that of a process killed in the middle of it was taken over by another), all that were not "
        "killed ended with exit code 0 and the full table, and records, logits and leaderboard are those of one "
        "process alone."
    )


def main() -> int:
    """One process alone, then four, then four of which one is killed."""
    parser = parser_of(__doc__)
    parser.add_argument("--cells", type=int, default=6, help="how many (default: 6)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scene = prepare(Path(folder).resolve(), arguments.cells)
        rows, passed = [], True
        random_numbers = random.Random(arguments.seed)
        crowds: list[tuple[str, int, float | None]] = [
            ("alone", 1, None),
            ("together", PROCESSES, None),
            ("one killed", PROCESSES, random_numbers.uniform(0.1, 0.7)),
        ]
        for name, processes, kill_after in crowds:
            crowd = run_together(scene, name, processes, kill_after)
            faults = faults_of(crowd, scene, name)
            passed &= not faults
            rows.append(row(name, crowd, scene, faults))
            print(f"{name}: {'; '.join(faults) or 'as one process alone'}", flush=True)
    report = Report(
        title="Several processes on one output folder",
        summary=[_summary(passed, len(scene.seeds))],
        columns=("run", "processes", "cells begun by each", "cells", "taken over", "as one process alone"),
        rows=rows,
        passed=passed,
    )
    return conclude(report, arguments)


if __name__ == "__main__":
    sys.exit(main())
