"""Scores that a record gives, against those that its logits give."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmark.submissions.problem import Problem
from leaderboard.record import Score

ROUNDING = 1e-6
"""Percent, or the unit of another score: by how much processors differ."""


def compare_scores(
    where: str,
    given: Mapping[str, Score],
    found: Mapping[str, Score],
    source: str,
    allowed: Callable[[str], float] = lambda _: ROUNDING,
) -> None:
    """The same scores, with the same meaning, and values that differ by no more than is allowed.

    Args:
        where: in the record.
        given: name → score of the record.
        found: name → score computed again.
        source: what it was computed from, in words.
        allowed: by how much a score of a name may differ, in its unit.

    Raises:
        Problem: they are not the same.
    """
    if given.keys() != found.keys():
        raise Problem(f"{where}: has {', '.join(sorted(given))}; {source} give {', '.join(sorted(found))}")
    for key, score in found.items():
        if not _same(given[key], score, allowed(key)):
            raise Problem(f"{where}.{key} is {_said(given[key])}, {source} give {_said(score)}")


def _same(given: Score, found: Score, allowed: float) -> bool:
    if given.value is None or found.value is None:
        return given.value == found.value
    same_meaning = given == found.model_copy(update={"value": given.value})
    return same_meaning and abs(given.value - found.value) <= allowed


def _said(score: Score) -> str:
    return "null" if score.value is None else f"{score.value:.6f}"
