"""What a machine of the cluster does with a cell: plan it again, run it, hand over its files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import UserError
from benchmark.executors.brought_back import SentFile, files_to_send, parts_of, record_alone
from benchmark.executors.cell_description import CellDescription
from benchmark.executors.planned_again import planned_again
from benchmark.executors.remote_reporter import Event, RemoteReporter
from benchmark.executors.scratch_folder import scratch_folder
from benchmark.run import run_cells

PLUGINS = ".plugins"
"""Folder for plug-in files that a machine does not have; gone with the rest of the cell's scratch folder."""


@dataclass(frozen=True)
class Begun:
    """The cell has begun."""

    node: str
    """For people."""
    node_id: str
    shared: bool
    """Whether the machine works in the output folder itself."""


@dataclass(frozen=True)
class Ended:
    """The cell has a record, or none can be made of it there."""

    finished: bool
    elsewhere: bool = False
    """Whether another run finished it meanwhile."""
    refused: str | None = None
    """Why this machine cannot run it: one line."""
    files: tuple[SentFile, ...] = ()
    """What follows, in parts; nothing where the folder is shared."""


@dataclass(frozen=True)
class AllSent:
    """Everything was sent; whoever takes this has all of it on the disk."""


def carry_out(
    description: CellDescription, place: tuple[str, str], send: Callable[[list[Event]], None]
) -> Iterator[Begun | Ended | bytes | AllSent]:
    """Run a cell; hand over what it left where the output folder is not shared.

    Args:
        description: the cell.
        place: name, for people, and id of this machine.
        send: takes progress, without waiting.

    Yields:
        `Begun`, then `Ended`; where that announces files, their bytes in parts as `brought_back.parts_of` cuts them,
        then `AllSent`. What the machine keeps of the cell is removed once that is taken.
    """
    os.environ["RAYON_NUM_THREADS"] = str(description.cpus)  # before tokenizers are loaded, which read it once
    shared = description.token is not None and (Path(description.out) / description.token).is_file()
    yield Begun(*place, shared)
    import torch

    torch.set_num_threads(description.cpus)
    try:
        scratch = scratch_folder() / description.work_name
        cell = planned_again(description, plugins=scratch / PLUGINS)
        out = Path(description.out) if shared else scratch
        outcome = run_cells(
            [cell],
            out,
            RemoteReporter(send, str(cell)),
            mirror=None if description.mirror is None else Path(description.mirror),
            execution=description.execution,
        )
    except UserError as error:
        yield Ended(finished=False, refused=f"node {place[0]}: {error}")
        return
    if shared:
        shutil.rmtree(scratch, ignore_errors=True)
        yield Ended(finished=not outcome.failed, elsewhere=bool(outcome.skipped))
        return
    finished = not outcome.failed
    folder = out / cell.folder
    files = files_to_send(folder) if finished else record_alone(folder)
    yield Ended(finished=finished, files=files)
    yield from parts_of(folder, files)
    yield AllSent()
    if finished:
        shutil.rmtree(scratch, ignore_errors=True)
