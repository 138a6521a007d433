"""A cell as plain values, so that a machine elsewhere can plan it again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.environment import UNPICKLE_TAGGERS_VARIABLE
from benchmark.execution import Execution
from benchmark.plan import Cell, canonical_keys
from benchmark.suite import Suite
from benchmark.trust import NO_TRUST, Trust
from tasks.transfer_set import FOLDER


@dataclass(frozen=True, kw_only=True)
class PlannedFrom:
    """What `benchmark.plan.plan` made the cells from."""

    suite: Suite
    plugins: Sequence[Path] = ()
    """Plug-in files that were loaded."""
    eval_sets: Sequence[str] = ()
    transfer_sets: Path | None = None
    mirror: Path | None = None
    trust: Trust = NO_TRUST


@dataclass(frozen=True)
class PluginFile:
    """A plug-in file: where it lies here, and what it holds."""

    path: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class CellDescription:
    """One cell, with no class of a plug-in in it: another machine could not import one by its name.

    Paths are absolute.
    """

    name: str
    """For people."""
    suite: dict[str, Any]
    """Whose plan is this one cell."""
    given: dict[str, Any]
    """What the user wrote."""
    config_hash: str
    resolved: dict[str, Any]
    """What the hash is of, to say what differs."""
    plugins: tuple[PluginFile, ...]
    eval_sets: tuple[str, ...]
    transfer_sets: str
    mirror: str | None
    trust: Trust
    unpickle_taggers: str
    """Value of the variable that lets attacks load flair's taggers; empty where it is not set."""
    execution: Execution
    cpus: int
    out: str
    """The output folder."""
    token: str | None
    """A file in the output folder that shows to whoever sees it that the folder is shared; None: work apart anyway."""
    work_name: str
    """Name of this cell of this output folder among others, as a file name."""


def describe(
    cell: Cell, made_from: PlannedFrom, execution: Execution, *, cpus: int, out: Path, token: str | None, run: str
) -> CellDescription:
    """Describe a cell for another machine.

    Args:
        cell: which one.
        made_from: what it was planned from.
        execution: how to carry it out.
        cpus: processor cores that it may use.
        out: the output folder.
        token: name of the file that shows that the folder is shared.
        run: what tells this output folder from others, as a file name.
    """
    suite = made_from.suite
    narrowed = {
        **suite.model_dump(mode="json", exclude_unset=True),
        "tasks": [cell.task.name],
        "backbones": [_findable(cell)],
        "methods": [cell.method_name],
        "seeds": [cell.seed],
        "hyper_parameters": {cell.method_name: canonical_keys(suite.hyper_parameters).get(cell.method_name, {})},
    }
    return CellDescription(
        name=str(cell),
        suite=narrowed,
        given=dict(cell.given),
        config_hash=cell.config_hash,
        resolved=cell.resolved(),
        plugins=tuple(PluginFile(str(path.absolute()), path.read_bytes()) for path in made_from.plugins),
        eval_sets=tuple(_with_absolute_file(written) for written in made_from.eval_sets),
        transfer_sets=str((made_from.transfer_sets or FOLDER).absolute()),
        mirror=None if made_from.mirror is None else str(made_from.mirror.absolute()),
        trust=made_from.trust,
        unpickle_taggers=os.environ.get(UNPICKLE_TAGGERS_VARIABLE, ""),
        execution=execution,
        cpus=cpus,
        out=str(out.absolute()),
        token=token,
        work_name=f"{run}-{cell.config_hash}",
    )


def _findable(cell: Cell) -> str:
    """How another machine finds the backbone: by its short name or hub id, or else by its folder."""
    from benchmark.backbones import PACKAGED

    backbone = cell.backbone
    return backbone.name if backbone.name in PACKAGED or backbone.folder is None else str(backbone.folder)


def _with_absolute_file(written: str) -> str:
    name, _, rest = written.partition("=")
    file, *parts = rest.split(":")
    return f"{name}={':'.join([str(Path(file).absolute()), *parts])}"
