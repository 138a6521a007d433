"""Whether two output folders hold the same results."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmark.differences import differences
from leaderboard.compare_files import first_difference, formats_in
from leaderboard.record import RECORD_FILE
from leaderboard.rendered_files import FILES, rendered_files
from leaderboard.write import leaderboard_of, read_records_quickly

VARYING = frozenset({"checksum", "code", "peak_memory_bytes", "processor_seconds", "resumed", "seconds", "started"})
"""Fields of a record that two runs of one cell may differ in: times, memory, whether it was interrupted, the checksum
that covers these, and the commit, which may change while a soak goes on."""

LOCKS = re.compile(r"(^|/)\.locks?(/|$)|\.lock$")
"""Locks may stay: they hold nothing, and removing one that another process waits for would give it out twice."""

DAMAGED = ".damaged"
"""Part of the name of what was set aside."""


def same_in_all_runs(value: Any) -> Any:
    """A record's JSON without what varies."""
    if isinstance(value, dict):
        return {key: same_in_all_runs(item) for key, item in value.items() if key not in VARYING}
    return [same_in_all_runs(item) for item in value] if isinstance(value, list) else value


def files_below(folder: Path) -> dict[str, Path]:
    """Relative name → path of every file, and every folder that is empty; without locks and what was set aside."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if _is_leaf(path)}
    return {name: path for name, path in found.items() if not LOCKS.search(name) and DAMAGED not in name}


def unlike(expected: Path, found: Path, only: str = "") -> list[str]:
    """Where two output folders differ, a line each; empty where every file has the same bytes or says the same.

    A leaderboard says the same where records do and it is what they give: it shows how long training took.

    Args:
        expected: the folder of an undisturbed run.
        found: the other.
        only: names must begin with this, such as a cell's folder.
    """
    one, other = (
        {name: path for name, path in files_below(folder).items() if name.startswith(only)}
        for folder in (expected, found)
    )
    lines = [f"{name} is missing" for name in one if name not in other]
    lines += [f"{name} is left over" for name in other if name not in one]
    for name in one:
        if name not in other or one[name].read_bytes() == other[name].read_bytes():
            continue
        if Path(name).name == RECORD_FILE:
            contents = (same_in_all_runs(json.loads(path.read_bytes())) for path in (one[name], other[name]))
            lines += [f"{name}: {difference}" for difference in differences(*contents)]
        elif name in FILES.values():  # it shows times, too
            lines += out_of_date(found)
        else:
            lines.append(f"{name} has other bytes")
    return list(dict.fromkeys(lines))


def out_of_date(folder: Path) -> list[str]:
    """The first file of the folder's leaderboard that is not what its records give; empty where there is none."""
    files = rendered_files(leaderboard_of(read_records_quickly([folder])), formats_in(folder))
    difference = first_difference(files, folder)
    return [] if difference is None else [difference]


def _is_leaf(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and not any(path.iterdir()))
