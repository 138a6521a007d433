"""Runs on a Ray cluster of two nodes whose nodes, processes and runs are lost in the middle of a training.

Run: ``python tests/soak/ray_nodes.py [--cells 6] [--json FILE]``

Each way of losing something is tried twice: with nodes that work in the output folder, and with nodes that do not see
it, so that results are brought back. Afterwards the folder must hold what an undisturbed run in one process leaves, to
the bit.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from compared import unlike
from report import Report, conclude, parser_of
from rich.console import Console
from tiny_cells import HERMETIC, PLUGIN, write_tiny_bert
from two_nodes import SLOW_METHOD, TwoNodes, Watching, two_nodes

from benchmark.executors.cell_description import PlannedFrom
from benchmark.executors.ray_run import run_on_ray
from benchmark.plan import Cell, plan
from benchmark.plugins import load_plugin
from benchmark.progress import Reporter
from benchmark.run import run_cells
from benchmark.suite import Suite, TrainingSettings

EPOCHS = 4
STEPS = 14 * EPOCHS
"""Of one cell."""


def kill_process_of(config_hash: str) -> None:
    """Kill the process that runs a cell: Ray names it after the task."""
    name = f"ray::cell {config_hash}"
    processes = psutil.process_iter(["cmdline"])
    found = [process for process in processes if " ".join(process.info["cmdline"] or ()).strip() == name]
    assert len(found) == 1, f"{len(found)} processes are called {name}"
    found[0].send_signal(signal.SIGKILL)


def interrupted() -> None:
    """As by the keyboard."""
    raise KeyboardInterrupt


def tried(
    cluster: TwoNodes, cells: Sequence[Cell], made_from: PlannedFrom, out: Path, *, shared: bool, what: str, steps: int
) -> Watching:
    """One run in which something is lost, and after an interruption the run that goes on."""
    cluster.complete()
    by_name = {str(cell): cell.config_hash for cell in cells}
    ways: dict[str, Callable[[str], None]] = {
        "a node is lost": cluster.lose,
        "a cell's process is killed": lambda node: kill_process_of(by_name[str(watching.met)]),
        "the run is interrupted": lambda node: interrupted(),
    }
    watching = Watching(steps, ways[what])
    for reporter in (watching, Watching()):
        try:
            run_on_ray(cells, out, reporter, made_from=made_from, address=cluster.address, shared_folder=shared)
        except KeyboardInterrupt:
            continue
        if reporter is not watching:
            watching.text.write(reporter.text.getvalue())
        break
    return watching


def main() -> int:
    """Lose things, compare, print."""
    parser = parser_of(__doc__)
    parser.add_argument("--cells", type=int, default=6, help="of each run")
    arguments = parser.parse_args()
    os.environ.update(HERMETIC)
    import torch

    torch.set_num_threads(1)
    draw = random.Random(arguments.seed)
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as name, two_nodes() as cluster:
        folder = Path(name)
        plugin = folder / "mine.py"
        plugin.write_text(PLUGIN.read_text(encoding="utf-8") + SLOW_METHOD, encoding="utf-8")
        load_plugin(plugin)
        suite = Suite(
            name="ray-nodes",
            tasks=("tiny",),
            backbones=(str(write_tiny_bert(folder / "tiny-bert")),),
            methods=("slow",),
            seeds=tuple(range(arguments.cells)),
            training=TrainingSettings(epochs=EPOCHS, batch_size=8, learning_rate=0.003, max_length=64),
        )
        made_from = PlannedFrom(suite=suite, plugins=[plugin])
        cells = plan(suite)
        run_cells(cells, folder / "undisturbed", Reporter(Console(quiet=True)))
        for shared in (True, False):
            for what in ("a node is lost", "a cell's process is killed", "the run is interrupted"):
                out = folder / f"out-{len(rows)}"
                steps = draw.randrange(2, STEPS - 10)
                watching = tried(cluster, cells, made_from, out, shared=shared, what=what, steps=steps)
                begun = Counter(cell for cell, _ in watching.begun())
                equal = sum(
                    (out / cell.record_path).is_file() and not unlike(folder / "undisturbed", out, str(cell.folder))
                    for cell in cells
                )
                more = sum(begun.values()) - len(cells)
                # Two nodes of one core: an interruption meets at most two cells.
                allowed = 2 if what == "the run is interrupted" else 1
                rest = unlike(folder / "undisturbed", out)
                met = watching.met is not None
                passed = equal == len(cells) and met and 0 < more <= allowed and not rest
                rows.append(("shared" if shared else "brought back", what, steps, len(cells), equal, more, passed))
                print(f"{rows[-1]}", *rest, sep="\n  ", flush=True)
    passed = sum(bool(row[-1]) for row in rows)
    report = Report(
        title="Two Ray nodes",
        summary=(
            f"{passed} of {len(rows)} runs on two nodes left the same cells as an undisturbed run, to the bit.",
            "Each run lost something while a cell was in training; cells were begun again no more often than that "
            "explains.",
        ),
        columns=("results", "what happens", "at step", "cells", "equal", "begun again", "passed"),
        rows=[(*row[:-1], "yes" if row[-1] else "no") for row in rows],
        passed=passed == len(rows),
    )
    return conclude(report, arguments)


if __name__ == "__main__":
    sys.exit(main())
