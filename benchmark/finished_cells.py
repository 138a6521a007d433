"""Which cells need not be run: those with a whole record beside whole files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmark.errors import UserError
from benchmark.file_digest import sha256_of
from benchmark.path_inside import path_inside
from benchmark.planned import Planned
from benchmark.set_aside import set_aside
from leaderboard.record import DamagedRecordError, Record, RecordError, find_records, read_record


def finished_records(out: Path, cells: Sequence[Planned], say: Callable[[str], None]) -> set[Path]:
    """Records of finished cells, each read once.

    All below the folder are read, also those of other plans: one that the leaderboard cannot read must not be met
    after hours. A record that was cut off or changed is set aside, and so is one of the cells' whose logits or
    attacked texts are not what was scored.

    Args:
        out: the output folder.
        cells: whose records are looked at most closely.
        say: takes a line for each file that is set aside.

    Raises:
        UserError: there is a record that cannot be used, because another version of roast-bench wrote it, or a cell's
            folder is behind a link.
    """
    for cell in cells:
        refuse_links(cell, out)
    own = {out / cell.record_path: cell for cell in cells}
    finished: set[Path] = set()
    for path in sorted({*find_records(out), *(path for path in own if path.exists())}):
        record = usable_record(path, say, own.get(path))
        if record is not None and record.status == "finished":
            finished.add(path)
    return finished


def refuse_links(cell: Planned, out: Path) -> None:
    """Refuse a link among the folders of a cell: whoever looks for records does not follow it, and would find none.

    Raises:
        UserError: there is one.
    """
    for folder in (cell.folder, *cell.folder.parents[:-1]):
        if (out / folder).is_symlink():
            raise UserError(
                f"{out / folder}: is a link, which the leaderboard does not follow; put the folder itself there, or "
                "name another output folder with --out, which may be a link."
            )


def usable_record(path: Path, say: Callable[[str], None], cell: Planned | None = None) -> Record | None:
    """A record; None where there is none, or one that is set aside.

    Args:
        path: where it would be.
        say: takes a line for each file that is set aside.
        cell: whose record it must be, with whole files beside it; None is not looked at.

    Raises:
        UserError: another version of roast-bench wrote it.
    """
    if not path.exists():
        return None
    try:
        record = read_record(path)
    except DamagedRecordError as error:
        set_aside(path, str(error).removeprefix(f"{path}: ").partition("; move it away")[0], say)
        return None
    except RecordError as error:
        raise UserError(str(error)) from None
    if cell is None:
        return record
    if record.cell.config_hash != cell.config_hash:
        set_aside(path, f"is the record of another cell ({record.cell.config_hash})", say)
        return None
    damaged = list(damaged_files(record, path.parent))
    for file, reason in damaged:
        set_aside(file, reason, say)
    if damaged:
        set_aside(path, "files beside it are not what was scored", say)
        return None
    return record


def damaged_files(record: Record, folder: Path) -> Iterator[tuple[Path, str]]:
    """Files beside a record that are not what it says, each with what is wrong.

    One that is missing is passed over: records are also kept and published without their files.
    """
    named = [(item.logits, item.logits_sha256) for item in record.evaluation_sets.values()]
    named += [(attack.texts, attack.texts_sha256) for attack in record.attacks]
    for name, expected in named:
        file = None if name is None or expected is None else path_inside(folder, name)
        if file is None or expected is None or not file.is_file():
            continue
        found = sha256_of(file)
        if found != expected:
            yield file, f"has sha256 {found[:12]}…, the record says {expected[:12]}…"
