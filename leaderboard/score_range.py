"""The values that scores can have."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.record import AttackResult, Record, Score

_SLACK = 1e-6
"""Rounding may lift a mean just above the largest value, of cosines in single precision by some 1e-7."""

_RANGES = {"percent": (0.0, 100.0), "cosine": (-1.0, 1.0)}
_OTHERS = (0.0, 1e6)

_ATTACK_SCORES = tuple(
    name for name, field in AttackResult.model_fields.items() if field.annotation in (Score, Score | None)
)


def impossible_score(record: Record) -> str | None:
    """The first score of a record that is outside the range of its unit, in words; None where all are inside."""
    for where, score in _scores(record):
        if score.value is not None:
            lowest, highest = _RANGES.get(score.unit, _OTHERS)
            if not lowest - _SLACK <= score.value <= highest + _SLACK:
                return f"{where} is {score.value}, outside {lowest:g} to {highest:g} {score.unit}"
    return None


def _scores(record: Record) -> Iterator[tuple[str, Score]]:
    for key, score in record.scores.items():
        yield f"scores.{key}", score
    for name, scores in record.set_scores.items():
        for key, score in scores.items():
            yield f"set_scores.{name}.{key}", score
    for attack in record.attacks:
        for name in _ATTACK_SCORES:
            if (value := getattr(attack, name)) is not None:
                yield f"attack {attack.column}: {name}", value
