"""What the value of a column is the mean of, and whether a record holds the single predictions behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leaderboard.compact_logits import MOST_ROWS
from leaderboard.coverage import attack_key
from leaderboard.one_line import one_line
from leaderboard.packed_bits import unpack_bits
from leaderboard.record import PERSPECTIVES, AttackResult, Record
from leaderboard.significance.single_predictions import anomaly_scores, labelled_predictions
from leaderboard.table import Column

_KINDS: dict[str, Literal["calibration", "detection"]] = {"ece": "calibration", "auroc": "detection"}

_UNNAMED = "the in-distribution test set"
"""Stands for it in records that do not say which one it is; there is no evaluation set of that name."""

_CLOSE = {"calibration": 1.0, "detection": 0.2}
"""Percentage points by which a score may differ from that of the same logits in half precision."""

_EXACT = 0.005

_FEWEST_ROWS = {"accuracy": 1, "calibration": 10, "detection": 1, "attack": 1}


@dataclass(frozen=True)
class Source:
    """One score that takes part in the mean of a column."""

    kind: Literal["accuracy", "calibration", "detection", "attack"]
    name: str
    """The evaluation set; of an attack, its key."""
    against: str = ""
    """Of detection: the set that anomalies are told from."""


def sources_of(record: Record, column: Column) -> tuple[Source, ...]:
    """The scores whose mean the column's value is."""
    if column.key not in PERSPECTIVES:
        return (Source("attack", column.key),)
    sources = []
    for name in record.scores[column.key].sets:
        if column.key in _KINDS:
            kind = _KINDS[column.key]
            sources.append(Source(kind, name, record.in_distribution_test or _UNNAMED if kind == "detection" else ""))
        elif name in record.evaluation_sets:
            sources.append(Source("accuracy", name))
        else:
            keys = [attack_key(attack) for attack in record.attacks if name in (attack.column, attack_key(attack))]
            sources.append(Source("attack", keys[0] if keys else name))
    return tuple(sources)


def attack_of(record: Record, source: Source) -> AttackResult:
    """The live attack that a source is about.

    Raises:
        ValueError: the record has none.
    """
    for attack in record.attacks:
        if attack_key(attack) == source.name:
            return attack
    raise ValueError("there is no such attack")


def held_out(record: Record, source: Source) -> list[bool]:
    """For each attacked text, whether it was still classified rightly.

    Raises:
        ValueError: the record does not say, or not of as many texts as were attacked.
    """
    attack = attack_of(record, source)
    if attack.held_out is None:
        raise ValueError("there are no results of single texts")
    return unpack_bits(attack.held_out, attack.examples)


def absent(record: Record, source: Source) -> list[str]:
    """Names of the sets or attacks whose single predictions the record does not hold; without reading them."""
    if source.kind == "attack":
        known = any(attack_key(attack) == source.name and attack.held_out is not None for attack in record.attacks)
        return [] if known else [source.name]
    names = [source.name, source.against] if source.kind == "detection" else [source.name]
    return [
        name
        for name in names
        if (item := record.evaluation_sets.get(name)) is None
        or item.compact_logits is None
        or not _FEWEST_ROWS[source.kind] <= item.rows <= MOST_ROWS
    ]


def unusable(record: Record, source: Source, reference: Record) -> list[str]:
    """Why the single predictions cannot be used: damaged, or of other texts than the reference's; empty if they can."""
    names = [source.name, source.against] if source.kind == "detection" else [source.name]
    try:
        if source.kind == "attack":
            held_out(record, source)
            same = attack_of(record, source).examples == attack_of(reference, source).examples
        else:
            for name in names:
                if source.kind == "detection":
                    anomaly_scores(record, name)
                else:
                    labelled_predictions(record, name)
            same = all(_texts(record, name) == _texts(reference, name) for name in names)
    except ValueError as error:
        return [f"{one_line(source.name)}: {one_line(str(error))}"]
    return [] if same else [f"{one_line(source.name)}: other texts"]


def half_precision_error(record: Record, source: Source) -> float:
    """Percentage points by which a score of usable single predictions may differ from that in the record."""
    if source.kind in _CLOSE:
        return _CLOSE[source.kind]
    if source.kind == "attack" or record.evaluation_sets[source.name].projection is None:
        return _EXACT
    return _EXACT + 100.0 * float(labelled_predictions(record, source.name).undecided.mean())


def _texts(record: Record, name: str) -> tuple[str, int] | None:
    item = record.evaluation_sets.get(name)
    return None if item is None else (item.sha256, item.rows)
