"""The five perspectives of each method: one panel each, one line per method."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import nonsingular

from leaderboard.aggregate import BASELINE
from leaderboard.layout import PARTIAL, UNDEFINED, partial_mark
from leaderboard.plots.canvas import (
    GREY,
    LIGHT_GREY,
    blank,
    label_in_picture,
    left_margin,
    marks_in_words,
    place_lines,
    place_text,
    place_title,
    shown_rows,
)
from leaderboard.record import PERSPECTIVES
from leaderboard.table import Column, Row, Table, Value

# Two colours of the Okabe-Ito palette, which the colour-blind tell apart; the marker's shape says the same.
_METHOD_COLOUR, _BASELINE_COLOUR = "#0072B2", "#D55E00"

_PANEL_WIDTH, _ROW_HEIGHT, _BELOW, _TICK = 2.3, 0.3, 0.75, 3.5 / 72  # inches
_HEADING_WIDTH = 26  # characters


def draw_perspectives(table: Table) -> Figure:
    """Dots are means, bars ± one sample standard deviation over seeds, the dashed line is vanilla."""
    rows = shown_rows(table)
    columns = [column for column in table.columns if column.key in PERSPECTIVES]
    labels = [label_in_picture(row) for row in rows]
    headings = [_heading(column) for column in columns]

    # Laid out by hand in inches: the automatic layouts measure every text again and again, and move with its length.
    # Without axes, whose parts for ticks, grids and borders take longer than all that is drawn.
    left = left_margin(labels)
    width = left + _PANEL_WIDTH * len(columns) + 0.15
    above = 0.5 + 0.17 * (1 + max(heading.count("\n") for heading in headings))
    top = _BELOW + _ROW_HEIGHT * (len(labels) + 0.4)
    height = top + above

    figure = blank(width, height)
    place_title(figure, table, "The five perspectives")
    heights = [top - _ROW_HEIGHT * (at + 0.7) for at in range(len(labels))]  # the best row at the top
    for label, y in zip(labels, heights, strict=True):
        place_text(figure, left - 0.085, y, label, ha="right", va="center")
    for position, (column, heading) in enumerate(zip(columns, headings, strict=True)):
        x = left + _PANEL_WIDTH * position
        place_text(figure, x, top + 0.1, heading, va="baseline", linespacing=1.3)
        _panel(figure, x, top, heights, [(row.values[column.key], row.method == BASELINE) for row in rows])
    _key(figure, table, rows, 0.05 / height)
    return figure


def _panel(figure: Figure, left: float, top: float, heights: list[float], rows: Sequence[tuple[Value, bool]]) -> None:
    """One perspective: the value of each row, and whether the row is the baseline's, at the row's height."""
    right = left + _PANEL_WIDTH - 0.2
    place_lines(figure, [((left, y), (right, y)) for y in heights], color=LIGHT_GREY, linewidth=0.8)
    known = [
        (value.mean, value.deviation or 0.0, y, own)
        for (value, own), y in zip(rows, heights, strict=True)
        if value.mean is not None
    ]
    scale = _Scale.spanning(
        [edge for mean, spread, *_ in known for edge in (mean - spread, mean + spread)], left, right
    )
    for colour, marker, of_baseline in ((_METHOD_COLOUR, "o", False), (_BASELINE_COLOUR, "s", True)):
        spans = [(mean, spread, y) for mean, spread, y, own in known if own == of_baseline]
        dots = [(scale.inches(mean), y) for mean, _, y in spans]
        if of_baseline and len(dots) == 1:
            ((x, _),) = dots
            place_lines(figure, [((x, _BELOW), (x, top))], color=colour, linestyle="--", linewidth=1)
        bars = [((scale.inches(mean - spread), y), (scale.inches(mean + spread), y)) for mean, spread, y in spans]
        place_lines(figure, bars, color=colour, linewidth=1.4)
        place_lines(figure, [(dot,) for dot in dots], color=colour, marker=marker, markersize=5.5, linestyle="")
    for (value, _), y in zip(rows, heights, strict=True):
        if value.mean is None:
            place_text(figure, (left + right) / 2, y, UNDEFINED, ha="center", va="center", color=GREY)
    _axis(figure, scale, left, right, ticks=bool(known))


def _axis(figure: Figure, scale: _Scale, left: float, right: float, *, ticks: bool) -> None:
    """The line below a panel, with its ticks."""
    place_lines(figure, [((left, _BELOW), (right, _BELOW))], color="black", linewidth=0.8)
    labelled = scale.ticks() if ticks else {}
    marks = [(scale.inches(tick), _BELOW) for tick in labelled]
    place_lines(figure, [((x, y), (x, y - _TICK)) for x, y in marks], color="black", linewidth=0.8)
    for (x, y), label in zip(marks, labelled.values(), strict=True):
        place_text(figure, x, y - 2 * _TICK, label, ha="center", va="top")


@dataclass(frozen=True)
class _Scale:
    """Where the values of a panel are, in inches."""

    low: float
    high: float
    left: float
    right: float

    @classmethod
    def spanning(cls, edges: Sequence[float], left: float, right: float) -> _Scale:
        """The values, and never less than one percentage point, so that noise does not look like a gap."""
        low, high = (min(edges), max(edges)) if edges else (0.0, 100.0)
        missing = max(0.0, 1.0 - (high - low)) / 2
        margin = 0.08 * max(high - low, 1.0)
        return cls(*nonsingular(low - missing - margin, high + missing + margin), left, right)

    def inches(self, value: float) -> float:
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)

    def ticks(self) -> dict[float, str]:
        """At most five round values, with as many decimals as tell them apart."""
        found = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        decimals = max(0, math.ceil(-math.log10(found[1] - found[0]) - 1e-9))
        shown = [float(tick) + 0.0 for tick in found if self.low <= tick <= self.high]  # + 0.0 turns −0.0 into 0.0
        return {tick: f"{tick:.{decimals}f}".replace("-", "−") for tick in shown}


def _heading(column: Column) -> str:
    """Name with its mark, direction and unit; the budget of a live attack on lines of its own."""
    _, _, attack = column.name.partition(": ")
    lines = [f"{column.key}{partial_mark(column)}", *textwrap.wrap(attack, _HEADING_WIDTH)[:4]]
    lines.append("higher is better →, %" if column.higher_is_better else "← lower is better, %")
    return "\n".join(lines)


def _key(figure: Figure, table: Table, rows: Sequence[Row], bottom: float) -> None:
    seeds = max(len(row.seeds) for row in rows)
    handles = [
        Line2D(
            [], [], marker="o", color=_METHOD_COLOUR, linestyle="", label="mean over seeds" if seeds > 1 else "score"
        ),
        Line2D([], [], marker="s", color=_BASELINE_COLOUR, linestyle="--", label=BASELINE),
    ]
    if any(value.deviation is not None for row in rows for value in row.values.values()):
        handles.append(Line2D([], [], color=_METHOD_COLOUR, linewidth=1.4, label="± sample standard deviation"))
    if any(column.on_part for column in table.columns if column.key in PERSPECTIVES):
        handles.append(Line2D([], [], linestyle="", label=f"{PARTIAL} on part of the data"))
    handles += [Line2D([], [], linestyle="", label=said) for said in marks_in_words(rows)]
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, bottom), ncols=len(handles), frameon=False)
