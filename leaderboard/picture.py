"""The picture of a table: its five perspectives, one panel each, one line per method."""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import nonsingular

from leaderboard.aggregate import BASELINE
from leaderboard.layout import PARTIAL, UNDEFINED, label_of, partial_mark
from leaderboard.record import PERSPECTIVES
from leaderboard.table import Column, Table, Value

# Two colours of the Okabe-Ito palette, which the colour-blind tell apart; the marker's shape says the same.
_METHOD_COLOUR, _BASELINE_COLOUR = "#0072B2", "#D55E00"
_GREY = "#666666"

_PANEL_WIDTH, _ROW_HEIGHT, _BELOW, _TICK = 2.3, 0.3, 0.75, 3.5 / 72  # inches
_LABEL_LIMIT, _HEADING_WIDTH = 36, 26  # characters


def render_picture(table: Table) -> bytes:
    """The table's five perspectives as SVG.

    Dots are means, bars ± one sample standard deviation over seeds, the dashed line is vanilla. The same table
    gives the same bytes under the same version of matplotlib: nothing depends on the time or on the user's
    matplotlib settings.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "roast-bench", "font.size": 9})
        figure = draw(table)
        target = io.BytesIO()
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name in another script is drawn as boxes
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": "roast-bench"})
    return target.getvalue()


def draw(table: Table) -> Figure:
    """The figure itself, for other formats than SVG."""
    columns = [column for column in table.columns if column.key in PERSPECTIVES]
    labels = [_cut(label_of(row)) for row in table.rows]
    headings = [_heading(column) for column in columns]

    # Laid out by hand in inches: the automatic layouts measure every text again and again, and move with its length.
    # Without axes, whose parts for ticks, grids and borders take longer than all that is drawn.
    left = 0.3 + 0.075 * max(len(label) for label in labels)
    width = left + _PANEL_WIDTH * len(columns) + 0.15
    above = 0.5 + 0.17 * (1 + max(heading.count("\n") for heading in headings))
    top = _BELOW + _ROW_HEIGHT * (len(labels) + 0.4)
    height = top + above

    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    title = f"{_cut(table.task)}, {_cut(table.backbone)}, setting {table.setting}"
    _text(figure, 0.1, height - 0.12, title, va="top", weight="bold", size=11)
    heights = [top - _ROW_HEIGHT * (at + 0.7) for at in range(len(labels))]  # the best row at the top
    for label, y in zip(labels, heights, strict=True):
        _text(figure, left - 0.085, y, label, ha="right", va="center")
    for position, (column, heading) in enumerate(zip(columns, headings, strict=True)):
        x = left + _PANEL_WIDTH * position
        _text(figure, x, top + 0.1, heading, va="baseline", linespacing=1.3)
        _panel(figure, x, top, heights, [(row.values[column.key], row.method == BASELINE) for row in table.rows])
    _key(figure, table, 0.05 / height)
    return figure


def _panel(figure: Figure, left: float, top: float, heights: list[float], rows: Sequence[tuple[Value, bool]]) -> None:
    """One perspective: the value of each row, and whether the row is the baseline's, at the row's height."""
    right = left + _PANEL_WIDTH - 0.2
    _lines(figure, [((left, y), (right, y)) for y in heights], color="#e6e6e6", linewidth=0.8)
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
            _lines(figure, [((x, _BELOW), (x, top))], color=colour, linestyle="--", linewidth=1)
        bars = [((scale.inches(mean - spread), y), (scale.inches(mean + spread), y)) for mean, spread, y in spans]
        _lines(figure, bars, color=colour, linewidth=1.4)
        _lines(figure, [(dot,) for dot in dots], color=colour, marker=marker, markersize=5.5, linestyle="")
    for (value, _), y in zip(rows, heights, strict=True):
        if value.mean is None:
            _text(figure, (left + right) / 2, y, UNDEFINED, ha="center", va="center", color=_GREY)
    _axis(figure, scale, left, right, ticks=bool(known))


def _axis(figure: Figure, scale: _Scale, left: float, right: float, *, ticks: bool) -> None:
    """The line below a panel, with its ticks."""
    _lines(figure, [((left, _BELOW), (right, _BELOW))], color="black", linewidth=0.8)
    labelled = scale.ticks() if ticks else {}
    marks = [(scale.inches(tick), _BELOW) for tick in labelled]
    _lines(figure, [((x, y), (x, y - _TICK)) for x, y in marks], color="black", linewidth=0.8)
    for (x, y), label in zip(marks, labelled.values(), strict=True):
        _text(figure, x, y - 2 * _TICK, label, ha="center", va="top")


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


def _text(figure: Figure, x: float, y: float, text: str, **style: Any) -> None:
    """Text at a place in inches, never read as mathematics."""
    figure.text(x, y, text, transform=figure.dpi_scale_trans, parse_math=False, **style)


def _lines(figure: Figure, lines: Sequence[Sequence[tuple[float, float]]], **style: Any) -> None:
    """Lines through points in inches, as one artist with gaps: an artist for each is slow in large tables."""
    gap = (math.nan, math.nan)
    xs, ys = zip(*(point for line in lines for point in (*line, gap)), strict=True) if lines else ((), ())
    figure.add_artist(Line2D(xs, ys, transform=figure.dpi_scale_trans, **style))


def _heading(column: Column) -> str:
    """Name with its mark, direction and unit; the budget of a live attack on lines of its own."""
    _, _, attack = column.name.partition(": ")
    lines = [f"{column.key}{partial_mark(column)}", *textwrap.wrap(attack, _HEADING_WIDTH)[:4]]
    lines.append("higher is better →, %" if column.higher_is_better else "← lower is better, %")
    return "\n".join(lines)


def _key(figure: Figure, table: Table, bottom: float) -> None:
    seeds = max(len(row.seeds) for row in table.rows)
    handles = [
        Line2D(
            [], [], marker="o", color=_METHOD_COLOUR, linestyle="", label="mean over seeds" if seeds > 1 else "score"
        ),
        Line2D([], [], marker="s", color=_BASELINE_COLOUR, linestyle="--", label=BASELINE),
    ]
    if any(value.deviation is not None for row in table.rows for value in row.values.values()):
        handles.append(Line2D([], [], color=_METHOD_COLOUR, linewidth=1.4, label="± sample standard deviation"))
    if any(column.on_part for column in table.columns):
        handles.append(Line2D([], [], linestyle="", label=f"{PARTIAL} on part of the data"))
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, bottom), ncols=len(handles), frameon=False)


def _cut(text: str) -> str:
    return text if len(text) <= _LABEL_LIMIT else text[: _LABEL_LIMIT - 1] + "…"
