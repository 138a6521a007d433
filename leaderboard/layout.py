"""What a rendered table shows, cell by cell, before a format dresses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from leaderboard.record import PERSPECTIVES
from leaderboard.table import DELTA, SIGNIFICANT, Column, Row, Table

UNDEFINED = "–"
"""Stands for a value that does not exist; never a number."""

PARTIAL = "*"
"""Marks the heading of a column that covers partial or sampled data."""

SELECTED_ON_REPORTED = "†"
"""Marks the label of a row whose kept epoch was chosen on a reported set."""

INCOMPLETE = "‡"
"""Marks the label of a row that lacks seeds or perspectives."""

BETTER, WORSE = "▲", "▼"
"""Mark a value that is significantly better or worse than vanilla's."""

TIED = "≈"
"""Marks a value whose difference to the column's best is not significant."""

READING = (
    "Δ: average relative improvement over vanilla in the five perspectives, percent. "
    "rank: mean of the ranks in the five perspectives, 1 is best. "
    "±: sample standard deviation over seeds. –: undefined."
)
"""How to read every table."""

_FEW_SEEDS = 5

_UNITS = {"percent": "%"}


@dataclass(frozen=True)
class Entry:
    """One cell of a rendered table."""

    text: str
    """Without marks."""
    best: bool = False
    """Whether no other complete row shows a better value in this column."""
    tied_with_best: bool = False
    """Whether a worse value was compared with the best, and the difference is not significant."""
    better_than_baseline: bool = False
    """Whether it is significantly better than vanilla's."""
    worse_than_baseline: bool = False
    """Whether it is significantly worse than vanilla's."""

    @property
    def marks(self) -> str:
        """The flags as characters that every font has; that it is the best is left to the format."""
        against_baseline = BETTER if self.better_than_baseline else WORSE if self.worse_than_baseline else ""
        return against_baseline + (TIED if self.tied_with_best else "")


def partial_mark(column: Column) -> str:
    """``*`` where the column covers partial data, else nothing."""
    return PARTIAL if column.on_part else ""


def direction_and_unit(column: Column) -> str:
    """The arrow that points to better, and the unit."""
    return f"{'↑' if column.higher_is_better else '↓'} {_UNITS.get(column.unit, column.unit)}"


def label_of(row: Row) -> str:
    """The row's label with its marks."""
    return (
        row.label + (SELECTED_ON_REPORTED if row.selected_on_reported else "") + (INCOMPLETE if row.incomplete else "")
    )


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


def shows_cost(table: Table) -> bool:
    """Whether the table has a cost column: where the cost of any row is known."""
    return any(row.cost is not None for row in table.rows)


def entries(table: Table) -> list[list[Entry]]:
    """Rows of cells: label, the scored columns, Δ, rank, cost where :func:`shows_cost`, seeds.

    Scores, Δ and rank have two decimals, the cost has three significant digits or more.
    """
    scored = [_scored_entries(table, column) for column in table.columns]
    delta = _entries(table, DELTA, [row.delta for row in table.rows], shown_delta, True)
    rank = _entries(table, None, [row.rank for row in table.rows], lambda value: f"{value:.2f}", False)
    cost = [[Entry(UNDEFINED if row.cost is None else shown_cost(row.cost))] for row in table.rows]
    return [
        [
            Entry(label_of(row)),
            *(column[position] for column in scored),
            delta[position],
            rank[position],
            *(cost[position] if shows_cost(table) else []),
            Entry(seeds_of(row)),
        ]
        for position, row in enumerate(table.rows)
    ]


def shown_cost(cost: float) -> str:
    """A multiple of vanilla's training time: ``1.00×``, ``2.41×``, ``12.3×``, ``124×``."""
    decimals = 2 if cost < 9.995 else 1 if cost < 99.95 else 0
    return f"{cost:.{decimals}f}×"


def shown_delta(delta: float | None) -> str:
    """With a sign and two decimals; ``0.00`` where that is 0."""
    if delta is None:
        return UNDEFINED
    rounded = _rounded(delta)
    return f"{rounded:+.2f}" if rounded else "0.00"


def shown_score(mean: float | None, deviation: float | None) -> str:
    """``81.50 ± 0.71``, without the deviation where there is none."""
    if mean is None:
        return UNDEFINED
    return f"{_rounded(mean):.2f}" + ("" if deviation is None else f" ± {deviation:.2f}")


