"""What training costs, in units of vanilla's."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from leaderboard.record import Record, Training
from leaderboard.table import Row

_LARGEST = 1e6
"""A larger multiple is nobody's measurement, and is unknown."""


def with_cost(rows: Sequence[Row], baseline: str) -> tuple[list[Row], list[str]]:
    """The rows with their training time over the baseline's, seed by seed, averaged.

    On a processor it is the time that the process spent computing, all threads together, so that other work on the
    machine plays no part; on a GPU it is wall time. Evaluations are left out. A cost is unknown where a seed has no
    counterpart, or one that ran on another device or in another number of threads or processes.

    Args:
        rows: of one table.
        baseline: method whose row has cost 1.

    Returns:
        The rows, and how the costs came about; no note where no cost is known.
    """
    baselines = [row for row in rows if row.method == baseline]
    if len(baselines) != 1:
        return list(rows), []
    reference = {record.cell.seed: record for record in baselines[0].records}
    result = [replace(row, cost=_cost(row, reference)) for row in rows]
    if all(row.cost is None for row in result):
        return result, []
    on_processor = all(_on_processor(record) for row in result if row.cost is not None for record in row.records)
    measure = "processor time" if on_processor else "wall time (on a processor: processor time)"
    return result, [f"cost: {measure} of training over {baseline}'s, evaluations left out."]


def _cost(row: Row, reference: dict[int, Record]) -> float | None:
    shares = []
    for record in row.records:
        other = reference.get(record.cell.seed)
        if other is None or not _comparable(record, other):
            return None
        time, other_time = _time(record), _time(other)
        if time is None or not other_time:
            return None
        share = time / other_time
        if share > _LARGEST:
            return None
        shares.append(share)
    return statistics.fmean(shares) if shares else None


def _comparable(record: Record, other: Record) -> bool:
    here, there = record.machine, other.machine
    return (here.device, here.processor, here.threads, here.processes) == (
        there.device,
        there.processor,
        there.threads,
        there.processes,
    )


def _time(record: Record) -> float | None:
    training: Training | None = record.training
    if training is None:
        return None
    return training.processor_seconds if _on_processor(record) else training.seconds


def _on_processor(record: Record) -> bool:
    return record.machine.device == "cpu"
