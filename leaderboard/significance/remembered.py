"""Comparisons of earlier leaderboards, kept on the disk: resampling takes some 30 ms a record."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from leaderboard.record import Record
from leaderboard.replace_file import replace_file
from leaderboard.significance.comparisons import with_comparisons
from leaderboard.table import Column, Comparison, Row

VARIABLE = "ROAST_BENCH_CACHE"
"""Environment variable that names the folder to keep things in; unset, it is ``~/.cache/roast-bench``."""

MOST_KEPT = 256
"""Tables; those used longest ago are forgotten."""

_OfRow = tuple[str, dict[str, Comparison], dict[str, Comparison]]
"""Label, comparisons with the baseline, comparisons with the best."""

_CONTENT = TypeAdapter(tuple[list[_OfRow], list[str]])


def remembered_comparisons(
    rows: Sequence[Row], columns: Sequence[Column], baseline: str, resampling: Callable[[int], None] | None = None
) -> tuple[list[Row], list[str]]:
    """As :func:`with_comparisons`, made once for the same records by the same code and the same release of NumPy.

    Args:
        rows: as there.
        columns: as there.
        baseline: as there.
        resampling: told the number of records before they are resampled, so that a user knows what takes long.
    """
    if len(rows) < 2 or not any(_has_predictions(record) for row in rows for record in row.records):
        return with_comparisons(rows, columns, baseline)
    folder = _folder()
    path = None if folder is None else folder / f"{_identity(rows, columns, baseline)}.json"
    if path is not None and (known := _known(path, rows)) is not None:
        return known
    if resampling is not None:
        resampling(sum(len(row.records) for row in rows))
    compared, notes = with_comparisons(rows, columns, baseline)
    if path is not None:
        with contextlib.suppress(OSError):  # a disk that is full or read-only costs time alone
            _keep(path, compared, notes)
    return compared, notes


def _known(path: Path, rows: Sequence[Row]) -> tuple[list[Row], list[str]] | None:
    """The rows with the comparisons in a file; None where there is no such file or it is damaged."""
    with contextlib.suppress(OSError, ValidationError, ValueError):
        of_rows, notes = _CONTENT.validate_python(from_json(path.read_bytes()))
        if [label for label, *_ in of_rows] == [row.label for row in rows]:
            path.touch()
            return [
                replace(row, against_baseline=against_baseline, against_best=against_best)
                for row, (_, against_baseline, against_best) in zip(rows, of_rows, strict=True)
            ], notes
    return None


def _has_predictions(record: Record) -> bool:
    return any(item.compact_logits is not None for item in record.evaluation_sets.values())


def _keep(path: Path, rows: Sequence[Row], notes: Sequence[str]) -> None:
    content = [
        [
            [
                row.label,
                {key: asdict(found) for key, found in row.against_baseline.items()},
                {key: asdict(found) for key, found in row.against_best.items()},
            ]
            for row in rows
        ],
        notes,
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(content).encode())
    by_use = sorted(path.parent.glob("*.json"), key=lambda kept: kept.stat().st_mtime)
    for forgotten in by_use[:-MOST_KEPT]:
        forgotten.unlink(missing_ok=True)


def _folder() -> Path | None:
    """Where comparisons are kept; None for a user without a home, as some containers have."""
    try:
        return Path(os.environ.get(VARIABLE) or Path.home() / ".cache" / "roast-bench") / "comparisons"
    except RuntimeError:
        return None


def _identity(rows: Sequence[Row], columns: Sequence[Column], baseline: str) -> str:
    """Hash of all that comparisons hang on."""
    of_rows = [
        [row.label, row.hyper_parameters, row.incomplete, [_checksum(record) for record in row.records]] for row in rows
    ]
    identity = [of_rows, [column.key for column in columns], baseline, _code(), version("numpy")]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _checksum(record: Record) -> str:
    return record.checksum or hashlib.sha256(record.model_dump_json().encode()).hexdigest()


@cache
def _code() -> str:
    """Hash of this package's code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
