"""The leaderboard as CSV, one line per row of its tables."""

from __future__ import annotations

import csv
import io

from leaderboard.record import PERSPECTIVES
from leaderboard.table import Leaderboard, Row, Table

_FORMULA_START = tuple("=+-@＝＋－＠\t\r")


def render_csv(leaderboard: Leaderboard) -> str:
    """All rows of all tables as CSV with a header; lines end in a line feed.

    Scores and Δ are in percent with six decimals, undefined ones empty. Live attacks have columns headed by recipe
    and budget, empty in the rows of tables without that attack. Texts that a spreadsheet would take for a formula
    get a leading apostrophe, each of a list too: some spreadsheets split cells at its semicolons.
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
    return line


def _scores(row: Row, key: str) -> list[str]:
    value = row.values[key]
    return [_number(value.mean), _number(value.deviation), str(value.seeds)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _text(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_START) else text
