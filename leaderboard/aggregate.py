"""From records to tables: which records share one, Δ and rank."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from leaderboard.completeness import with_incomplete
from leaderboard.cost import with_cost
from leaderboard.coverage import columns_of, data_notes
from leaderboard.one_line import one_line
from leaderboard.record import PERSPECTIVES, Record
from leaderboard.rows import repeated_notes, row_of, runs_by_row, started_at, started_last, undefined_notes
from leaderboard.setting import Setting, differences, setting_id, setting_of
from leaderboard.significance.comparisons import with_comparisons
from leaderboard.table import Column, FailedCell, Group, Leaderboard, Row, Table
from leaderboard.versions import versions_of

BASELINE = "vanilla"
"""The method that Δ is relative to."""


Compare = Callable[[Sequence[Row], Sequence[Column], str], tuple[list[Row], list[str]]]
"""Adds comparisons to the rows of a table, given its columns and the baseline; beside them, notes."""


def aggregate(records: Iterable[Record], compare: Compare | None = None) -> Leaderboard:
    """Tables of the finished records, and the cells that failed.

    The result does not depend on the order of the records.

    Args:
        records: finished and failed.
        compare: gives what :func:`leaderboard.significance.comparisons.with_comparisons` does, which is called where
            it is None.
    """
    finished: dict[tuple[str, str], dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    settings: dict[str, Setting] = {}
    failed = []
    for record in records:
        if record.status == "failed":
            failed.append(record)
            continue
        setting = setting_id(record)
        if setting not in settings:
            settings[setting] = setting_of(record)
        finished[record.cell.task, record.cell.backbone][setting].append(record)
    done = [record for tables in finished.values() for shared in tables.values() for record in shared]
    return Leaderboard(
        groups=tuple(_group(tables, settings, compare or with_comparisons) for _, tables in sorted(finished.items())),
        failures=_failures(failed, done),
    )


def average_relative_improvement(
    means: Mapping[str, float], baseline: Mapping[str, float], lower_is_better: frozenset[str]
) -> float | None:
    """Δ: the share of the baseline's distance to perfect that was removed, averaged over the perspectives.

    For each perspective (s − s_baseline) / (100 − s_baseline); where lower is better and 0 is perfect (ECE),
    (s_baseline − s) / s_baseline. Protocol of RoAST (Kim et al.,
    Findings of EMNLP 2023, arXiv 2312.04032).

    Args:
        means: perspective → mean over seeds, percent.
        baseline: the same of the baseline, with at least the same keys.
        lower_is_better: the perspectives whose best value is 0.

    Returns:
        Δ in percent, at most 100; None when the baseline is already perfect in a perspective.
    """
    if perfect_in(baseline, lower_is_better):
        return None
    shares = [
        (baseline[key] - mean) / baseline[key]
        if key in lower_is_better
        else (mean - baseline[key]) / (100.0 - baseline[key])
        for key, mean in means.items()
    ]
    return 100.0 * statistics.fmean(shares)


def perfect_in(means: Mapping[str, float], lower_is_better: frozenset[str]) -> list[str]:
    """The perspectives in which nothing is left to improve: 100 %, or 0 where lower is better."""
    return [key for key, mean in means.items() if (mean <= 0.0 if key in lower_is_better else mean >= 100.0)]


def tied_ranks(values: Sequence[float], higher_is_better: bool) -> list[float]:
    """Rank of each value, 1 is best; equal values share the mean of the ranks they take up."""
    # Rounded, so that the last bit of a mean does not decide a rank.
    keys = [round(-value if higher_is_better else value, 9) for value in values]
    rank_of: dict[float, float] = {}
    taken = 0
    for key, count in sorted(Counter(keys).items()):
        rank_of[key] = taken + (count + 1) / 2
        taken += count
    return [rank_of[key] for key in keys]


def _group(records_of: Mapping[str, Sequence[Record]], settings: Mapping[str, Setting], compare: Compare) -> Group:
    tables = [_table(setting, records, compare) for setting, records in records_of.items()]
    tables.sort(key=lambda table: (-len(table.rows), table.setting))
    return Group(
        task=tables[0].task,
        backbone=tables[0].backbone,
        tables=tuple(tables),
        differences=tuple(differences([settings[table.setting] for table in tables])),
    )


def _table(setting: str, all_records: Sequence[Record], compare: Compare) -> Table:
    by_row = runs_by_row(all_records)
    records = [record for runs in by_row for record in runs.records]
    columns = columns_of(records)
    rows = [row_of(runs, columns) for runs in by_row]
    rows = with_incomplete(rows, BASELINE)
    rows, delta_notes = _with_delta(rows, columns)
    rows, cost_notes = with_cost(rows, BASELINE)
    rows, comparison_notes = compare(_with_rank(rows, columns), columns, BASELINE)
    # Labels may be equal where long names were cut; the hyper-parameters settle the order then.
    rows.sort(key=lambda row: (row.rank is None, row.rank or 0.0, row.label, row.hyper_parameters))
    return Table(
        task=one_line(records[0].cell.task),
        backbone=one_line(records[0].cell.backbone),
        setting=setting,
        suites=tuple(sorted({one_line(record.cell.suite) for record in records})),
        records=len(records),
        columns=columns,
        rows=tuple(rows),
        notes=(
            *data_notes(records),
            *(note for runs in by_row for note in undefined_notes(runs, columns)),
            *delta_notes,
            *comparison_notes,
            *cost_notes,
            *repeated_notes(by_row, columns),
        ),
        versions=versions_of(records),
    )


def _perspectives(columns: Iterable[Column]) -> tuple[list[Column], frozenset[str]]:
    """The five, and the keys of those where lower is better."""
    five = [column for column in columns if column.key in PERSPECTIVES]
    return five, frozenset(column.key for column in five if not column.higher_is_better)


def _means(row: Row, keys: Iterable[str]) -> dict[str, float]:
    """The perspectives of a row that are defined."""
    return {key: mean for key in keys if (mean := row.values[key].mean) is not None}


def _with_delta(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[list[Row], list[str]]:
    """The rows with their Δ, and notes on where it is undefined or rests on other seeds than vanilla's."""
    five, lower_is_better = _perspectives(columns)
    keys = [column.key for column in five]
    baselines = [row for row in rows if row.method == BASELINE]
    if len(baselines) != 1:
        why = f"there is no {BASELINE} row" if not baselines else f"there are several {BASELINE} rows"
        return list(rows), [f"Δ is undefined: {why}."]
    (baseline,) = baselines
    reference = _means(baseline, keys)
    why_not = ""
    if lacking := [key for key in keys if key not in reference]:
        why_not = f"{BASELINE} has no {', '.join(lacking)}"
    elif perfect := perfect_in(reference, lower_is_better):
        why_not = f"{BASELINE} is already perfect in {', '.join(perfect)}"
    if why_not:
        return list(rows), [f"Δ is undefined: {why_not}."]
    result, notes = [], []
    for row in rows:
        means = _means(row, keys)
        if lacking := [key for key in keys if key not in means]:
            notes.append(f"Δ of {row.label} is undefined: it has no {', '.join(lacking)}.")
            result.append(row)
            continue
        result.append(replace(row, delta=average_relative_improvement(means, reference, lower_is_better)))
        if row.seeds != baseline.seeds:
            compared = f"seeds {_listed(row.seeds)} with {_listed(baseline.seeds)} of {BASELINE}"
            notes.append(f"Δ of {row.label} compares {compared}.")
    return result, notes


