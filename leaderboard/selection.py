"""Parts of a leaderboard, and other orders of its rows; no number in it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from leaderboard.layout import direction_and_unit
from leaderboard.record import PERSPECTIVES
from leaderboard.setting import differences, setting_of
from leaderboard.table import Column, Group, Leaderboard, Row, Table

SORTED_BY_DEFAULT = "rank"

OF_EVERY_TABLE = ("rank", "delta", "cost", "method")
"""What every table can be sorted by, beside its columns."""


class SelectionError(ValueError):
    """Nothing is left, or a heading is one of several; the message says what there is."""


class UnknownColumnError(SelectionError):
    """No table has a column of that name to sort by."""


@dataclass(frozen=True)
class Selection:
    """What to show of a leaderboard."""

    tasks: tuple[str, ...] | None = None
    """None stands for all."""
    backbones: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    sort: str = SORTED_BY_DEFAULT
    """``rank``, ``delta``, ``cost``, ``method``, the key of a column, or a part of its heading."""

    @property
    def filters(self) -> tuple[str, ...]:
        """What leaves something out, in words."""
        named = {"task": self.tasks, "backbone": self.backbones, "methods": self.methods}
        return tuple(f"{what}: {', '.join(names)}" for what, names in named.items() if names is not None)


def names_in(leaderboard: Leaderboard) -> dict[str, set[str]]:
    """The tasks, backbones and methods of a leaderboard, those of failed cells too."""
    cells = leaderboard.failures
    return {
        "task": {group.task for group in leaderboard.groups} | {cell.task for cell in cells},
        "backbone": {group.backbone for group in leaderboard.groups} | {cell.backbone for cell in cells},
        "method": {row.method for table in leaderboard.tables for row in table.rows} | {cell.method for cell in cells},
    }


def sort_names(leaderboard: Leaderboard) -> list[str]:
    """What the tables can be sorted by: `OF_EVERY_TABLE` and the keys of their columns."""
    keys = {column.key for table in leaderboard.tables for column in table.columns}
    return [*OF_EVERY_TABLE, *(key for key in PERSPECTIVES if key in keys), *sorted(keys.difference(PERSPECTIVES))]


def selected(leaderboard: Leaderboard, selection: Selection) -> Leaderboard:
    """The tables, rows and failed cells asked for, in the order asked for.

    Δ, ranks, costs and comparisons stay those of the whole tables, whatever is left out; a note in the table says so.
    A table whose rows are all left out is left out.

    Raises:
        UnknownColumnError: no table has a column of that name to sort by.
        SelectionError: nothing is left, or a table has several columns of that name.
    """

    def wanted(task: str, backbone: str) -> bool:
        return (selection.tasks is None or task in selection.tasks) and (
            selection.backbones is None or backbone in selection.backbones
        )

    groups = [
        part
        for group in leaderboard.groups
        if wanted(group.task, group.backbone) and (part := _rows_of(group, selection.methods)) is not None
    ]
    failures = tuple(
        cell
        for cell in leaderboard.failures
        if wanted(cell.task, cell.backbone) and (selection.methods is None or cell.method in selection.methods)
    )
    if selection.filters and not groups and not failures:
        there = ", ".join(f"{group.task} with {group.backbone}" for group in leaderboard.groups)
        raise SelectionError(f"{'; '.join(selection.filters)} leaves no row; there is: {there or 'none'}.")
    found = Leaderboard(groups=tuple(groups), failures=failures)
    return found if selection.sort == SORTED_BY_DEFAULT else _sorted(found, selection.sort)


def _rows_of(group: Group, methods: Sequence[str] | None) -> Group | None:
    """The group with the rows of these methods alone; None where it has none."""
    if methods is None:
        return group
    tables = tuple(table for table in (_table_of(table, methods) for table in group.tables) if table.rows)
    if not tables:
        return None
    if len(tables) == len(group.tables):
        return replace(group, tables=tables)
    settings = [setting_of(table.rows[0].records[0]) for table in tables]
    return replace(group, tables=tables, differences=tuple(differences(settings)))


def _table_of(table: Table, methods: Sequence[str]) -> Table:
    rows = tuple(row for row in table.rows if row.method in methods)
    if len(rows) == len(table.rows):
        return table
    note = (
        f"{len(rows)} of {len(table.rows)} rows are shown; Δ, rank, cost and significance are those among all of them, "
        "bold is the best of those shown."
    )
    return replace(table, rows=rows, records=sum(len(row.records) for row in rows), notes=(*table.notes, note))


def _sorted(leaderboard: Leaderboard, name: str) -> Leaderboard:
    orders = [[_order(table, name) for table in group.tables] for group in leaderboard.groups]
    if not any(order for of_group in orders for order in of_group):
        raise UnknownColumnError(f"no table has a column {name!r}")
    return replace(
        leaderboard,
        groups=tuple(
            replace(
                group,
                tables=tuple(
                    replace(
                        table,
                        rows=tuple(sorted(table.rows, key=order.key)),
                        notes=(*table.notes, f"Sorted by {order.name}."),
                    )
                    if order
                    else table
                    for table, order in zip(group.tables, of_group, strict=True)
                ),
            )
            for group, of_group in zip(leaderboard.groups, orders, strict=True)
        ),
    )


@dataclass(frozen=True)
class _Order:
    """An order of rows."""

    name: str
    key: Callable[[Row], tuple[bool, float | str]]
    """Best first, undefined last; the order that there was settles the rest."""


def _order(table: Table, name: str) -> _Order | None:
    """How to sort a table; None where it has nothing of that name."""
    match name.casefold():
        case "rank":
            return _Order("rank", lambda row: _best_first(row.rank, False))
        case "delta" | "δ":
            return _Order("Δ", lambda row: _best_first(row.delta, True))
        case "cost":
            return _Order("cost", lambda row: _best_first(row.cost, False))
        case "method":
            return _Order("method", lambda row: (False, row.label.casefold()))
    column = _column(table, name)
    if column is None:
        return None
    key, higher_is_better = column.key, column.higher_is_better
    return _Order(
        f"{column.name} ({direction_and_unit(column)})", lambda row: _best_first(row.values[key].mean, higher_is_better)
    )


def _column(table: Table, name: str) -> Column | None:
    """The column of that key, or the only one with that in its heading: of live attacks first, then of the five."""
    part = name.casefold()
    for column in table.columns:
        if part == column.key.casefold():
            return column
    attacks = [column for column in table.columns if column.key not in PERSPECTIVES]
    for columns in (attacks, table.columns):
        found = [column for column in columns if part in column.name.casefold() or part in column.key.casefold()]
        if len(found) > 1:
            raise SelectionError(f"{name!r} is in several headings: {_listed(found)}")
        if found:
            return found[0]
    return None


def _best_first(value: float | None, higher_is_better: bool) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else -value if higher_is_better else value


def _listed(columns: Iterable[Column]) -> str:
    return "; ".join(column.key for column in columns)
