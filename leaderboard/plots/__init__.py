"""Pictures of a table, for papers and pages: one file for each kind.

Everything comes from the table and its records. The same table gives the same bytes under the same version of
matplotlib: nothing depends on the time or on the user's matplotlib settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from leaderboard.plots.canvas import default_style, saved
from leaderboard.plots.cost import draw_cost
from leaderboard.plots.layers import draw_deviation, draw_kept
from leaderboard.plots.perspectives import draw_perspectives
from leaderboard.plots.reliability import draw_reliability
from leaderboard.plots.sets import draw_sets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from leaderboard.table import Table

KINDS: dict[str, Callable[[Table], Figure | None]] = {
    "perspectives": draw_perspectives,
    "reliability": draw_reliability,
    "cost": draw_cost,
    "sets": draw_sets,
    "deviation": draw_deviation,
    "kept": draw_kept,
}
"""Kind of picture → what draws it; None where the records hold nothing to draw."""


def render_pictures(table: Table, picture_format: Literal["svg", "png"]) -> dict[str, bytes]:
    """All pictures of a table that there are data for: kind → the bytes of its file.

    - ``perspectives``: the five perspectives of each method;
    - ``reliability``: accuracy against confidence, of each method on each labelled set, without temperature;
    - ``cost``: Δ against training time, with the methods that no other is both better and cheaper than;
    - ``sets``: each evaluation set and live attack, differences to vanilla;
    - ``deviation``: how far the parameters of each layer moved from the pre-trained ones;
    - ``kept``: which share of each layer's gradients a selective method keeps.

    Args:
        table: what to draw; at most `leaderboard.plots.canvas.MOST_ROWS` of its rows are shown.
        picture_format: SVG, or PNG at 150 dots an inch.
    """
    pictures = {}
    with default_style():
        for kind, draw in KINDS.items():
            figure = draw(table)
            if figure is not None:
                pictures[kind] = saved(figure, picture_format)
    return pictures