def below(table: Table) -> list[str]:
    """All lines below a table of a document: its legend, its notes, and where it comes from."""
    suites = f"{'Suite' if len(table.suites) == 1 else 'Suites'}: {', '.join(table.suites)}"
    return [
        *legend(table),
        *table.notes,
        f"{suites}. Records: {table.records}. Setting: {table.setting}.",
        f"{table.versions}.",
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
    incomplete = [f"{row.label} ({'; '.join(row.incomplete)})" for row in table.rows if row.incomplete]
    if incomplete:
        lines.append(f"{INCOMPLETE} incomplete, so neither ranked nor tested: {', '.join(incomplete)}.")
    return lines + _tests(table)


def _tests(table: Table) -> list[str]:
    """What the marks of significance mean and rest on."""
    compared = [row for row in table.rows if row.against_baseline or row.against_best]
    if not compared:
        return []
    comparisons = [one for row in compared for of in (row.against_baseline, row.against_best) for one in of.values()]
    replicates = max(one.replicates for one in comparisons)
    method = f"p < {SIGNIFICANT} two-sided, paired bootstrap of {replicates:,} replicates, Holm-corrected by column"
    lines = []
    if any(row.against_baseline for row in compared):
        lines.append(f"{BETTER} better, {WORSE} worse than vanilla: {method}.")
    if any(row.against_best for row in compared):
        lines.append(f"{TIED} no significant difference to the best of its column (the same test against that row).")
    compared_with = {one.other for one in comparisons}
    tested = [*compared, *(row for row in table.rows if row.label in compared_with)]
    seeds = {len(row.seeds) for row in tested if not row.incomplete}
    if max(seeds) == 1:
        lines.append("One seed: intervals and tests cover the sampling of texts alone, not that of seeds.")
    elif min(seeds) < _FEW_SEEDS:
        counts = f"{min(seeds)} to {max(seeds)}" if min(seeds) < max(seeds) else str(max(seeds))
        what = f"Intervals and tests allow for the drawing of texts and, by the t distribution, for {counts} seeds"
        lines.append(f"{what}: so few seeds show large differences alone.")
    return lines


def _scored_entries(table: Table, column: Column) -> list[Entry]:
    values = [row.values[column.key] for row in table.rows]
    means = [value.mean for value in values]
    entries = _entries(table, column.key, means, lambda mean: f"{mean:.2f}", column.higher_is_better)
    return [
        replace(entry, text=shown_score(value.mean, value.deviation))
        for entry, value in zip(entries, values, strict=True)
    ]


def _entries(
    table: Table,
    key: str | None,
    values: Sequence[float | None],
    shown: Callable[[float], str],
    higher_is_better: bool,
) -> list[Entry]:
    """Cells of one column with their flags; the best are all that look equal to the best, where anything competes.

    Args:
        table: whose rows the values are of.
        key: what comparisons of this column are keyed by; None for a column without any.
        values: one for each row.
        shown: makes text of a rounded value.
        higher_is_better: which is best.
    """
    rounded = [None if value is None else _rounded(value) for value in values]
    pairs = zip(table.rows, rounded, strict=True)
    competing = [value for row, value in pairs if value is not None and not row.incomplete]
    best = (max(competing) if higher_is_better else min(competing)) if len(competing) > 1 else None
    cells = []
    for row, value in zip(table.rows, rounded, strict=True):
        if value is None:
            cells.append(Entry(UNDEFINED))
            continue
        is_best = best is not None and value == best and not row.incomplete
        baseline = row.against_baseline.get(key) if key else None
        against_best = row.against_best.get(key) if key else None
        differs = baseline is not None and baseline.significant
        gain = baseline.difference * (1 if higher_is_better else -1) if baseline else 0.0
        cells.append(
            Entry(
                shown(value),
                best=is_best,
                tied_with_best=not is_best and against_best is not None and not against_best.significant,
                better_than_baseline=differs and gain > 0,
                worse_than_baseline=differs and gain < 0,
            )
        )
    return cells


def _rounded(value: float) -> float:
    return round(value, 2) + 0.0  # + 0.0 turns −0.0 into 0.0
