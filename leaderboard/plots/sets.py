"""Every evaluation set and live attack: differences to vanilla, as a heat map."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import matplotlib
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from leaderboard.aggregate import BASELINE
from leaderboard.detail import scores_of_attacks, scores_of_sets
from leaderboard.plots.canvas import (
    GREY,
    blank,
    cut,
    label_in_picture,
    left_margin,
    marks_in_words,
    place_text,
    place_title,
    shown_rows,
)
from leaderboard.table import Row, Table

MOST_COLUMNS = 40
"""Columns of the picture: the first of the records."""

_CELL, _ROW, _BELOW = 0.52, 0.3, 0.7  # inches
_LETTER, _TILT = 0.078, 40  # inches, degrees
_PERSPECTIVE_OF = {"in-distribution": "acc_in", "shift": "acc_shift", "adversarial": "acc_adv", "anomaly": "auroc"}
_ATTACK = "attack"
_ORDER = [*_PERSPECTIVE_OF.values(), _ATTACK]
_LARGEST = 1e4
"""Differences beyond it are not drawn: these are percentages."""


def draw_sets(table: Table) -> Figure | None:
    """Accuracy on labelled sets and under attack, AUROC of anomalies, each less vanilla's, in points."""
    baselines = [row for row in table.rows if row.method == BASELINE]
    rows = [row for row in shown_rows(table) if row.method != BASELINE]
    if len(baselines) != 1 or not rows:
        return None
    reference = _values(baselines[0])
    all_columns = list(reference)
    columns = all_columns[:MOST_COLUMNS]
    differences = {
        (row.label, column): value - reference[column]
        for row in rows
        for column, value in _values(row).items()
        if column in columns and abs(value - reference[column]) < _LARGEST
    }
    if not differences:
        return None
    labels = [label_in_picture(row) for row in rows]
    left = left_margin(labels)
    headings = _headings(columns)
    across_all = [_LETTER * len(text) * math.cos(math.radians(_TILT)) for text in headings]
    width = max(6.4, *(left + _CELL * (at + 0.5) + long + 0.1 for at, long in enumerate(across_all)))
    above = 0.6 + _LETTER * max(map(len, headings)) * math.sin(math.radians(_TILT))
    height = above + _ROW * len(rows) + _BELOW
    figure = blank(width, height)
    place_title(figure, table, f"Differences to {BASELINE}")
    top = height - above
    for across, text in enumerate(headings):
        x = left + _CELL * (across + 0.5)
        place_text(figure, x - 0.05, top + 0.08, text, rotation=_TILT, ha="left", va="bottom", rotation_mode="anchor")
    colours = matplotlib.colormaps["PuOr_r"]
    extent = max(1.0, *(abs(value) for value in differences.values()))
    norm = TwoSlopeNorm(0.0, -extent, extent)
    for down, row in enumerate(rows):
        y = top - _ROW * (down + 1)
        place_text(figure, left - 0.1, y + _ROW / 2, labels[down], ha="right", va="center")
        for across, column in enumerate(columns):
            value = differences.get((row.label, column))
            if value is None:
                continue
            x = left + _CELL * across
            colour = colours(0.12 + 0.76 * float(norm(value)))
            figure.add_artist(
                Rectangle((x, y), _CELL, _ROW, transform=figure.dpi_scale_trans, color=colour, linewidth=0)
            )
            ink = "white" if _luminance(colour) < 0.4 else "black"
            place_text(figure, x + _CELL / 2, y + _ROW / 2, _signed(value), ha="center", va="center", size=8, color=ink)
    more = f" {len(all_columns) - len(columns)} more are not shown." if len(all_columns) > len(columns) else ""
    marks = "".join(f" {said}." for said in marks_in_words(rows))
    said = (
        f"Points of accuracy, of anomalies AUROC, mean over seeds. Brackets: the perspective.{more}\n"
        f"Orange: better than vanilla, violet: worse.{marks}"
    )
    place_text(figure, 0.1, 0.15, said, size=8, color=GREY, va="bottom", linespacing=1.4)
    return figure


def _headings(columns: Sequence[tuple[str, str]]) -> list[str]:
    """Names of the columns; of attacks without the end of their budget, where that tells none apart."""
    whole = [f"attack {name}" if kind == _ATTACK else f"{name} ({kind})" for kind, name in columns]
    times = Counter(cut(text, 34) for text in whole)
    return [short if times[short := cut(text, 34)] == 1 else cut(text, 80) for text in whole]


def _values(row: Row) -> dict[tuple[str, str], float]:
    """(Perspective or `_ATTACK`, name) → mean score in percent, where it is known."""
    found: dict[tuple[str, str], float] = {}
    if not row.records:
        return found
    roles = row.records[0].evaluation_sets
    for name, metrics in scores_of_sets(row).items():
        if name not in roles:
            continue
        kind = _PERSPECTIVE_OF[roles[name].role]
        metric = metrics.get("auroc" if kind == "auroc" else "accuracy")
        if metric is not None and metric.value.mean is not None and math.isfinite(metric.value.mean):
            found[kind, name] = metric.value.mean
    for name, metrics in scores_of_attacks(row).items():
        value = metrics["accuracy_under_attack"].value.mean
        if value is not None and math.isfinite(value):
            found[_ATTACK, name] = value
    return dict(sorted(found.items(), key=lambda item: _ORDER.index(item[0][0])))


def _luminance(colour: tuple[float, float, float, float]) -> float:
    red, green, blue, _ = colour
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _signed(value: float) -> str:
    rounded = round(value, 1) + 0.0
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0"