def _with_rank(rows: Sequence[Row], columns: Sequence[Column]) -> list[Row]:
    """The rows with their mean rank; incomplete rows take no part, nor any where nobody has one of the five."""
    five, _ = _perspectives(columns)
    means = [_means(row, (column.key for column in five)) for row in rows]
    ranked = [
        position for position, found in enumerate(means) if len(found) == len(five) and not rows[position].incomplete
    ]
    ranks = [
        tied_ranks([means[position][column.key] for position in ranked], column.higher_is_better) for column in five
    ]
    mean_rank = {position: statistics.fmean(rank[place] for rank in ranks) for place, position in enumerate(ranked)}
    return [replace(row, rank=mean_rank.get(position)) for position, row in enumerate(rows)]


def _failures(failed: Iterable[Record], finished: Iterable[Record]) -> tuple[FailedCell, ...]:
    """Failed cells, each once; not those that were run again and finished."""
    last_finish: dict[str, datetime] = {}
    for record in finished:
        cell, started = _cell(record), started_at(record)
        last_finish[cell] = max(started, last_finish.get(cell, started))
    by_cell: dict[str, list[Record]] = defaultdict(list)
    for record in failed:
        by_cell[_cell(record)].append(record)
    cells = []
    for cell, records in by_cell.items():
        record = started_last(records)
        if record.failure is None or (cell in last_finish and started_at(record) < last_finish[cell]):
            continue
        cells.append(
            FailedCell(
                task=one_line(record.cell.task),
                backbone=one_line(record.cell.backbone),
                method=one_line(record.cell.method),
                seed=record.cell.seed,
                kind=one_line(record.failure.kind),
                message=one_line(record.failure.message, 240),
            )
        )
    return tuple(sorted(cells, key=lambda c: (c.task, c.backbone, c.method, c.seed, c.kind, c.message)))


def _cell(record: Record) -> str:
    """Identity of a cell across suites and folders."""
    cell = record.cell
    return repr((cell.task, cell.backbone, cell.method, cell.seed, cell.config_hash))


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
