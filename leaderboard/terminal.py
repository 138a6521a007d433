"""The leaderboard as plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from leaderboard.layout import READING, direction_and_unit, entries, legend, partial_mark
from leaderboard.table import Column, FailedCell, Leaderboard, Table

WIDTH = 120
"""Columns that a table with the five perspectives and short names stays within."""

_LABEL_WIDTH = 24


def render_terminal(leaderboard: Leaderboard) -> str:
    """The leaderboard's tables, legends and failed cells as plain text.

    Tables with the five perspectives aim at :data:`WIDTH` columns; columns of further live attacks make them
    wider. The budget of an attack is in the legend. There is no line break at the end.
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
    lines = max(len(column.short) for column in table.columns)
    headings = [_heading(column, lines) for column in table.columns]
    grid = tabulate(
        [[textwrap.fill(row[0].text, _LABEL_WIDTH), *(entry.text for entry in row[1:])] for row in entries(table)],
        headers=["method", *headings, _stacked(["Δ"], "↑ %", lines), _stacked(["rank"], "↓", lines), "seeds"],
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", *["right"] * (len(headings) + 2), "left"),
    )
    title = f"{table.task}, {table.backbone} (suite {', '.join(table.suites)}; setting {table.setting})"
    return f"{title}\n\n{grid}\n\n{_lines([*legend(table), *table.notes])}"


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
