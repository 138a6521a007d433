"""From folders of records to the leaderboard's files."""

from __future__ import annotations

import gc
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leaderboard.aggregate import aggregate
from leaderboard.csv_table import render_csv
from leaderboard.markdown import render_markdown
from leaderboard.picture import render_picture
from leaderboard.record import Record, RecordError, find_records, read_record
from leaderboard.replace_file import replace_file
from leaderboard.table import Leaderboard, Table

MARKDOWN_FILE = "LEADERBOARD.md"
CSV_FILE = "leaderboard.csv"
PICTURE_FILE = "leaderboard.svg"
"""The picture of a single table; with several, each has a file of its own named after task, backbone, setting."""


@dataclass(frozen=True)
class WrittenLeaderboard:
    """What was written, and what it shows."""

    leaderboard: Leaderboard
    markdown: Path
    csv: Path
    pictures: tuple[Path, ...]
    """One per table, in the tables' order."""


def write_leaderboard(record_folders: Sequence[Path], out: Path) -> WrittenLeaderboard:
    """Read all records below the folders and write Markdown, CSV and pictures into ``out``.

    The same records give the same bytes, whatever the order of folders and files. ``out`` is created where it is
    missing. Each file is replaced in one step, after everything has been rendered. Pictures of tables that no
    longer exist are left where they are.

    Raises:
        RecordError: a folder holds no record, or a record cannot be used.
        OSError: ``out`` cannot be written to.
    """
    with _no_garbage_collection():
        leaderboard = aggregate(read_records(record_folders))
    tables = leaderboard.tables
    names = {table.setting: _picture_name(table, len(tables)) for table in tables}
    contents = {
        MARKDOWN_FILE: render_markdown(leaderboard, names).encode(),
        CSV_FILE: render_csv(leaderboard).encode(),
        **{names[table.setting]: render_picture(table) for table in tables},
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        replace_file(out / name, content)
    return WrittenLeaderboard(
        leaderboard=leaderboard,
        markdown=out / MARKDOWN_FILE,
        csv=out / CSV_FILE,
        pictures=tuple(out / names[table.setting] for table in tables),
    )


def read_records(record_folders: Sequence[Path]) -> list[Record]:
    """All records below the folders; a file that is reached twice counts once.

    Raises:
        RecordError: a folder holds no record, or a record cannot be used.
    """
    files: set[Path] = set()
    for folder in record_folders:
        found = find_records(folder.resolve()) if folder.is_dir() else []
        if not found:
            what = "no record.json below it" if folder.is_dir() else "is not a folder"
            raise RecordError(f"{folder}: {what}; run `roast-bench run SUITE` first, or name the folder it wrote to.")
        # No folder on the way is a link, so only the files are left to resolve: a tenth of the time.
        files.update(path.resolve() if path.is_symlink() else path for path in found)
    return [read_record(path) for path in sorted(files)]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Without it, half of the time goes into looking for garbage among thousands of records, where there is none."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _picture_name(table: Table, tables: int) -> str:
    if tables == 1:
        return PICTURE_FILE
    return f"leaderboard-{_slug(table.task)}-{_slug(table.backbone)}-{table.setting}.svg"


def _slug(name: str) -> str:
    """Lower-case letters, digits and hyphens; the setting's hash keeps names apart that become equal."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name)[:40].strip("-") or "unnamed"
