"""From the records of one setting to rows: one per method and hyper-parameters, averaged over seeds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard.coverage import attack_key
from leaderboard.one_line import one_line
from leaderboard.over_seeds import over_seeds
from leaderboard.record import PERSPECTIVES, Record, Score
from leaderboard.setting import canonical
from leaderboard.table import Column, Row

_RowKey = tuple[str, str]
"""Method, and hyper-parameters as JSON."""


@dataclass(frozen=True)
class Runs:
    """The records of one row."""

    label: str
    method: str
    hyper_parameters: str
    """JSON object."""
    records: tuple[Record, ...]
    """One per seed, in the order of the seeds."""
    repeated_seeds: tuple[int, ...]
    """Seeds that had several records, of which the one started last was kept."""


def runs_by_row(records: Iterable[Record]) -> list[Runs]:
    """Records of one setting by row, in the order of method and hyper-parameters.

    A row's label is the method's name; where a method has several rows, with the hyper-parameters that differ.
    """
    cells: dict[_RowKey, dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        cells[record.cell.method, canonical(_variant(record))][record.cell.seed].append(record)
    labels = _labels(cells)
    return [
        Runs(
            label=labels[row],
            method=row[0],
            hyper_parameters=row[1],
            records=tuple(started_last(seeds[seed]) for seed in sorted(seeds)),
            repeated_seeds=tuple(seed for seed in sorted(seeds) if len(seeds[seed]) > 1),
        )
        for row, seeds in sorted(cells.items())
    ]


def started_last(records: Sequence[Record]) -> Record:
    """The record that was started last; the choice does not depend on the records' order."""
    if len(records) == 1:
        return records[0]
    return max(records, key=lambda record: (record.started, record.model_dump_json()))


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
