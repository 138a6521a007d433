"""What is unfolded under a row: its comparisons, sets, attacks, hyper-parameters and where its numbers come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from leaderboard.detail import Metric, Provenance, provenance, scores_of_attacks, scores_of_sets
from leaderboard.layout import UNDEFINED, shown_score
from leaderboard.one_line import one_line
from leaderboard.record import Record
from leaderboard.table import DELTA, Comparison, Row, Table

_METRICS = {
    "accuracy": "accuracy",
    "ece": "ECE",
    "ece_raw": "ECE without temperature",
    "ece_adaptive": "ECE of bins alike in size",
    "nll": "NLL",
    "brier": "Brier score",
    "auroc": "AUROC",
    "aupr": "AUPR",
    "fpr95": "FPR at 95 % TPR",
    "auroc_energy": "AUROC, energy",
    "aupr_energy": "AUPR, energy",
    "fpr95_energy": "FPR at 95 % TPR, energy",
    "auroc_max_logit": "AUROC, largest logit",
    "aupr_max_logit": "AUPR, largest logit",
    "fpr95_max_logit": "FPR at 95 % TPR, largest logit",
    "accuracy_under_attack": "accuracy under attack",
    "attack_success_rate": "success rate",
    "words_changed": "words changed",
    "words_left": "words left",
    "queries_per_text": "queries per text",
    "similarity": "similarity",
}
"""Names, in order; another metric goes by its own name."""

_UNITS = {"percent": "%", "nats": "nats"}
"""The others are in the names, or there is none."""


@dataclass(frozen=True)
class Grid:
    """Metrics of sets or attacks."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """A name, then a number for each further heading."""


@dataclass(frozen=True)
class ShownSeed:
    """Where the numbers of one seed come from."""

    provenance: Provenance
    kept_epoch: str
    training: str


@dataclass(frozen=True)
class BehindARow:
    """All of it."""

    incomplete: tuple[str, ...]
    compared: Grid
    labelled_sets: Grid
    anomaly_sets: Grid
    attacks: Grid
    hyper_parameters: tuple[tuple[str, str], ...]
    seeds: tuple[ShownSeed, ...]


def behind_a_row(row: Row, table: Table) -> BehindARow:
    """What lies behind one row of a table."""
    sets = scores_of_sets(row)
    labelled = {name: scores for name, scores in sets.items() if "accuracy" in scores}
    return BehindARow(
        incomplete=row.incomplete,
        compared=_compared(row, table),
        labelled_sets=_grid("set", labelled),
        anomaly_sets=_grid("set", {name: scores for name, scores in sets.items() if name not in labelled}),
        attacks=_grid("attack", scores_of_attacks(row)),
        hyper_parameters=_hyper_parameters(row),
        seeds=tuple(map(_seed, row.records, provenance(row))),
    )


def _compared(row: Row, table: Table) -> Grid:
    names = {column.key: column.name for column in table.columns} | {DELTA: "Δ"}
    rows = []
    for key, name in names.items():
        baseline, best = row.against_baseline.get(key), row.against_best.get(key)
        if baseline or best:
            rows.append((name, *_comparison(baseline), *_comparison(best), best.other if best else UNDEFINED))
    return Grid(("column", "against vanilla", "p", "against the best", "p", "which is"), tuple(rows))


def _comparison(found: Comparison | None) -> tuple[str, str]:
    if found is None:
        return UNDEFINED, UNDEFINED
    return f"{found.difference:+z.2f} [{found.low:+z.2f}, {found.high:+z.2f}]", f"{found.p:.3f}"


def _grid(what: str, scores: Mapping[str, Mapping[str, Metric]]) -> Grid:
    found: dict[str, Metric] = {}
    for of_one in scores.values():
        found = {**of_one, **found}
    known = list(_METRICS)
    metrics = sorted(found, key=lambda metric: known.index(metric) if metric in _METRICS else len(known))
    return Grid(
        (what, *(_heading(metric, found[metric]) for metric in metrics)),
        tuple((name, *(_number(of_one.get(metric)) for metric in metrics)) for name, of_one in scores.items()),
    )


def _heading(name: str, metric: Metric) -> str:
    words = (_METRICS.get(name, name), "↑" if metric.higher_is_better else "↓", _UNITS.get(metric.unit, ""))
    return " ".join(filter(None, words))


def _number(metric: Metric | None) -> str:
    return UNDEFINED if metric is None else shown_score(metric.value.mean, metric.value.deviation)


def _hyper_parameters(row: Row) -> tuple[tuple[str, str], ...]:
    given = json.loads(row.hyper_parameters)
    values = given if isinstance(given, dict) else {"hyper-parameters": given}
    return tuple(
        (one_line(str(name)), one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 400))
        for name, value in values.items()
    )


def _seed(record: Record, where: Provenance) -> ShownSeed:
    training = record.training
    if training is None:
        return ShownSeed(where, UNDEFINED, UNDEFINED)
    epochs = len(training.selection_accuracy)
    kept = UNDEFINED if training.kept_epoch is None else f"{training.kept_epoch} of {epochs}"
    times = [
        f"{seconds:,.0f} s {what}"
        for seconds, what in ((training.processor_seconds, "of processor"), (training.seconds, "of clock"))
        if seconds is not None
    ]
    return ShownSeed(where, kept, ", ".join(times) or UNDEFINED)
