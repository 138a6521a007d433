"""Planning a cell again from its description, on the machine that runs it."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.differences import ABSENT, differences
from benchmark.environment import UNPICKLE_TAGGERS_VARIABLE
from benchmark.errors import UserError
from benchmark.executors.cell_description import CellDescription, PluginFile
from benchmark.plan import Cell, plan
from benchmark.suite import Suite
from leaderboard.replace_file import replace_file


def planned_again(description: CellDescription, *, plugins: Path) -> Cell:
    """The cell that a description is of.

    Args:
        description: the cell.
        plugins: folder for plug-in files that this machine does not have at their place.

    Raises:
        UserError: this machine lacks what the cell is made from, or plans another cell from it; says what differs.
    """
    from benchmark.attacks.nltk_data import use_nltk_data
    from benchmark.plugins import load_plugin

    os.environ[UNPICKLE_TAGGERS_VARIABLE] = description.unpickle_taggers
    _load_installed()
    for file in description.plugins:
        load_plugin(_at_hand(file, plugins))
    mirror = None if description.mirror is None else Path(description.mirror)
    if mirror is not None:
        if not mirror.is_dir():
            raise UserError(f"--mirror {mirror}: there is no such folder.")
        use_nltk_data(mirror / "nltk_data")
    suite = Suite.model_validate(description.suite)
    (cell,) = plan(
        suite,
        mirror,
        eval_sets=description.eval_sets,
        transfer_sets=Path(description.transfer_sets),
        trust=description.trust,
    )
    if cell.config_hash != description.config_hash:
        raise UserError(f"another cell is planned there: {different(description.resolved, cell.resolved())}.")
    return replace(cell, given=description.given)


def different(here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """What two resolved configurations differ in, in words."""
    found = [
        f"{item.where} is {_shown(item.old)} here and {_shown(item.new)} there" for item in differences(here, there)
    ]
    return "; ".join(found[:3]) + ("; …" if len(found) > 3 else "")


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "absent"
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


@functools.cache
def _load_installed() -> None:
    from benchmark.plugins import load_entry_points

    load_entry_points()


def _at_hand(file: PluginFile, folder: Path) -> Path:
    """Where a plug-in file lies: at its own place where that holds the same, since it may have files beside it."""
    place = Path(file.path)
    try:
        if place.read_bytes() == file.content:
            return place
    except OSError:
        pass
    copy = folder / hashlib.sha256(file.content).hexdigest()[:16] / place.name
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        replace_file(copy, file.content)
    return copy
