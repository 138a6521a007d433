"""The leaderboard as CSV, one line per row of its tables."""

from __future__ import annotations

import csv
import io

from leaderboard.aggregate import BASELINE
from leaderboard.record import PERSPECTIVES
from leaderboard.table import DELTA, Comparison, Leaderboard, Row, Table

_DIFFERENCE = ("", "_low", "_high", "_p")

_COMPARED = (*(f"vs_{BASELINE}{part}" for part in _DIFFERENCE), "best", *(f"vs_best{part}" for part in _DIFFERENCE))
"""What there is of each comparison; the names follow the column's."""

_FORMULA_START = tuple("=+-@＝＋－＠\t\r")


def render_csv(leaderboard: Leaderboard) -> str:
    """All rows of all tables as CSV with a header; lines end in a line feed.

    Scores and Δ are in percent with six decimals, undefined ones empty. Live attacks have columns headed by recipe
    and budget, empty in the rows of tables without that attack. Texts that a spreadsheet would take for a formula
    get a leading apostrophe, each of a list too: some spreadsheets split cells at its semicolons.

    ``_t95`` is half the width of the 95 % t interval over seeds. ``_vs_vanilla`` and ``_vs_best`` are differences in
    percentage points (the row less the other; in percent of Δ), with the paired bootstrap's 95 % interval and its
    two-sided p, Holm-corrected over the rows of the table; ``_best`` names the best row, which has none itself.
    """
    # By name: the same attack and budget in several tables is one column, though a table's own key has the set.
    attacks = sorted(
        {column.name for table in leaderboard.tables for column in table.columns if column.key not in PERSPECTIVES}
    )
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([_text(heading) for heading in _header(attacks)])
    for table in leaderboard.tables:
        for row in table.rows:
            writer.writerow(_line(table, row, attacks))
    return target.getvalue()


def _header(attacks: list[str]) -> list[str]:
    header = ["task", "backbone", "setting", "suites", "row", "method", "hyper_parameters", "rank", "delta"]
    for key in PERSPECTIVES:
        header += [key, f"{key}_sd", f"{key}_n", f"{key}_covers", f"{key}_on_part"]
    header += ["seeds_n", "seeds", "selected_on_reported"]
    for name in attacks:
        header += [name, f"{name} sd", f"{name} n"]
    header += ["cost", "incomplete"]
    for key in PERSPECTIVES:
        header += [f"{key}_t95", *(f"{key}_{part}" for part in _COMPARED)]
    header += [f"{DELTA}_{part}" for part in _COMPARED]
    for name in attacks:
        header += [f"{name} t95", *(f"{name} {part.replace('_', ' ')}" for part in _COMPARED)]
    return header


def _line(table: Table, row: Row, attacks: list[str]) -> list[str]:
    texts = (table.task, table.backbone, table.setting, ", ".join(table.suites), row.label, row.method)
    line = [*(_text(text) for text in texts), _text(row.hyper_parameters), _number(row.rank), _number(row.delta)]
    columns = {column.key: column for column in table.columns}
    for key in PERSPECTIVES:
        line += _scores(row, key)
        line += ["; ".join(map(_text, texts)) for texts in (columns[key].covers, columns[key].on_part)]
    line += [str(len(row.seeds)), " ".join(map(str, row.seeds)), str(row.selected_on_reported).lower()]
    keys = {column.name: column.key for column in table.columns}
    for name in attacks:
        line += _scores(row, keys[name]) if name in keys else ["", "", ""]
    line += [_number(row.cost), "; ".join(row.incomplete)]
    for key in PERSPECTIVES:
        line += [_number(row.values[key].half_width), *_compared(row, key)]
    line += _compared(row, DELTA)
    for name in attacks:
        scored = keys.get(name)
        line += (
            [_number(row.values[scored].half_width), *_compared(row, scored)] if scored else [""] * (1 + len(_COMPARED))
        )
    return line


def _compared(row: Row, key: str) -> list[str]:
    """In the order of `_COMPARED`."""
    baseline, best = row.against_baseline.get(key), row.against_best.get(key)
    return [*_comparison(baseline), "" if best is None else _text(best.other), *_comparison(best)]


def _comparison(found: Comparison | None) -> list[str]:
    if found is None:
        return [""] * 4
    return [_number(value) for value in (found.difference, found.low, found.high, found.p)]


def _scores(row: Row, key: str) -> list[str]:
    value = row.values[key]
    return [_number(value.mean), _number(value.deviation), str(value.seeds)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _text(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_START) else text
