"""Keeping the texts that an attack on one model found as an adversarial evaluation set for others."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic_core import from_json

from benchmark.errors import UserError
from leaderboard.replace_file import replace_file
from tasks import Task, TransferSet
from tasks.base import NAME_PATTERN
from tasks.table_file import PROVENANCE_KEY
from tasks.transfer_set import FOLDER, LABEL, SECOND_TEXT, TEXT


def transfer_set(task: Task, name: str, folder: Path | None) -> TransferSet:
    """Where a task's transfer set of that name belongs.

    Raises:
        UserError: the name is malformed, or is that of a set of another kind.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise UserError(f"--save-set {name}: use lower-case letters and digits joined by hyphens, 64 at most.")
    for item in task.evaluation_sets:
        if item.name == name and not isinstance(item.source, TransferSet):
            raise UserError(f"--save-set {name}: task {task.name} has a set of that name already; choose another.")
    return TransferSet(task=task.name, name=name, folder=folder or FOLDER)


def is_declared(task: Task, wanted: TransferSet) -> bool:
    """Whether the task includes the set by itself."""
    return any(item.name == wanted.name and isinstance(item.source, TransferSet) for item in task.evaluation_sets)


def check_place(wanted: TransferSet, provenance: Mapping[str, str], *, force: bool) -> None:
    """Refuse to take the place of a set that came about in another way, or to write where nothing can be written.

    Looks at the file's metadata alone, so it can be asked before there are texts.

    Raises:
        UserError: what the set that is there came from, or why the folder cannot be written.
    """
    path = wanted.path
    if path.exists() and not force:
        found = _provenance_in(path)
        differing = [key for key in sorted({*found, *provenance}) if found.get(key) != provenance.get(key)]
        if differing:
            key = differing[0]
            raise UserError(
                f"--save-set {wanted.name}: {path} is there already and came about in another way ({key}: "
                f"{found.get(key, 'not stated')} there, {provenance.get(key, 'not stated')} here); "
                "choose another name, or give --force to replace it."
            )
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"--save-set {wanted.name}: folder {parent} cannot be written; name another --transfer-sets.")


def save_transfer_set(wanted: TransferSet, attacked_texts: Path, provenance: Mapping[str, str], *, force: bool) -> int:
    """Write the texts of successful attacks, with the true labels of the texts they were made from.

    Args:
        wanted: name and place of the set.
        attacked_texts: Parquet file of all attacked texts, as `benchmark.attacks.outcome` writes it.
        provenance: how they came about.
        force: take the place of another file.

    Returns:
        Number of texts; the file was left untouched where it holds the same already.

    Raises:
        UserError: no attack succeeded, another file is there, or the folder cannot be written.
    """
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(attacked_texts)
    table = table.filter(pyarrow.compute.equal(table["outcome"], "succeeded"))
    if not table.num_rows:
        raise UserError(f"--save-set {wanted.name}: no attack succeeded, so there is no text to keep.")
    columns = {TEXT: table["attacked_text"].combine_chunks()}
    if table["attacked_second_text"].null_count < table.num_rows:
        columns[SECOND_TEXT] = table["attacked_second_text"].combine_chunks()
    columns[LABEL] = table["label"].combine_chunks()
    metadata = json.dumps(dict(provenance), sort_keys=True, ensure_ascii=False).encode()
    kept = pyarrow.table(columns).replace_schema_metadata({PROVENANCE_KEY: metadata})
    if wanted.path.exists() and not force:
        check_place(wanted, provenance, force=False)
        if not pyarrow.parquet.read_table(wanted.path).equals(kept, check_metadata=True):
            raise UserError(
                f"--save-set {wanted.name}: {wanted.path} holds other texts of the same attack; "
                "choose another name, or give --force to replace it."
            )
        return int(kept.num_rows)
    content = io.BytesIO()
    pyarrow.parquet.write_table(kept, content)
    try:
        wanted.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(wanted.path, content.getvalue())
    except OSError as error:
        raise UserError(
            f"--save-set {wanted.name}: {wanted.path} cannot be written ({os.strerror(error.errno or 0)})."
        ) from None
    return int(kept.num_rows)


def _provenance_in(path: Path) -> dict[str, str]:
    """What a file says of its texts; nothing where it is no transfer set."""
    import pyarrow
    import pyarrow.parquet

    try:
        content = from_json((pyarrow.parquet.read_schema(path).metadata or {}).get(PROVENANCE_KEY, b"{}"))
    except (OSError, ValueError, pyarrow.ArrowException):
        return {}
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}
