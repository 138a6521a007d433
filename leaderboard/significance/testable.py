"""Which rows hold the single predictions that a comparison needs, and what the others lack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from leaderboard.one_line import one_line
from leaderboard.record import Record
from leaderboard.significance.column_sources import Source, absent, unusable
from leaderboard.table import Column, Row

_Positions = dict[str, list[int]]
"""Column key → rows, by their position."""


def testable_rows(
    rows: Sequence[Row], columns: Sequence[Column], sources: Mapping[str, Sequence[Source]]
) -> tuple[_Positions, list[str]]:
    """Rows that can be compared in each column, and at most two notes on those that cannot.

    Args:
        rows: that may be compared.
        columns: of their table.
        sources: column key → what its value is the mean of.

    Returns:
        Column key → positions in ``rows``, two or more, in order; columns without two such rows are absent.
    """
    first = rows[0].records[0]
    having = {
        column.key: [at for at, row in enumerate(rows) if row.values[column.key].mean is not None] for column in columns
    }
    named = {name for of_column in sources.values() for source in of_column for name in (source.name, source.against)}
    having, notes = _without(rows, columns, sources, having, absent, partial(_no_predictions, len(named - {""})))
    # Reading them takes time, which is lost where there are not two rows to compare.
    if any(len(positions) > 1 for positions in having.values()):
        having, more = _without(rows, columns, sources, having, partial(unusable, reference=first), "; ".join)
        notes += more
    return {key: positions for key, positions in having.items() if len(positions) > 1 and sources[key]}, notes


def _without(
    rows: Sequence[Row],
    columns: Sequence[Column],
    sources: Mapping[str, Sequence[Source]],
    having: _Positions,
    lacks: Callable[[Record, Source], list[str]],
    reason: Callable[[list[str]], str],
) -> tuple[_Positions, list[str]]:
    """What is left where rows are left out of the columns in which they lack something, and a note on those."""

    @cache
    def of_row(at: int, source: Source) -> frozenset[str]:
        return frozenset(name for record in rows[at].records for name in lacks(record, source))

    lacking: dict[int, dict[str, set[str]]] = defaultdict(dict)
    for key, positions in having.items():
        for at in positions:
            if found := {name for source in sources[key] for name in of_row(at, source)}:
                lacking[at][key] = found
    left = {key: [at for at in positions if key not in lacking.get(at, {})] for key, positions in having.items()}

    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, of_columns in sorted(lacking.items()):
        values = [column.name for column in columns if at in having[column.key]]
        without = [column.name for column in columns if column.key in of_columns]
        where = f" in {', '.join(without)}" if len(without) < len(values) else ""
        alike[where, reason(sorted(set().union(*of_columns.values())))].append(at)
    parts = []
    for (where, why), positions in alike.items():
        who = "all rows" if len(positions) == len(rows) else ", ".join(sorted(rows[at].label for at in positions))
        parts.append(f"{who}{where} ({why})")
    return left, [f"Not tested for significance: {'; '.join(sorted(parts))}."] if parts else []


def _no_predictions(named: int, lacking: list[str]) -> str:
    names = "any set" if len(lacking) == named else ", ".join(map(one_line, lacking))
    return f"the records hold no single predictions of {names}"
