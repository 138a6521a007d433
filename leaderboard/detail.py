"""What lies behind a row: the scores of single sets and attacks, and where its numbers come from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from leaderboard.coverage import attack_key
from leaderboard.one_line import one_line
from leaderboard.over_seeds import over_seeds
from leaderboard.record import Score
from leaderboard.table import Row, Value

ATTACK_METRICS = (
    "accuracy_under_attack",
    "attack_success_rate",
    "words_changed",
    "words_left",
    "queries_per_text",
    "similarity",
)


@dataclass(frozen=True)
class Metric:
    """One score of one set or attack, over the seeds of a row."""

    value: Value
    unit: str
    higher_is_better: bool


@dataclass(frozen=True)
class Provenance:
    """Where the numbers of one seed come from; plain text on one line each."""

    seed: int
    config_hash: str
    suite: str
    started: str
    version: str
    commit: str
    """Empty where unknown; ends in ``-dirty`` where there were uncommitted changes."""
    device: str
    processor: str
    packages: tuple[str, ...]
    """Name and version."""


def scores_of_sets(row: Row) -> dict[str, dict[str, Metric]]:
    """Evaluation set → metric → score, in the order of the row's first record."""
    found: dict[str, dict[str, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for record in row.records:
        for name, scores in record.set_scores.items():
            of_set = found[one_line(name)]
            for metric, score in scores.items():
                of_set[one_line(metric)].append(score)
    return {name: _metrics(scores, len(row.records)) for name, scores in found.items()}


def scores_of_attacks(row: Row) -> dict[str, dict[str, Metric]]:
    """Live attack, with its budget and set → metric of `ATTACK_METRICS` → score."""
    found: dict[str, dict[str, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for record in row.records:
        for attack in record.attacks:
            for metric in ATTACK_METRICS:
                score = getattr(attack, metric)
                if score is not None:
                    found[one_line(attack_key(attack), 400)][metric].append(score)
    return {name: _metrics(scores, len(row.records)) for name, scores in found.items()}


def provenance(row: Row) -> list[Provenance]:
    """Of each seed."""
    return [
        Provenance(
            seed=record.cell.seed,
            config_hash=record.cell.config_hash,
            suite=one_line(record.cell.suite),
            started=one_line(record.started),
            version=one_line(record.code.version),
            commit=one_line(
                f"{record.code.commit}{'-dirty' if record.code.dirty else ''}" if record.code.commit else ""
            ),
            device=one_line(record.machine.device),
            processor=one_line(record.machine.processor),
            packages=tuple(one_line(f"{name} {version}") for name, version in sorted(record.packages.items())),
        )
        for record in row.records
    ]


def _metrics(scores: dict[str, list[Score]], records: int) -> dict[str, Metric]:
    return {
        metric: Metric(
            value=over_seeds([*(score.value for score in found), *[None] * (records - len(found))]),
            unit=found[0].unit,
            higher_is_better=found[0].higher_is_better,
        )
        for metric, found in scores.items()
    }
