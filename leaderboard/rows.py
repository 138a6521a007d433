"""From the records of one setting to rows: one per method and hyper-parameters, averaged over seeds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from leaderboard.coverage import attack_key
from leaderboard.one_line import one_line
from leaderboard.over_seeds import over_seeds
from leaderboard.record import PERSPECTIVES, Record, Score
from leaderboard.setting import canonical
from leaderboard.table import Column, Row

_RowKey = tuple[str, str]
"""Method, and hyper-parameters as JSON."""

_MOST_NAMED = 5
"""Records with other scores than those shown that a note names."""


@dataclass(frozen=True)
class Runs:
    """The records of one row."""

    label: str
    method: str
    hyper_parameters: str
    """JSON object."""
    records: tuple[Record, ...]
    """One per seed, in the order of the seeds."""
    passed_over: Mapping[int, tuple[Record, ...]]
    """Of seeds that have several records: those that were not started last, or that lost a tie."""


def runs_by_row(records: Iterable[Record]) -> list[Runs]:
    """Records of one setting by row, in the order of method and hyper-parameters.

    A row's label is the method's name; where a method has several rows, with the hyper-parameters that differ.
    """
    cells: dict[_RowKey, dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        cells[record.cell.method, canonical(_variant(record))][record.cell.seed].append(record)
    labels = _labels(cells)
    found = []
    for row, seeds in sorted(cells.items()):
        kept = {seed: started_last(seeds[seed]) for seed in sorted(seeds)}
        found.append(
            Runs(
                label=labels[row],
                method=row[0],
                hyper_parameters=row[1],
                records=tuple(kept.values()),
                passed_over={
                    seed: tuple(sorted((r for r in seeds[seed] if r is not one), key=_recency, reverse=True))
                    for seed, one in kept.items()
                    if len(seeds[seed]) > 1
                },
            )
        )
    return found


def started_last(records: Sequence[Record]) -> Record:
    """The record that was started last; the choice does not depend on the records' order."""
    if len(records) == 1:
        return records[0]
    return max(records, key=_recency)


def started_at(record: Record) -> datetime:
    """When the record was started: UTC where it names no time zone, and the beginning of time where it is no time."""
    try:
        when = datetime.fromisoformat(record.started)
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _recency(record: Record) -> tuple[datetime, str]:
    return started_at(record), record.model_dump_json()


def row_of(runs: Runs, columns: Sequence[Column]) -> Row:
    """The row without Δ and rank, which need the other rows."""
    return Row(
        label=runs.label,
        method=one_line(runs.method),
        hyper_parameters=runs.hyper_parameters,
        seeds=tuple(record.cell.seed for record in runs.records),
        values={
            column.key: over_seeds([score_of(record, column).value for record in runs.records]) for column in columns
        },
        selected_on_reported=any(
            record.training is not None and record.training.selection == "reported" for record in runs.records
        ),
        records=runs.records,
    )


def undefined_notes(runs: Runs, columns: Sequence[Column]) -> list[str]:
    """Lines that say why scores of a row are undefined."""
    notes = []
    for column in columns:
        seeds_of: dict[str, list[str]] = defaultdict(list)
        for record in runs.records:
            score = score_of(record, column)
            if score.value is None:
                seeds_of[score.reason or ""].append(str(record.cell.seed))
        for reason, seeds in sorted(seeds_of.items()):
            word = "seed" if len(seeds) == 1 else "seeds"
            what = f"{column.name} of {runs.label} is undefined for {word} {', '.join(seeds)}"
            notes.append(f"{what}: {one_line(reason).rstrip('.')}.")
    return notes


def repeated_notes(all_runs: Sequence[Runs], columns: Sequence[Column]) -> list[str]:
    """Lines on seeds with several records, and on those whose records do not have the same scores."""
    seeds = [f"{runs.label} seed {seed}" for runs in all_runs for seed in runs.passed_over]
    if not seeds:
        return []
    notes = [f"Several records of the same cell, the one started last is shown: {', '.join(seeds)}."]
    contradictions = []
    for runs in all_runs:
        for shown in runs.records:
            for other in runs.passed_over.get(shown.cell.seed, ()):
                if differing := _differing(shown, other, columns):
                    when = ", started at the same time" if shown.started == other.started else ""
                    contradictions.append(f"{runs.label} seed {shown.cell.seed}{when} ({'; '.join(differing)})")
    if contradictions:
        named = ", ".join(contradictions[:_MOST_NAMED])
        more = len(contradictions) - _MOST_NAMED
        others = f" and {more} more" if more > 0 else ""
        notes.append(f"Records of the same cell have other scores than those shown: {named}{others}.")
    return notes


def _differing(shown: Record, other: Record, columns: Sequence[Column]) -> list[str]:
    """The columns in which another record of the cell has another value, with that and the one shown."""
    pairs = [
        (column.name, *(_two_decimals(score_of(record, column).value) for record in (shown, other)))
        for column in columns
    ]
    return [f"{name} {two} instead of {one}" for name, one, two in pairs if one != two]


def _two_decimals(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _variant(record: Record) -> Any:
    """What tells two rows of one method apart: its hyper-parameters, and its source where it came from a plug-in.

    Of a checkpoint that was fine-tuned elsewhere it is which one, and in which order its labels were read.
    """
    resolved = record.configuration.resolved
    checkpoint = resolved.get("checkpoint")
    if isinstance(checkpoint, dict):
        return {"checkpoint": _short(str(checkpoint.get("identity"))), "labels": checkpoint.get("labels")}
    given = resolved.get("hyper_parameters") or {}
    source = resolved.get("method_source")
    return {**given, "source": str(source)[:8]} if source and isinstance(given, dict) else given


def _short(identity: str) -> str:
    """``sha256:…`` or ``hub:<id>@<commit>`` with the first twelve digits of the hash."""
    place, mark, digest = identity.rpartition("@" if "@" in identity else ":")
    return f"{place}{mark}{digest[:12]}"


def _labels(rows: Iterable[_RowKey]) -> dict[_RowKey, str]:
    by_method: dict[str, dict[_RowKey, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        given = json.loads(row[1])
        by_method[row[0]][row] = given if isinstance(given, dict) else {"hyper_parameters": given}
    labels = {}
    for method, variants in by_method.items():
        differing = [
            name
            for name in sorted({name for values in variants.values() for name in values})
            if len({canonical(values[name]) if name in values else None for values in variants.values()}) > 1
        ]
        for row, values in variants.items():
            shown = ", ".join(f"{name}={_shown(values[name])}" for name in differing if name in values)
            labels[row] = one_line(f"{method} ({shown})" if shown else method)
    return labels


def _shown(value: object) -> str:
    return value if isinstance(value, str) else canonical(value)


def score_of(record: Record, column: Column) -> Score:
    """The score of one record in one column of its table."""
    if column.key in PERSPECTIVES:
        return record.scores[column.key]
    return next(attack.accuracy_under_attack for attack in record.attacks if attack_key(attack) == column.key)
