"""What every picture is drawn with: places in inches, texts that are never read as mathematics, reproducible files."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from leaderboard.aggregate import BASELINE
from leaderboard.layout import INCOMPLETE, SELECTED_ON_REPORTED, label_of
from leaderboard.table import Row, Table

DOTS_PER_INCH = 150
"""Of PNG files."""

MOST_ROWS = 40
"""Rows of a table that a picture shows."""

GREY = "#666666"
LIGHT_GREY = "#e6e6e6"

_LABEL_LIMIT = 36

_TITLE_SIZE = 11
_TITLE_LETTER = 0.094
"""Inches of a letter of that size, a little more than usual."""


@contextmanager
def default_style() -> Iterator[None]:
    """Within the context matplotlib draws as it comes, whatever the user's settings."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "roast-bench", "font.size": 9})
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name in another script is drawn as boxes
        yield


def saved(figure: Figure, picture_format: Literal["svg", "png"]) -> bytes:
    """The figure as a file that does not name its time or maker."""
    target = io.BytesIO()
    if picture_format == "svg":
        FigureCanvasSVG(figure)
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": "roast-bench"})
    else:
        FigureCanvasAgg(figure)
        figure.savefig(target, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return target.getvalue()


def blank(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    return figure


def place_text(figure: Figure, x: float, y: float, text: str, **style: Any) -> None:
    """Text at a place in inches, never read as mathematics."""
    figure.text(x, y, text, transform=figure.dpi_scale_trans, parse_math=False, **style)


def place_lines(figure: Figure, lines: Sequence[Sequence[tuple[float, float]]], **style: Any) -> None:
    """Lines through points in inches, as one artist with gaps: an artist for each is slow in large tables."""
    gap = (math.nan, math.nan)
    xs, ys = zip(*(point for line in lines for point in (*line, gap)), strict=True) if lines else ((), ())
    figure.add_artist(Line2D(xs, ys, transform=figure.dpi_scale_trans, **style))


def title_of(table: Table, what: str) -> str:
    """What a picture shows, and of which table."""
    return f"{what}: {cut(table.task)}, {cut(table.backbone)}, setting {table.setting}"


def place_title(figure: Figure, table: Table, what: str) -> None:
    """The title in the upper left corner, with a word on rows that are left out."""
    width, height = figure.get_size_inches()
    title = title_of(table, what)
    # Smaller where the names are long, as those of backbones from the hub are.
    size = _TITLE_SIZE * min(1.0, (width - 0.2) / (_TITLE_LETTER * len(title)))
    place_text(figure, 0.1, height - 0.12, title, va="top", weight="bold", size=size)
    if len(table.rows) > MOST_ROWS:
        said = f"{MOST_ROWS} of {len(table.rows):,} rows: the first, and vanilla"
        place_text(figure, 0.1, height - 0.32, said, va="top", color=GREY, size=8)


def shown_rows(table: Table) -> tuple[Row, ...]:
    """The rows that a picture shows: the first ones, and vanilla wherever it stands."""
    first, others = table.rows[:MOST_ROWS], table.rows[MOST_ROWS:]
    baselines = tuple(row for row in others if row.method == BASELINE)[:1]
    return (*first[: MOST_ROWS - len(baselines)], *baselines)


def cut(text: str, limit: int = _LABEL_LIMIT) -> str:
    """The text, or its beginning where it is long."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def label_in_picture(row: Row, limit: int = _LABEL_LIMIT) -> str:
    """The row's label, cut where it is long, with its marks."""
    return cut(row.label, limit) + label_of(row)[len(row.label) :]


def marks_in_words(rows: Iterable[Row]) -> list[str]:
    """What the marks of the labels mean, of those there are."""
    rows = list(rows)
    reported = (
        [f"{SELECTED_ON_REPORTED} epoch chosen on a reported set"] if any(r.selected_on_reported for r in rows) else []
    )
    return reported + ([f"{INCOMPLETE} incomplete, not ranked"] if any(r.incomplete for r in rows) else [])


def left_margin(labels: Sequence[str]) -> float:
    """Inches that labels on the left need."""
    return 0.3 + 0.075 * max((len(label) for label in labels), default=0)
