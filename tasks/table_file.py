"""Reading a user's table: a CSV, TSV, JSONL or Parquet file as columns of values."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from tasks.errors import DataError, Unavailable
from tasks.parquet_rows import ParquetRows, check_distinct
from tasks.schema_label_names import schema_label_names

PROVENANCE_KEY = b"roast_bench_provenance"
"""Key in a Parquet file's schema metadata; its value is a JSON object of strings, in UTF-8."""

LONGEST_FIELD = 2**31 - 1
"""Characters that one field of a CSV file may have; the csv module's own limit is 131,072."""


@dataclass(frozen=True)
class TableFile:
    """The content of a file of rows."""

    columns: Mapping[str, Sequence[Any]]
    """Values of each column, all of the same length. CSV and TSV hold strings, the other formats typed values; the
    columns of a Parquet file read it when they are asked for a value."""
    rows: int
    typed: bool
    """False where every value is a string, a missing one the empty string (CSV, TSV)."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """How generated texts came about, where the file says so."""
    label_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column of integer codes → what they stand for, in the order of the codes, where the file says so."""


def read_table(path: Path) -> TableFile:
    """Read a file of rows; its format is told by the end of its name.

    Rows are counted from 1, the header of a CSV file and blank lines (which are no rows) left out: the same row has
    the same number in every format.

    Raises:
        Unavailable: there is no such file.
        DataError: it is no file of such rows: of another format, malformed, not in UTF-8, without a row.
    """
    check_file(path)
    try:
        table = READERS[path.suffix.lower()](path)
    except OSError as error:
        raise _cannot_be_read(path, error) from None
    if not table.rows:
        raise DataError(f"{path}: has no row.")
    return table


def check_file(path: Path) -> None:
    """Refuse what is no file of a known format, by its name alone.

    Raises:
        Unavailable: there is no such file.
        DataError: it is a folder, or of another format.
    """
    try:
        if not path.exists():
            raise Unavailable(f"{path}: there is no such file.")
        if path.is_dir():
            raise DataError(f"{path}: is a folder; name a file in it.")
        if not path.is_file():  # a pipe would be waited for
            raise DataError(f"{path}: is no regular file.")
    except OSError as error:
        raise _cannot_be_read(path, error) from None
    if path.suffix.lower() not in READERS:
        *others, last = READERS
        raise DataError(f"{path}: its format is not known; its name must end in {', '.join(others)} or {last}.")


def _cannot_be_read(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({os.strerror(error.errno) if error.errno else error}).")


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}: is not UTF-8: byte 0x{content[error.start]:02x} at position {error.start}, in line {line}; "
            "save it as UTF-8."
        ) from None
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise DataError(f"{path}: is empty.")
    return text


def _delimited(path: Path, delimiter: str) -> TableFile:
    text = _text(path)
    rows: list[list[str]] = []
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if row:  # a blank line is none
                rows.append(row)
                if len(row) != len(rows[0]):
                    raise DataError(
                        f"{path}: row {len(rows) - 1} has {len(row)} fields, the header has {len(rows[0])}; a field "
                        f"that holds a {'comma' if delimiter == ',' else 'tab'}, a quote or a line break must be in "
                        "double quotes."
                    )
    except csv.Error as error:
        where = f"row {len(rows)}" if rows else "the header"
        raise DataError(f"{path}: {where} is malformed ({error}); a quote inside quotes is doubled.") from None
    finally:
        csv.field_size_limit(limit)
    header, *content = rows
    check_distinct(path, header)
    columns = {name: [row[position] for row in content] for position, name in enumerate(header)}
    return TableFile(columns, len(content), typed=False)


def _json_lines(path: Path) -> TableFile:
    rows: list[dict[str, Any]] = []
    for line in _text(path).split("\n"):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: row {len(rows) + 1} is not JSON ({error}).") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}: row {len(rows) + 1} is not a JSON object; write one object in each line.")
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return TableFile({name: [row.get(name) for row in rows] for name in names}, len(rows), typed=True)


def _parquet(path: Path) -> TableFile:
    if not path.stat().st_size:
        raise DataError(f"{path}: is empty.")
    content = ParquetRows.of(path)
    return TableFile(
        content.columns(),
        content.rows,
        typed=True,
        provenance=_provenance(path, content.metadata.get(PROVENANCE_KEY)),
        label_names=schema_label_names(content.metadata, str(path)),
    )


def _provenance(path: Path, content: bytes | None) -> dict[str, str]:
    if content is None:
        return {}
    try:
        values = from_json(content)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise DataError(f"{path}: its metadata {PROVENANCE_KEY.decode()!r} is not a JSON object of strings.")
    return values


READERS: Mapping[str, Callable[[Path], TableFile]] = {
    ".csv": lambda path: _delimited(path, ","),
    ".tsv": lambda path: _delimited(path, "\t"),
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
"""End of a file's name → what reads such files."""
