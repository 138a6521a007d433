"""The leaderboard as one JSON document, for programs and for comparing with a later leaderboard."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from leaderboard.one_line import one_line
from leaderboard.read_bounded import read_bounded
from leaderboard.record import Record, RecordError
from leaderboard.rows import score_of
from leaderboard.setting import canonical, setting_of
from leaderboard.table import Comparison, Leaderboard, Row, Table

FORMAT: Final = "roast-bench leaderboard"
"""What a document says it is."""

DOCUMENT_VERSION: Final = 1
"""Version of the document's schema; raised whenever an old reader would misread a new document."""

_LONGEST = 256 * 2**20
"""Bytes of a document that is read: a hundred thousand records."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DocumentData(_Part):
    """Data that every record of a table used."""

    rows: int
    sha256: str = Field(description="hash of the texts and labels used, in order")


class DocumentRecord(_Part):
    """One record behind a row."""

    seed: int
    config_hash: str
    suite: str
    started: str = Field(description="UTC, ISO 8601")
    version: str = Field(description="of roast-bench")
    commit: str | None
    dirty: bool | None = Field(description="whether there were uncommitted changes")
    checksum: str | None = Field(description="sha256 of the record but for this")
    values: dict[str, float | None] = Field(description="column → score of this seed")


class DocumentValue(_Part):
    """One score of one row, over its seeds."""

    mean: float | None
    deviation: float | None = Field(description="sample standard deviation; null with fewer than two seeds")
    seeds: int


class DocumentComparison(_Part):
    """How a row differs from another in one column."""

    other: str
    difference: float | None
    low: float | None = Field(description="lower end of the 95 % interval of the difference")
    high: float | None
    p: float | None = Field(description="two-sided, Holm-corrected over the rows of the table")
    significant: bool


class DocumentRow(_Part):
    """One method with one set of hyper-parameters."""

    label: str
    method: str
    hyper_parameters: Any
    seeds: tuple[int, ...]
    values: dict[str, DocumentValue] = Field(description="by the key of the column")
    delta: float | None = Field(description="average relative improvement over vanilla, percent")
    rank: float | None = Field(description="mean of the ranks in the five perspectives")
    cost: float | None = Field(description="training time over vanilla's")
    incomplete: tuple[str, ...] = Field(description="why the row takes no part in ranks")
    selected_on_reported: bool
    against_baseline: dict[str, DocumentComparison] = Field(description="by the key of the column, and delta")
    against_best: dict[str, DocumentComparison]
    records: tuple[DocumentRecord, ...] = Field(description="one per seed")


class DocumentColumn(_Part):
    """One scored column."""

    key: str
    name: str
    unit: str
    higher_is_better: bool
    covers: tuple[str, ...]
    on_part: tuple[str, ...] = Field(description="which of them are partial or sampled")


class DocumentTable(_Part):
    """Rows that may be compared."""

    setting: str
    suites: tuple[str, ...]
    configuration: dict[str, str] = Field(description="what all rows have in common: dotted key → value")
    data: dict[str, DocumentData] = Field(description="training data and evaluation sets")
    covers: dict[str, tuple[str, ...]] = Field(description="perspective → sets or attacks that it covers")
    attacks: tuple[tuple[str, str], ...] = Field(description="live attacks with their budget, and the set attacked")
    columns: tuple[DocumentColumn, ...]
    rows: tuple[DocumentRow, ...]
    notes: tuple[str, ...]
    versions: str


class DocumentGroup(_Part):
    """The tables of one task and backbone."""

    task: str
    backbone: str
    differences: tuple[str, ...] = Field(description="between the tables, values in their order")
    tables: tuple[DocumentTable, ...]


class DocumentFailure(_Part):
    """A cell that left no scores."""

    task: str
    backbone: str
    method: str
    seed: int
    kind: str
    message: str


class Document(_Part):
    """A whole leaderboard."""

    format: Literal["roast-bench leaderboard"] = FORMAT
    version: Literal[1] = DOCUMENT_VERSION
    filters: tuple[str, ...] = Field((), description="what was asked to be left out of it; empty for a whole one")
    groups: tuple[DocumentGroup, ...]
    failures: tuple[DocumentFailure, ...]


def document_of(leaderboard: Leaderboard, filters: tuple[str, ...] = ()) -> Document:
    """The document of a leaderboard; what is no finite number becomes null.

    Args:
        leaderboard: what it is to hold.
        filters: what was left out of the leaderboard, in words.
    """
    return Document(
        filters=filters,
        groups=tuple(
            DocumentGroup(
                task=group.task,
                backbone=group.backbone,
                differences=group.differences,
                tables=tuple(map(_table, group.tables)),
            )
            for group in leaderboard.groups
        ),
        failures=tuple(
            DocumentFailure(
                task=cell.task,
                backbone=cell.backbone,
                method=cell.method,
                seed=cell.seed,
                kind=cell.kind,
                message=cell.message,
            )
            for cell in leaderboard.failures
        ),
    )


def render_json(leaderboard: Leaderboard, filters: tuple[str, ...] = ()) -> str:
    """The document as ASCII text with sorted keys, with a line break at its end."""
    values = document_of(leaderboard, filters).model_dump(mode="python")
    return json.dumps(values, sort_keys=True, indent=1, allow_nan=False) + "\n"


def read_document(path: Path) -> Document:
    """Read and validate a document.

    Raises:
        RecordError: the file cannot be read or is no such document; the message names it and says what is wrong.
    """
    try:
        text = read_bounded(path, _LONGEST)
        content = from_json(text, allow_inf_nan=False)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise RecordError(f"{path}: is not JSON ({error}).") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise RecordError(f"{path}: is no leaderboard.json, for its format is not {FORMAT!r}.")
    if content.get("version") != DOCUMENT_VERSION or isinstance(content["version"], bool):
        version = one_line(repr(content.get("version")))
        raise RecordError(f"{path}: version is {version}, this roast-bench reads {DOCUMENT_VERSION}.")
    try:
        document = Document.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = one_line(".".join(str(part) for part in first["loc"])) or "the document"
        raise RecordError(f"{path}: {where}: {first['msg']}.") from None
    if (twice := _repeated(document)) is not None:
        raise RecordError(f"{path}: holds {one_line(twice)} twice.")
    return document


def _repeated(document: Document) -> str | None:
    """The first group, table of a group, or row of a table that is there more than once."""
    names = []
    for group in document.groups:
        of_group = f"{group.task}, {group.backbone}"
        names.append(of_group)
        for table in group.tables:
            of_table = f"{of_group}, setting {table.setting}"
            names.append(of_table)
            names += [f"{of_table}, {row.method} {canonical(row.hyper_parameters)}" for row in table.rows]
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _table(table: Table) -> DocumentTable:
    setting = setting_of(table.rows[0].records[0])
    return DocumentTable(
        setting=table.setting,
        suites=table.suites,
        configuration={one_line(key): one_line(value, 400) for key, value in setting.configuration.items()},
        data={
            one_line(name): DocumentData(rows=rows, sha256=one_line(of)) for name, (of, rows) in setting.data.items()
        },
        covers={key: tuple(map(one_line, names)) for key, names in setting.covers.items()},
        attacks=tuple((one_line(column, 400), one_line(attacked)) for column, attacked in setting.attacks),
        columns=tuple(
            DocumentColumn(
                key=column.key,
                name=column.name,
                unit=column.unit,
                higher_is_better=column.higher_is_better,
                covers=column.covers,
                on_part=column.on_part,
            )
            for column in table.columns
        ),
        rows=tuple(_row(row, table) for row in table.rows),
        notes=table.notes,
        versions=table.versions,
    )


def _row(row: Row, table: Table) -> DocumentRow:
    return DocumentRow(
        label=row.label,
        method=row.method,
        hyper_parameters=_parsed(row.hyper_parameters),
        seeds=row.seeds,
        values={
            key: DocumentValue(mean=_finite(value.mean), deviation=_finite(value.deviation), seeds=value.seeds)
            for key, value in row.values.items()
        },
        delta=_finite(row.delta),
        rank=_finite(row.rank),
        cost=_finite(row.cost),
        incomplete=row.incomplete,
        selected_on_reported=row.selected_on_reported,
        against_baseline=_comparisons(row.against_baseline),
        against_best=_comparisons(row.against_best),
        records=tuple(_record(record, table) for record in row.records),
    )


def _comparisons(comparisons: Mapping[str, Comparison]) -> dict[str, DocumentComparison]:
    return {
        key: DocumentComparison(
            other=one.other,
            difference=_finite(one.difference),
            low=_finite(one.low),
            high=_finite(one.high),
            p=_finite(one.p),
            significant=one.significant,
        )
        for key, one in comparisons.items()
    }


def _record(record: Record, table: Table) -> DocumentRecord:
    return DocumentRecord(
        seed=record.cell.seed,
        config_hash=record.cell.config_hash,
        suite=one_line(record.cell.suite),
        started=one_line(record.started),
        version=one_line(record.code.version),
        commit=None if record.code.commit is None else one_line(record.code.commit),
        dirty=record.code.dirty,
        checksum=None if record.checksum is None else one_line(record.checksum),
        values={column.key: score_of(record, column).value for column in table.columns},
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _parsed(text: str) -> Any:
    """JSON text as values; the text itself where it holds what JSON has no number for."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except ValueError:
        return text
