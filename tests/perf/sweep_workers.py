"""A sweep of equal cells on two workers of a Ray cluster against one, and what a cell costs beyond its own work.

Run: ``python tests/perf/sweep_workers.py [--rounds 3] [--cells 6]``

Two clusters on this machine, of one node and of two nodes with one core each, take turns on the same cells: MiniLM on a
part of the reviews task, in one thread. The clusters are there before; the connection, the start of the run's own
processes and their imports count, since whoever starts a sweep waits for them. What a cell costs beyond its work is the
time from its begin to that of the next one on the same worker, less the phases in its record; the first cell, with the
imports, is left out.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from side_by_side import Measurement, at_least, at_most, conclude, parser_of, ratio, timed

from benchmark.executors.cell_description import PlannedFrom
from benchmark.executors.ray_run import run_on_ray
from benchmark.executors.remote_reporter import ManyCellsReporter
from benchmark.plan import Cell, plan
from benchmark.suite import EvaluationSettings, Suite, TrainingSettings
from leaderboard.record import read_record

OBJECT_STORE = 80 << 20
"""Bytes of shared memory of each node."""

TEXTS = 480
"""Training texts of a cell; a cell takes some 20 s."""


class Timed(ManyCellsReporter):
    """Notes when each cell began."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
        self.begins: list[tuple[str, float]] = []

    def say(self, line: str) -> None:
        """Look for a begin."""
        if line.startswith("cell "):
            self.begins.append((line.partition(": ")[2].partition(" on node ")[0], time.perf_counter()))
        super().say(line)


@contextmanager
def cluster_of(workers: int) -> Iterator[str]:
    """The address of a cluster with so many nodes of one core."""
    from ray.cluster_utils import Cluster

    # Sockets are made in this folder, and their names must be short.
    with tempfile.TemporaryDirectory(prefix="rb-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        head = {
            "num_cpus": 0,
            "object_store_memory": OBJECT_STORE,
            "include_dashboard": False,
            "temp_dir": folder,
        }
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            for _ in range(workers):
                cluster.add_node(num_cpus=1, object_store_memory=OBJECT_STORE, wait=False)
            cluster.wait_for_nodes(timeout=120)
            yield cluster.address
        finally:
            cluster.shutdown()


def seconds_of(cells: Sequence[Cell], made_from: PlannedFrom, address: str) -> tuple[float, list[float]]:
    """Seconds of one sweep into a folder of its own, and of each gap between two cells (where there is one worker)."""
    reporter = Timed()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        seconds, outcome = timed(lambda: run_on_ray(cells, out, reporter, made_from=made_from, address=address))
        assert len(outcome.finished) == len(cells)
        work = {str(cell): sum(read_record(out / cell.record_path).seconds.values()) for cell in cells}
    pairs = list(zip(reporter.begins, reporter.begins[1:], strict=False))[1:]
    return seconds, [next_begin - begin - work[cell] for (cell, begin), (_, next_begin) in pairs]


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, default=6)
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.getLogger("ray").setLevel(logging.ERROR)
    suite = Suite(
        name="sweep",
        tasks=("reviews",),
        backbones=("minilm",),
        methods=("vanilla",),
        seeds=tuple(range(options.cells)),
        training=TrainingSettings(epochs=1, train_size=TEXTS, learning_rate=2e-4),
        evaluation=EvaluationSettings(evaluation_size=100),
    )
    cells, made_from = plan(suite), PlannedFrom(suite=suite)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    gaps: list[float] = []
    with cluster_of(1) as one, cluster_of(2) as two:
        addresses = {1: one, 2: two}
        for round_ in range(options.rounds):
            for workers in (1, 2) if round_ % 2 == 0 else (2, 1):
                took, between = seconds_of(cells, made_from, addresses[workers])
                seconds[workers].append(took)
                gaps += between if workers == 1 else []
    faster, medians = ratio(seconds[1], seconds[2]), {n: statistics.median(values) for n, values in seconds.items()}
    beyond = statistics.median(gaps)
    return conclude(
        options,
        [
            at_least(
                f"sweep of {options.cells} equal cells: two workers against one",
                faster,
                1.8,
                f"{faster:.2f}× ({medians[2]:.0f} s against {medians[1]:.0f} s; {options.rounds} rounds)",
            ),
            at_most(
                "sweep on a cluster: a cell beyond its own work",
                beyond,
                1.0,
                f"{beyond:.2f} s (median of {len(gaps)} cells)",
                " s",
            ),
            Measurement("sweep on a cluster: largest such gap", f"{max(gaps):.2f} s"),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
