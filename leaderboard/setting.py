"""The setting of a record: everything that must be equal before two rows may be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard.one_line import one_line
from leaderboard.record import PERSPECTIVES, DataFingerprint, Record

_OF_THE_ROW = frozenset({"method", "method_source", "seed", "hyper_parameters", "checkpoint"})
"""Keys of the resolved configuration that tell rows and seeds apart instead of tables."""

_ABSENT = "–"


def canonical(value: object) -> str:
    """JSON text that is equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


@dataclass(frozen=True)
class Setting:
    """What a table's rows have in common, apart from task and backbone."""

    id: str
    """The first eight hexadecimal digits of a hash of task, backbone and everything below."""
    configuration: dict[str, str]
    """Resolved configuration without method, seed and hyper-parameters: dotted key → JSON text."""
    data: dict[str, tuple[str, int]]
    """Training data and evaluation sets: name → content hash and rows."""
    covers: dict[str, tuple[str, ...]]
    """Perspective → sets or attacks it covers, sorted."""
    attacks: tuple[tuple[str, str], ...]
    """Live attacks: column with the budget, and the evaluation set attacked."""


def setting_id(record: Record) -> str:
    """:attr:`Setting.id` of one finished record, without the rest, which takes longer."""
    hashes = {name: sha256 for name, (sha256, _) in _data(record).items()}
    # Numbers in other units or of the other direction cannot share a column either.
    reading = {key: (record.scores[key].unit, record.scores[key].higher_is_better) for key in PERSPECTIVES}
    cell = record.cell
    identity = (cell.task, cell.backbone, _resolved(record), hashes, _covers(record), _attacks(record), reading)
    return hashlib.sha256(canonical(identity).encode()).hexdigest()[:8]


def setting_of(record: Record) -> Setting:
    """The setting of one finished record."""
    return Setting(
        id=setting_id(record),
        configuration=dict(_leaves(_resolved(record))),
        data=_data(record),
        covers=_covers(record),
        attacks=_attacks(record),
    )


def differences(settings: Sequence[Setting]) -> list[str]:
    """What differs between the settings of one task and backbone, one line each, values in the given order.

    Returns:
        Lines such as ``training.epochs 3 / 10`` or ``data of imdb differs``; empty for fewer than two settings.
    """
    lines = []
    for key in sorted({key for setting in settings for key in setting.configuration}):
        lines += _line(key, [setting.configuration.get(key, _ABSENT) for setting in settings])
    for name in sorted({name for setting in settings for name in setting.data}):
        lines += _data_line(name, settings)
    for key in PERSPECTIVES:
        lines += _line(f"{key} covers", [", ".join(setting.covers[key]) or "nothing" for setting in settings])
    attacks = ["; ".join(f"{column} on {attacked}" for column, attacked in setting.attacks) for setting in settings]
    lines += _line("live attacks", [text or "none" for text in attacks])
    return lines


def _resolved(record: Record) -> dict[str, Any]:
    return {key: value for key, value in record.configuration.resolved.items() if key not in _OF_THE_ROW}


def _data(record: Record) -> dict[str, tuple[str, int]]:
    data = {f"training data {name}": _identity(print_) for name, print_ in record.training_data.items()}
    return data | {name: _identity(print_) for name, print_ in record.evaluation_sets.items()}


def _covers(record: Record) -> dict[str, tuple[str, ...]]:
    return {key: tuple(sorted(record.scores[key].sets)) for key in PERSPECTIVES}


def _attacks(record: Record) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((attack.column, attack.evaluation_set) for attack in record.attacks))


def _identity(fingerprint: DataFingerprint) -> tuple[str, int]:
    return fingerprint.sha256, fingerprint.rows


def _leaves(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner if isinstance(inner, str) else canonical(inner)


def _line(what: str, values: Sequence[str]) -> list[str]:
    if len(set(values)) < 2:
        return []
    shown = [one_line(value, 80) for value in values]
    if len(set(shown)) < len(set(values)):  # they differ in what was cut
        return [one_line(f"{what} differs")]
    return [one_line(f"{what} {' / '.join(shown)}", 400)]


def _data_line(name: str, settings: Sequence[Setting]) -> list[str]:
    found = [setting.data[name] for setting in settings if name in setting.data]
    shown = one_line(name)
    if len(found) < len(settings):
        rows = [f"{setting.data[name][1]:,} rows" if name in setting.data else _ABSENT for setting in settings]
        return [f"data of {shown} {' / '.join(rows)}"]
    if len({sha256 for sha256, _ in found}) < 2:
        return []
    rows = [f"{count:,}" for _, count in found]
    return [f"data of {shown} differs" + (f" ({' / '.join(rows)} rows)" if len(set(rows)) > 1 else "")]
