"""Colours and markers that tell methods apart, the same in every picture of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard.aggregate import BASELINE
from leaderboard.table import Row

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A6A00")
"""Colours that the colour-blind tell apart (Okabe and Ito 2008); the yellow, faint on white, is darkened."""

MARKERS = ("o", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")


@dataclass(frozen=True)
class Look:
    """How one row is drawn."""

    colour: str
    marker: str
    line: str
    """matplotlib's line style."""


def looks(rows: Sequence[Row]) -> dict[str, Look]:
    """Label of each row → its look. The baseline is black and dashed; the others go by the order of their labels."""
    others = sorted({row.label for row in rows if row.method != BASELINE})
    found = {
        label: Look(
            colour=OKABE_ITO[position % len(OKABE_ITO)],
            marker=MARKERS[position % len(MARKERS)],
            line=("-", (0, (6, 2)), (0, (2, 1.5)))[position // len(OKABE_ITO) % 3],  # type: ignore[arg-type]
        )
        for position, label in enumerate(others)
    }
    return {**found, **{row.label: Look("black", "s", "--") for row in rows if row.method == BASELINE}}
