"""Which files a submission may consist of, looked at without opening any."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from benchmark.declared_task import declare_task
from benchmark.path_inside import path_inside
from benchmark.publish import CHANGES_FILE
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission
from benchmark.work_lock import LOCKS
from leaderboard.record import RECORD_FILE
from leaderboard.rendered_files import FILES, PICTURES_FOLDER

MOST_FILES = 100_000
MOST_BYTES = 16 * 2**30
DEEPEST = 16
"""Folders below the submitted one."""

GENERATED = (*FILES.values(), CHANGES_FILE)
"""What `run` and `leaderboard` write beside records; it is made anew, so it is passed over."""

UNWANTED = ("checkpoint", "model")
"""Folders that a run leaves where a cell is unfinished, or its model was kept."""

_OVERHEAD = 4096
"""Bytes of a file of logits that are neither logits nor labels, at most."""

_BYTES_OF_A_NUMBER = 8

_BESIDE_RECORDS = ((("logits",), ".npz"), (("attacks",), ".parquet"))
_PASSED_OVER = (((LOCKS,), ".lock"), *(((PICTURES_FOLDER,), ending) for ending in (".svg", ".png")))
_READ_BY_PEOPLE = re.compile(r"(readme|licen[sc]e)(\.md|\.rst|\.txt)?", re.IGNORECASE)


def unexpected_files(folder: Path) -> dict[Path, str]:
    """Files that no submission needs, or that are not what they should be, with what is wrong with each.

    Links are not followed, and no file is opened.
    """
    found: dict[Path, str] = {}
    files = size = 0
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        if depth > DEEPEST:
            found[place] = f"is nested more than {DEEPEST} folders deep; submit the output folder of `run` as it is"
            continue
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            found[place] = f"cannot be read ({error.strerror})"
            continue
        for entry in entries:
            path = Path(entry.path)
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                if entry.name in UNWANTED:
                    found[path] = "holds a model or unfinished work; leave it out"
                else:
                    waiting.append((path, depth + 1))
            elif not stat.S_ISREG(status.st_mode):
                found[path] = f"is a {_kind(status.st_mode)}; a submission consists of regular files"
            elif why := _unexpected(path, folder):
                found[path] = why
            files, size = files + 1, size + status.st_size
            if files > MOST_FILES or size > MOST_BYTES:
                found[folder] = (
                    f"has more than {MOST_FILES:,} files or {MOST_BYTES // 2**30} GiB; submit it in several parts"
                )
                return found
    return found


def _unexpected(path: Path, folder: Path) -> str | None:
    parts = path.relative_to(folder).parts
    within_cell = parts[-2:-1]
    if parts[-1] == RECORD_FILE or parts[-1] in GENERATED or _READ_BY_PEOPLE.fullmatch(parts[-1]):
        return None
    if (within_cell, path.suffix) in _PASSED_OVER:
        return None
    if (within_cell, path.suffix) in _BESIDE_RECORDS and (path.parents[1] / RECORD_FILE).exists():
        return None
    return (
        f"is none of a submission's files ({RECORD_FILE}, logits/*.npz, attacks/*.parquet); "
        "leave out models, checkpoints and unfinished work"
    )


def check_sizes(submission: Submission) -> None:
    """No file of logits is larger than logits of the record's rows can be; none is opened.

    Raises:
        Problem: one is.
    """
    record = submission.record
    row = _BYTES_OF_A_NUMBER * (1 + len(declare_task(record.cell.task).labels))
    for name, item in record.evaluation_sets.items():
        file = path_inside(submission.folder, item.logits or "")
        if file is not None and file.is_file() and file.stat().st_size > _OVERHEAD + row * item.rows:
            raise Problem(f"evaluation_sets.{name}: {item.logits} is larger than logits of {item.rows:,} rows")


def check_all_named(submission: Submission) -> None:
    """The files beside a record are those that it names.

    Raises:
        Problem: one is not.
    """
    record = submission.record
    named = {item.logits for item in record.evaluation_sets.values()} | {attack.texts for attack in record.attacks}
    for place in ("logits", "attacks"):
        for path in sorted((submission.folder / place).glob("*")):
            if f"{place}/{path.name}" not in named:
                raise Problem(f"{place}/{path.name} is of no evaluation set and no attack of the record")


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "link"
    return "named pipe" if stat.S_ISFIFO(mode) else "device or socket"
