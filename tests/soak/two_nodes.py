"""A Ray cluster of two nodes on this machine, of which one can be lost while a cell is in training there."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmark.executors.remote_reporter import Event, ManyCellsReporter

OBJECT_STORE = 80 << 20
"""Bytes of shared memory of each node: close to the least that Ray takes."""

SLOW_METHOD = '''
import time

@register("slow")
class Slow(Method):
    """Takes its time."""

    def loss(self, model, batch):
        time.sleep(0.05)
        return model(**batch).loss
'''
"""To be appended to the example plug-in: a method whose training can be met."""

BEGUN = re.compile(r"cell \d+ of \d+: (?P<cell>.+) on node \S+ \((?P<node>[0-9a-f]{6})\)")


class TwoNodes:
    """A head that runs no cells, and two nodes of one core each."""

    def __init__(self) -> None:
        """Start it; takes some seconds."""
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        self._before = os.environ.get("TMPDIR")
        # Sockets are made below it, and their names must be short; the nodes' scratch folders are there too.
        self.folder = Path(tempfile.mkdtemp(prefix="rb-", dir="/tmp"))
        os.environ["TMPDIR"] = str(self.folder)
        logging.getLogger("ray").setLevel(logging.ERROR)
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "object_store_memory": OBJECT_STORE, "include_dashboard": False},
        )
        self.complete()

    @property
    def address(self) -> str:
        """For ``--ray-address``."""
        return str(self._cluster.address)

    def complete(self) -> None:
        """Add a node for each that was lost."""
        for _ in range(2 - len(self._cluster.worker_nodes)):
            self._cluster.add_node(num_cpus=1, object_store_memory=OBJECT_STORE, wait=False)
        self._cluster.wait_for_nodes(timeout=120)

    def lose(self, begin_of_id: str) -> None:
        """Kill a node, so that it cannot say goodbye."""
        (node,) = (node for node in self._cluster.worker_nodes if node.node_id.startswith(begin_of_id))
        self._cluster.remove_node(node, allow_graceful=False)

    def scratch_folders(self) -> list[Path]:
        """What cells have left on the nodes."""
        return [path for folder in self.folder.glob("roast-bench-*") for path in folder.iterdir()]

    def stop(self) -> None:
        """End every process and remove every file."""
        self._cluster.shutdown()
        if self._before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = self._before
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """A cluster that is stopped in the end."""
    cluster = TwoNodes()
    try:
        yield cluster
    finally:
        cluster.stop()


class Watching(ManyCellsReporter):
    """Keeps what is said, and does something once when a cell has trained for so many steps."""

    def __init__(self, steps: int | None = None, do: Any = None) -> None:
        """Watch.

        Args:
            steps: optimizer steps that any one cell must have made; None never.
            do: called with the begin of the id of the node where that cell is.
        """
        self.text = io.StringIO()
        super().__init__(Console(file=self.text, width=1000))
        self._steps, self._do = steps, do
        self._training: set[str] = set()
        self._trained: Counter[str] = Counter()
        self.met: str | None = None
        """The cell."""

    @property
    def lines(self) -> list[str]:
        """What was said."""
        return self.text.getvalue().splitlines()

    def begun(self) -> list[tuple[str, str]]:
        """Cell and begin of the node's id, each time that a cell was begun."""
        return [(found["cell"], found["node"]) for found in map(BEGUN.match, self.lines) if found]

    def show(self, cell: str, event: Event) -> None:
        """Look at what a cell sent."""
        super().show(cell, event)
        if event.phase is not None:
            (self._training.add if event.phase.startswith("fine-tuning") else self._training.discard)(cell)
        if cell in self._training:
            self._trained[cell] += event.advanced
        if self._steps is not None and self.met is None and self._trained[cell] >= self._steps:
            self.met = cell
            self._do(dict(self.begun())[cell])
