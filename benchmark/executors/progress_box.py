"""Where the cells' processes put their progress, for the run to take it from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from benchmark.executors.ray_cluster import pinned, this_node
from benchmark.executors.remote_reporter import Event

TAKE_WITHIN = 10.0
"""Seconds after which progress is given up; the cells go on."""


class ProgressBox:
    """A small process of the cluster on this machine."""

    def __init__(self, ray: Any) -> None:
        class Box:
            """Travels as code: the cluster's processes on this machine may be of another environment."""

            def __init__(self) -> None:
                self._put: list[tuple[str, list[tuple[Any, ...]]]] = []

            def put(self, attempt: str, events: list[tuple[Any, ...]]) -> None:
                self._put.append((attempt, events))

            def take(self) -> list[tuple[str, list[tuple[Any, ...]]]]:
                put, self._put = self._put, []
                return put

        self._ray = ray
        self.handle = ray.remote(num_cpus=0, scheduling_strategy=pinned(this_node(ray)))(Box).remote()
        self._lost = False

    def take(self) -> Iterator[tuple[str, Event]]:
        """What was put since the last time, with the attempt that put it.

        Raises:
            RayError: the process is gone.
        """
        put = self._ray.get(self.handle.take.remote(), timeout=TAKE_WITHIN)
        for attempt, events in put:
            yield from ((attempt, Event(*values)) for values in events)

    def remove(self) -> None:
        """End the process."""
        self._ray.kill(self.handle)


def sender(ray: Any, box: Any, attempt: str) -> Callable[[list[Event]], None]:
    """What puts events of an attempt into a box, from anywhere in the cluster, without waiting."""

    def send(events: list[Event]) -> None:
        box.put.remote(attempt, [dataclasses.astuple(event) for event in events])

    return send
