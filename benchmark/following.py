"""What the processes of a command do that do not lead it: their part in each fine-tuning, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from benchmark.errors import UserError
from benchmark.processes import Work
from benchmark.progress import Reporter
from benchmark.run import check_cells, data_key
from benchmark.stopwatch import Stopwatch

if TYPE_CHECKING:
    from benchmark.execution import Execution
    from benchmark.plan import Cell


def follow(cells: Sequence[Cell], out: Path, *, mirror: Path | None, execution: Execution) -> None:
    """Take part in what the first process says, until it has nothing left; say and write nothing.

    Args:
        cells: the same as the first process has.
        out: the output folder, which all processes share.
        mirror: folder that hub data sets are read from.
        execution: how to carry them out; its ``processes`` say which one this is.
    """
    from benchmark.cell import train_cell  # torch and transformers take seconds to import

    processes = execution.processes
    known = {cell.config_hash: cell for cell in cells}
    silent = Reporter(Console(quiet=True))
    data: dict[tuple[object, ...], Any] = {}
    for order in processes.orders():
        with processes.answering(order):
            if not out.is_dir():
                raise UserError(f"output folder {out}: is not there; give one that all processes share.")
            if not known.keys() >= set(order.cells):
                raise UserError("plans other cells; every process needs the same command, versions and files.")
            chosen = [known[name] for name in order.cells]
            if order.work is Work.CHECK:
                data = check_cells(chosen, mirror, silent, processes)
            for cell in chosen if order.work is Work.TRAIN else ():
                train_cell(cell, data[data_key(cell)], out / cell.folder, order, silent, execution, Stopwatch())
