"""A cell as a task of Ray's: what runs in a process of the cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from benchmark.executors.cell_description import CellDescription
from benchmark.executors.node_side import AllSent, Begun, Ended, carry_out
from benchmark.executors.progress_box import TAKE_WITHIN, sender


def cell_task(description: CellDescription, attempt: str, box: Any) -> Iterator[Begun | Ended | bytes | AllSent]:
    """Run a cell as `benchmark.executors.node_side.carry_out` does, with the processors and GPUs given to this task.

    Args:
        description: the cell.
        attempt: what its progress is put under.
        box: where progress is put.
    """
    import ray

    if not ray.get_gpu_ids():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks: a GPU that was not asked for is someone else's
    node_id = ray.get_runtime_context().get_node_id()
    place = (f"{ray.util.get_node_ip_address()} ({node_id[:6]})", node_id)  # type: ignore[no-untyped-call]
    for item in carry_out(description, place, sender(ray, box, attempt)):
        if isinstance(item, Ended):
            with suppress(ray.exceptions.RayError):  # what was put before is there when this is
                ray.get(box.put.remote(attempt, []), timeout=TAKE_WITHIN)
        yield item
