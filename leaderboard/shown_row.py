"""What a row of a leaderboard's document shows, number by number, and how that differs from an earlier one."""

from __future__ import annotations

from collections.abc import Mapping

from leaderboard.json_document import DocumentRow
from leaderboard.layout import UNDEFINED, shown_cost, shown_score

_NOT_TESTED, _NOT_SIGNIFICANT = "not tested", "not significant"
_TOLD_APART = ("better", "worse")


def shown_rank(row: DocumentRow) -> str:
    """With two decimals."""
    return UNDEFINED if row.rank is None else f"{row.rank:.2f}"


def other_differences(before: DocumentRow, after: DocumentRow, lower_is_better: frozenset[str]) -> list[str]:
    """What is shown otherwise, rank and Δ aside: scores with deviations, significance against vanilla, and cost.

    Args:
        before: the row as it was.
        after: the row as it is.
        lower_is_better: keys of columns.

    Returns:
        One text for each of these in which something differs, ``before → after``.
    """
    found = [
        ("scores", _arrows(_scores(before), _scores(after), UNDEFINED)),
        ("against vanilla", _significance_changes(before, after, lower_is_better)),
        ("training time", [arrow(_cost(before), _cost(after))] if _cost(before) != _cost(after) else []),
    ]
    return [f"{what}: {', '.join(texts)}" for what, texts in found if texts]


def arrow(before: str, after: str) -> str:
    """``before → after``, or the text alone where it stayed."""
    return after if before == after else f"{before} → {after}"


def _arrows(before: Mapping[str, str], after: Mapping[str, str], missing: str) -> list[str]:
    pairs = [(key, before.get(key, missing), after.get(key, missing)) for key in sorted({*before, *after})]
    return [f"{key} {was} → {now}" for key, was, now in pairs if was != now]


def _scores(row: DocumentRow) -> dict[str, str]:
    return {key: shown_score(value.mean, value.deviation) for key, value in row.values.items()}


def _significance_changes(before: DocumentRow, after: DocumentRow, lower_is_better: frozenset[str]) -> list[str]:
    """Only where the row was told apart from vanilla, or is."""
    was, now = (_significance(row, lower_is_better) for row in (before, after))
    keys = {key for found in (was, now) for key, said in found.items() if said in _TOLD_APART}
    said_before, said_after = ({key: said for key, said in found.items() if key in keys} for found in (was, now))
    return _arrows(said_before, said_after, _NOT_TESTED)


def _significance(row: DocumentRow, lower_is_better: frozenset[str]) -> dict[str, str]:
    return {
        key: _NOT_SIGNIFICANT
        if not one.significant or not one.difference
        else "better"
        if (one.difference < 0) == (key in lower_is_better)
        else "worse"
        for key, one in row.against_baseline.items()
    }


def _cost(row: DocumentRow) -> str:
    return UNDEFINED if row.cost is None else shown_cost(row.cost)
