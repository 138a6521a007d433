"""The leaderboard as plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from leaderboard.layout import READING, Entry, direction_and_unit, entries, legend, partial_mark, shows_cost
from leaderboard.table import Column, FailedCell, Leaderboard, Table

WIDTH = 120
"""Columns that a table with the five perspectives and short names stays within."""

_WIDE_LABEL, _NARROW_LABEL = 24, 16

_NO_ROOM = "The column cost has no room here; it is in every file that is written."


def render_terminal(leaderboard: Leaderboard) -> str:
    """The leaderboard's tables, legends and failed cells as plain text.

    Tables with the five perspectives aim at :data:`WIDTH` columns, for which they give up spaces around ±, then the
    cost column, then long lines in labels; columns of further live attacks make them wider. The budget of an attack
    is in the legend. There is no line break at the end.
    """
    parts = []
    for group in leaderboard.groups:
        if len(group.tables) > 1:
            parts.append(
                f"{group.task}, {group.backbone}: {len(group.tables)} tables, "
                "whose rows may not be compared with each other\n" + _lines(group.differences)
            )
        parts += [_table(table) for table in group.tables]
    if leaderboard.groups:
        parts.append(textwrap.fill(READING, WIDTH))
    if leaderboard.failures:
        parts.append(_failures(leaderboard.failures))
    return "\n\n".join(parts)


def _table(table: Table) -> str:
    for layout in (
        _Layout(),
        _Layout(around_deviation="±"),
        _Layout(around_deviation="±", cost=False),
        _Layout(around_deviation="±", cost=False, label=_NARROW_LABEL),
    ):
        grid = _grid(table, layout)
        if max(map(len, grid.splitlines())) <= WIDTH:
            break
    title = f"{table.task}, {table.backbone} (suite {', '.join(table.suites)}; setting {table.setting})"
    left_out = [_NO_ROOM] if shows_cost(table) and not layout.cost else []
    return f"{title}\n\n{grid}\n\n{_lines([*legend(table), *table.notes, *left_out])}"


@dataclass(frozen=True)
class _Layout:
    """How much room a table takes."""

    around_deviation: str = " ± "
    cost: bool = True
    label: int = _WIDE_LABEL


def _grid(table: Table, layout: _Layout) -> str:
    lines = max(len(column.short) for column in table.columns)
    headings = [_heading(column, lines) for column in table.columns]
    headings += [_stacked(["Δ"], "↑ %", lines), _stacked(["rank"], "↓", lines)]
    rows = entries(table)
    if shows_cost(table):
        headings.append(_stacked(["cost"], "↓", lines))
        if not layout.cost:
            headings.pop()
            rows = [[*row[:-2], row[-1]] for row in rows]
    numbers = [_numbers(column, layout) for column in list(zip(*rows, strict=True))[1:-1]]
    labels = [textwrap.fill(row[0].text, layout.label) for row in rows]
    seeds = [row[-1].text for row in rows]
    return tabulate(
        list(zip(labels, *numbers, seeds, strict=True)),
        headers=["method", *headings, "seeds"],
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", *["right"] * len(headings), "left"),
    )


def _numbers(column: Sequence[Entry], layout: _Layout) -> list[str]:
    """The numbers of a column with their marks, which take the same room in all of its rows."""
    room = max(len(entry.marks) for entry in column)
    return [entry.text.replace(" ± ", layout.around_deviation) + entry.marks.ljust(room) for entry in column]


def _heading(column: Column, lines: int) -> str:
    *above, last = column.short
    return _stacked([*above, last + partial_mark(column)], direction_and_unit(column), lines)


def _stacked(names: Sequence[str], below: str, lines: int) -> str:
    """Names at the top, direction and unit on the line after the table's longest name."""
    return "\n".join([*names, *[""] * (lines - len(names)), below])


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="    ") for line in lines)


def _failures(failures: Iterable[FailedCell]) -> str:
    lines = [
        f"{cell.task}, {cell.backbone}, {cell.method}, seed {cell.seed}: {cell.kind}: {cell.message}"
        for cell in failures
    ]
    return "Failed cells\n" + _lines(lines)
