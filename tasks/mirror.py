"""One file of a mirror folder: Parquet in the hub's schema, listed in the folder's ``MANIFEST.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.columns import Table, check_columns, top_column
from tasks.errors import DataError, Unavailable, first_line
from tasks.schema_label_names import schema_label_names

MANIFEST = "MANIFEST.json"


def mirror_table(mirror: Path, file: str, wanted: Sequence[str]) -> tuple[Table, bool]:
    """The wanted columns of a mirror's file, and whether it holds a sample of the published data set.

    Args:
        mirror: the folder.
        file: path inside it.
        wanted: columns, or fields of nested ones by a dotted path.

    Raises:
        Unavailable: there is no such file.
        DataError: it is no Parquet file, lacks a column or is not the file that the manifest lists.
    """
    import pyarrow
    import pyarrow.parquet

    path = mirror / file
    if not path.is_file():
        raise Unavailable(f"the mirror has no file {file}.")
    entry = _entry(mirror / MANIFEST, file)
    content = path.read_bytes()
    _check_sha256(path, content, entry.get("sha256"))
    try:
        parquet = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content))
        names = parquet.schema_arrow.names
        columns = list(dict.fromkeys(top_column(column, names) for column in wanted))
        check_columns(names, columns, str(path))
        table = parquet.read(columns=columns)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: is not a readable Parquet file ({first_line(error)}).") from None
    label_names = schema_label_names(table.schema.metadata, str(path))
    return Table({name: table.column(name).to_pylist() for name in columns}, str(path), label_names), entry["partial"]


def _entry(manifest: Path, file: str) -> Mapping[str, Any]:
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))["datasets"]
        listed = {str(entry["file"]): entry for entry in entries}
        if not all(isinstance(entry["partial"], bool) for entry in entries):
            raise ValueError("partial is not true or false")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{manifest}: does not say which files are partial ({error!r}).") from None
    if file not in listed:
        raise DataError(f"{manifest}: does not list {file}, so whether it is partial is not known.")
    entry: Mapping[str, Any] = listed[file]
    return entry


def _check_sha256(path: Path, content: bytes, expected: object) -> None:
    if expected is None:  # a mirror need not say
        return
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise DataError(
            f"{path}: its sha256 is {found[:12]}…, {MANIFEST} says {str(expected)[:12]}…; "
            "the file was changed or did not arrive whole."
        )
