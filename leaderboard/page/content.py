"""What the page shows of each table, cell by cell."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaderboard.layout import Entry, below, direction_and_unit, entries, partial_mark, shows_cost
from leaderboard.one_line import one_line
from leaderboard.page.behind_a_row import BehindARow, behind_a_row
from leaderboard.record import DataFingerprint
from leaderboard.slug import slug
from leaderboard.table import DELTA, Column, Comparison, Group, Leaderboard, Row, Table


@dataclass(frozen=True)
class Heading:
    """Of one column of numbers."""

    lines: tuple[str, ...]
    """In short lines."""
    direction: str
    """The arrow that points to better, and the unit."""
    title: str
    """The heading in full."""
    higher_is_better: bool


@dataclass(frozen=True)
class Cell:
    """One number of a row."""

    entry: Entry
    order: str
    """What it is sorted by; empty where it is undefined."""
    title: str
    """How it compares with vanilla, in words; empty where it was not compared."""


@dataclass(frozen=True)
class ShownRow:
    """One row, and what lies behind it."""

    id: str
    label: str
    """With its marks."""
    search: str
    """What a search looks through: the label and the hyper-parameters."""
    cells: tuple[Cell, ...]
    seeds: str
    number_of_seeds: int
    behind: BehindARow


@dataclass(frozen=True)
class ShownData:
    """One evaluation set, or part of the training data."""

    name: str
    role: str
    rows: str
    sha256: str


@dataclass(frozen=True)
class Picture:
    """One picture, as a URL that holds it."""

    title: str
    url: str


@dataclass(frozen=True)
class ShownTable:
    """One table."""

    id: str
    setting: str
    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[ShownRow, ...]
    notes: tuple[str, ...]
    data: tuple[ShownData, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class ShownGroup:
    """One tab."""

    id: str
    task: str
    backbone: str
    differences: tuple[str, ...]
    tables: tuple[ShownTable, ...]


def groups_of(leaderboard: Leaderboard, pictures: Mapping[str, Mapping[str, bytes]]) -> list[ShownGroup]:
    """One for each task and backbone.

    Args:
        leaderboard: what to show.
        pictures: setting id → kind → SVG.
    """
    taken: set[str] = set()
    return [
        _group(group, _unused(f"{slug(group.task)}-{slug(group.backbone)}", taken), pictures)
        for group in leaderboard.groups
    ]


def _unused(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken; it counts as taken from then on."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found)
    return found


def _group(group: Group, identity: str, pictures: Mapping[str, Mapping[str, bytes]]) -> ShownGroup:
    return ShownGroup(
        id=identity,
        task=group.task,
        backbone=group.backbone,
        differences=group.differences,
        tables=tuple(_table(table, identity, pictures.get(table.setting, {})) for table in group.tables),
    )


def _table(table: Table, group: str, pictures: Mapping[str, bytes]) -> ShownTable:
    identity = f"{group}:{table.setting}"
    of_rows = zip(table.rows, entries(table), strict=True)
    return ShownTable(
        id=identity,
        setting=table.setting,
        caption=f"{table.task}, {table.backbone}, setting {table.setting}",
        headings=(
            *(_heading(column) for column in table.columns),
            Heading(("Δ",), "↑ %", "Δ: average relative improvement over vanilla", True),
            Heading(("rank",), "↓", "rank: mean of the ranks in the five perspectives", False),
            *([Heading(("cost",), "↓", "cost: training time over vanilla's", False)] if shows_cost(table) else []),
        ),
        rows=tuple(_row(row, cells, table, f"{identity}:{place}") for place, (row, cells) in enumerate(of_rows, 1)),
        notes=tuple(below(table)),
        data=_data(table),
        pictures=tuple(Picture(_title(kind), _url(svg)) for kind, svg in pictures.items()),
    )


def _heading(column: Column) -> Heading:
    first, *rest = column.short
    return Heading(
        lines=(f"{first}{partial_mark(column)}", *rest),
        direction=direction_and_unit(column),
        title=f"{column.name}: {', '.join(column.covers) or 'nothing'}",
        higher_is_better=column.higher_is_better,
    )


def _row(row: Row, shown: Sequence[Entry], table: Table, identity: str) -> ShownRow:
    label, *cells, seeds = shown
    keys: list[str | None] = [*(column.key for column in table.columns), DELTA, None]
    numbers = [*(row.values[column.key].mean for column in table.columns), row.delta, row.rank]
    if shows_cost(table):
        keys.append(None)
        numbers.append(row.cost)
    return ShownRow(
        id=identity,
        label=label.text,
        search=one_line(f"{row.label} {row.hyper_parameters}", 400),
        cells=tuple(
            Cell(
                entry=entry,
                order="" if number is None else f"{number:.9g}",
                title=_compared(row.against_baseline.get(key) if key else None),
            )
            for entry, key, number in zip(cells, keys, numbers, strict=True)
        ),
        seeds=seeds.text,
        number_of_seeds=len(row.seeds),
        behind=behind_a_row(row, table),
    )


def _compared(found: Comparison | None) -> str:
    if found is None:
        return ""
    interval = f"95 % interval {found.low:+z.2f} to {found.high:+z.2f}"
    return f"{found.difference:+z.2f} against {found.other}, {interval}, p {found.p:.3f}"


def _data(table: Table) -> tuple[ShownData, ...]:
    """Every row of a table used the same data, so the first record tells."""
    record = table.rows[0].records[0]
    training = [
        ShownData(one_line(name), "training data", _rows(used), one_line(used.sha256))
        for name, used in record.training_data.items()
    ]
    evaluation = [
        ShownData(one_line(name), used.role, _rows(used), one_line(used.sha256))
        for name, used in record.evaluation_sets.items()
    ]
    missing = [
        ShownData(one_line(name), f"missing: {one_line(why)}", "–", "") for name, why in record.missing_sets.items()
    ]
    return (*training, *evaluation, *missing)


def _rows(used: DataFingerprint) -> str:
    return f"{used.rows:,}" + (f" of {used.rows_available:,}" if used.rows < used.rows_available else "")


def _title(kind: str) -> str:
    return kind.replace("-", " ").capitalize()


def _url(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
