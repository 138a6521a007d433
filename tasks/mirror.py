"""One file of a mirror folder: Parquet in the hub's schema, listed in the folder's ``MANIFEST.json``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from tasks.columns import Table, check_columns, top_column
from tasks.errors import DataError, Unavailable
from tasks.parquet_rows import ParquetRows, changed, state_of
from tasks.schema_label_names import schema_label_names

MANIFEST = "MANIFEST.json"

LONGEST_MANIFEST = 16 * 2**20
"""Bytes; the parser bounds how deep it is nested."""


def mirror_table(mirror: Path, file: str, wanted: Sequence[str]) -> tuple[Table, bool]:
    """The wanted columns of a mirror's file, and whether it holds a sample of the published data set.

    The columns read the file when they are asked for a value.

    Args:
        mirror: the folder.
        file: path inside it.
        wanted: columns, or fields of nested ones by a dotted path.

    Raises:
        Unavailable: there is no such file.
        DataError: it is no Parquet file, lacks a column or is not the file that the manifest lists.
    """
    path = mirror / file
    if not path.is_file():
        raise Unavailable(f"the mirror has no file {file}.")
    entry = _entry(mirror / MANIFEST, file)
    try:
        with path.open("rb") as opened:
            state = state_of(opened)
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        _check_sha256(path, found, entry.get("sha256"))
        content = ParquetRows.of(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({os.strerror(error.errno or 0)}).") from None
    if content.state != state:
        raise changed(path)
    wanted_columns = list(dict.fromkeys(top_column(column, content.names) for column in wanted))
    check_columns(content.names, wanted_columns, str(path))
    label_names = schema_label_names(content.metadata, str(path))
    columns = content.columns()
    return Table({name: columns[name] for name in wanted_columns}, str(path), label_names), entry["partial"]


def _entry(manifest: Path, file: str) -> Mapping[str, Any]:
    try:
        if not manifest.is_file() or manifest.stat().st_size > LONGEST_MANIFEST:
            raise ValueError(f"it is no file of at most {LONGEST_MANIFEST:,} bytes")
        entries = from_json(manifest.read_bytes())["datasets"]
        listed = {str(entry["file"]): entry for entry in entries}
        if not all(isinstance(entry["partial"], bool) for entry in entries):
            raise ValueError("partial is not true or false")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{manifest}: does not say which files are partial ({error!r}).") from None
    if file not in listed:
        raise DataError(f"{manifest}: does not list {file}, so whether it is partial is not known.")
    entry: Mapping[str, Any] = listed[file]
    return entry


def _check_sha256(path: Path, found: str, expected: object) -> None:
    if expected not in (None, found):  # a mirror need not say
        raise DataError(
            f"{path}: its sha256 is {found[:12]}…, {MANIFEST} says {str(expected)[:12]}…; "
            "the file was changed or did not arrive whole."
        )
