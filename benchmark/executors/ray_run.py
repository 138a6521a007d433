"""Carrying out a plan on a Ray cluster: each cell a task with processors and GPUs of its own."""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from benchmark.execution import AS_USUAL, Execution
from benchmark.executors.cell_description import PlannedFrom, describe
from benchmark.executors.ray_cluster import (
    ONE_PROCESSOR,
    Declared,
    check_nodes,
    gpus_of_a_cell,
    nodes,
    ray_cluster,
    require_able,
    require_ray,
)
from benchmark.executors.remote_reporter import ManyCellsReporter
from benchmark.plan import Cell
from benchmark.run import RunOutcome, check_cells, pending_and_finished
from leaderboard.replace_file import replace_file


def run_on_ray(
    cells: Sequence[Cell],
    out: Path,
    reporter: ManyCellsReporter,
    *,
    made_from: PlannedFrom,
    execution: Execution = AS_USUAL,
    declared: Declared = ONE_PROCESSOR,
    address: str | None = None,
    shared_folder: bool = True,
) -> RunOutcome:
    """Run the cells that have no finished record below the output folder, at the same time as far as the cluster can.

    A cell whose process or machine is lost is started again elsewhere, a few times; one that fails by itself leaves a
    record with its traceback. Where a machine sees the output folder, it works there as any other run does; where it
    does not, the cell's files are brought back and put into the same places.

    Args:
        cells: the plan.
        out: the output folder.
        reporter: shows progress.
        made_from: what the cells were planned from.
        execution: how to carry them out.
        declared: what each cell is given.
        address: of a cluster; None starts one of this machine alone.
        shared_folder: False treats every machine as one that does not see the output folder.

    Raises:
        UserError: Ray is not installed, the cluster cannot be joined or can never run a cell, a machine has another
            roast-bench, or as `benchmark.run.run_cells`.
    """
    require_ray()
    pending, skipped = pending_and_finished(cells, out, reporter, execution)
    if not pending:
        return RunOutcome((), tuple(skipped), ())
    with ray_cluster(address) as ray, _token(out, shared_folder) as token:
        machines = nodes(ray)
        gpus = gpus_of_a_cell(declared, machines)
        fitting = require_able(machines, declared.cpus, gpus)
        from benchmark.executors.sweep import Sweep  # with torch and transformers, which take seconds to import

        check_cells(pending, made_from.mirror, reporter)
        check_nodes(ray, fitting, reporter)
        on_node = replace(execution, attack_workers=execution.attack_workers or declared.cpus)
        run = _name_of(out)
        descriptions = {
            cell.config_hash: describe(cell, made_from, on_node, cpus=declared.cpus, out=out, token=token, run=run)
            for cell in pending
        }
        outcome = Sweep(ray, reporter, out, descriptions, cpus=declared.cpus, gpus=gpus).run(pending)
    return replace(outcome, skipped=(*skipped, *outcome.skipped))


@contextmanager
def _token(out: Path, shared_folder: bool) -> Iterator[str | None]:
    """A file in the output folder that nobody can know of who does not see the folder; its name."""
    if not shared_folder:
        yield None
        return
    token = out / f".shared-{secrets.token_hex(16)}"
    replace_file(token, b"")
    try:
        yield token.name
    finally:
        with suppress(OSError):
            token.unlink()


def _name_of(out: Path) -> str:
    """What tells an output folder from others on any machine, as a file name."""
    return hashlib.sha256(f"{socket.gethostname()}:{out.resolve()}".encode()).hexdigest()[:12]
