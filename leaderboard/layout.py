"""What a rendered table shows, cell by cell, before a format dresses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leaderboard.record import PERSPECTIVES
from leaderboard.table import Column, Row, Table, Value

UNDEFINED = "–"
"""Stands for a value that does not exist; never a number."""

PARTIAL = "*"
"""Marks the heading of a column that covers partial or sampled data."""

SELECTED_ON_REPORTED = "†"
"""Marks the label of a row whose kept epoch was chosen on a reported set."""

READING = (
    "Δ: average relative improvement over vanilla in the five perspectives, percent. "
    "rank: mean of the ranks in the five perspectives, 1 is best. "
    "±: sample standard deviation over seeds. –: undefined."
)
"""How to read every table."""

_UNITS = {"percent": "%"}


@dataclass(frozen=True)
class Entry:
    """One cell of a rendered table."""

    text: str
    best: bool = False
    """Whether no other row shows a better value in this column."""


def partial_mark(column: Column) -> str:
    """``*`` where the column covers partial data, else nothing."""
    return PARTIAL if column.on_part else ""


def direction_and_unit(column: Column) -> str:
    """The arrow that points to better, and the unit."""
    return f"{'↑' if column.higher_is_better else '↓'} {_UNITS.get(column.unit, column.unit)}"


def label_of(row: Row) -> str:
    """The row's label with its mark."""
    return row.label + (SELECTED_ON_REPORTED if row.selected_on_reported else "")


def seeds_of(row: Row) -> str:
    """Number of seeds and which, runs of three or more shortened: ``4 (1–3, 7)``."""
    runs: list[list[int]] = []
    for seed in row.seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    parts = [f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return f"{len(row.seeds)} ({', '.join(parts)})"


def entries(table: Table) -> list[list[Entry]]:
    """Rows of cells: label, the scored columns, Δ, rank, seeds. Numbers have two decimals."""
    scored = [_scored_entries(table, column) for column in table.columns]
    delta = _marked([row.delta for row in table.rows], lambda value: f"{value:+.2f}" if value else "0.00", True)
    rank = _marked([row.rank for row in table.rows], lambda value: f"{value:.2f}", False)
    return [
        [
            Entry(label_of(row)),
            *(column[position] for column in scored),
            delta[position],
            rank[position],
            Entry(seeds_of(row)),
        ]
        for position, row in enumerate(table.rows)
    ]


def legend(table: Table) -> list[str]:
    """Lines on what the columns cover and on every mark that the table uses."""
    lines = []
    for column in table.columns:
        covers = ", ".join(column.covers) or "nothing"
        # A perspective's heading may hold the attacks it covers, which would be said twice.
        own = column.key in PERSPECTIVES
        lines.append(f"{column.key}: {covers}" if own else f"{column.name}: accuracy under attack on {covers}")
    on_part = sorted({part for column in table.columns for part in column.on_part})
    if on_part:
        lines.append(f"{PARTIAL} on part of the data: {'; '.join(on_part)}.")
    if any(row.selected_on_reported for row in table.rows):
        lines.append(f"{SELECTED_ON_REPORTED} kept epoch chosen on a reported set.")
    return lines


def _scored_entries(table: Table, column: Column) -> list[Entry]:
    values = [row.values[column.key] for row in table.rows]
    marked = _marked([value.mean for value in values], lambda mean: f"{mean:.2f}", column.higher_is_better)
    return [Entry(entry.text + _deviation(value), entry.best) for entry, value in zip(marked, values, strict=True)]


def _deviation(value: Value) -> str:
    return "" if value.deviation is None else f" ± {value.deviation:.2f}"


def _marked(values: Sequence[float | None], shown: Callable[[float], str], higher_is_better: bool) -> list[Entry]:
    """Cells with the best ones marked: all that look equal to the best, none where nothing competes."""
    rounded = [None if value is None else _rounded(value) for value in values]
    known = [value for value in rounded if value is not None]
    best = (max(known) if higher_is_better else min(known)) if len(known) > 1 else None
    return [
        Entry(UNDEFINED) if value is None else Entry(shown(value), best is not None and value == best)
        for value in rounded
    ]


def _rounded(value: float) -> float:
    return round(value, 2) + 0.0  # + 0.0 turns −0.0 into 0.0
