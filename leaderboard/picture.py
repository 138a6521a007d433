"""The picture of a table: its five perspectives, one panel each, one line per method."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from leaderboard.aggregate import BASELINE
from leaderboard.layout import PARTIAL, UNDEFINED, label_of, partial_mark
from leaderboard.record import PERSPECTIVES
from leaderboard.table import Column, Row, Table

# Two colours of the Okabe-Ito palette, which the colour-blind tell apart; the marker's shape says the same.
_METHOD_COLOUR, _BASELINE_COLOUR = "#0072B2", "#D55E00"
_GREY = "#666666"

_PANEL_WIDTH, _ROW_HEIGHT = 2.3, 0.3  # inches
_LABEL_LIMIT, _HEADING_WIDTH = 36, 26  # characters


def render_picture(table: Table) -> bytes:
    """The table's five perspectives as SVG.

    Dots are means, bars ± one sample standard deviation over seeds, the dashed line is vanilla. The same table
    gives the same bytes under the same version of matplotlib: nothing depends on the time or on the user's
    matplotlib settings.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "roast-bench", "font.size": 9})
        figure = draw(table)
        target = io.BytesIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": "roast-bench"})
    return target.getvalue()


def draw(table: Table) -> Figure:
    """The figure itself, for other formats than SVG."""
    columns = [column for column in table.columns if column.key in PERSPECTIVES]
    labels = [_cut(label_of(row)) for row in table.rows]
    headings = [_heading(column) for column in columns]

    # Laid out by hand in inches: the automatic layouts measure every text again and again, and move with its length.
    left = 0.3 + 0.075 * max(len(label) for label in labels)
    width = left + _PANEL_WIDTH * len(columns) + 0.15
    above = 0.5 + 0.17 * (1 + max(heading.count("\n") for heading in headings))
    rows = _ROW_HEIGHT * (len(labels) + 0.4)
    below = 0.75
    height = above + rows + below

    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    title = f"{_cut(table.task)}, {_cut(table.backbone)}, setting {table.setting}"
    figure.text(0.1 / width, 1 - 0.12 / height, title, va="top", weight="bold", size=11, parse_math=False)
    for position, (column, heading) in enumerate(zip(columns, headings, strict=True)):
        axes = figure.add_axes(
            (
                (left + _PANEL_WIDTH * position) / width,
                below / height,
                (_PANEL_WIDTH - 0.2) / width,
                rows / height,
            )
        )
        _panel(axes, column, table.rows)
        above_panel = 1 + 0.1 / rows
        axes.text(0, above_panel, heading, transform=axes.transAxes, va="baseline", linespacing=1.3, parse_math=False)
        if position == 0:
            for at, label in enumerate(labels):
                beside = axes.get_yaxis_transform()
                axes.text(-0.04, at, label, transform=beside, ha="right", va="center", parse_math=False)
    _key(figure, table, 0.05 / height)
    return figure


def _panel(axes: Axes, column: Column, rows: Sequence[Row]) -> None:
    values = [row.values[column.key] for row in rows]
    of_baseline = [row.method == BASELINE for row in rows]
    spans = [
        (at, value.mean, value.deviation or 0.0, _BASELINE_COLOUR if own else _METHOD_COLOUR)
        for at, (value, own) in enumerate(zip(values, of_baseline, strict=True))
        if value.mean is not None
    ]
    guides = axes.get_yaxis_transform()
    axes.plot(*_segments([(0.0, 1.0, at) for at in range(len(rows))]), color="#e6e6e6", linewidth=0.8, transform=guides)
    for colour, marker in ((_METHOD_COLOUR, "o"), (_BASELINE_COLOUR, "s")):
        own = [(at, mean, deviation) for at, mean, deviation, its in spans if its == colour]
        if colour == _BASELINE_COLOUR and len(own) == 1:
            axes.axvline(own[0][1], color=colour, linestyle="--", linewidth=1)
        bars = [(mean - deviation, mean + deviation, at) for at, mean, deviation in own]
        axes.plot(*_segments(bars), color=colour, linewidth=1.4)
        axes.plot(
            [mean for _, mean, _ in own], [at for at, *_ in own], marker, color=colour, markersize=5.5, linestyle=""
        )
    for at, value in enumerate(values):
        if value.mean is None:
            axes.text(0.5, at, UNDEFINED, transform=guides, ha="center", va="center", color=_GREY)
    _scale(axes, [edge for _, mean, deviation, _ in spans for edge in (mean - deviation, mean + deviation)])
    axes.set_ylim(len(rows) - 0.3, -0.7)  # the best row at the top
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)


def _segments(spans: Sequence[tuple[float, float, int]]) -> tuple[list[float], list[float]]:
    """Horizontal segments (from, to, height) as one line with gaps: an artist for each is slow in large tables."""
    xs, ys = [], []
    for start, end, height in spans:
        xs += [start, end, math.nan]
        ys += [float(height)] * 2 + [math.nan]
    return xs, ys


def _scale(axes: Axes, edges: Sequence[float]) -> None:
    """The axis spans the values, never less than one percentage point, so that noise does not look like a gap."""
    if not edges:
        axes.set_xlim(0, 100)
        axes.set_xticks([])
        return
    low, high = min(edges), max(edges)
    missing = max(0.0, 1.0 - (high - low)) / 2
    margin = 0.08 * max(high - low, 1.0)
    axes.set_xlim(low - missing - margin, high + missing + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="x", style="plain", useOffset=False)


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
