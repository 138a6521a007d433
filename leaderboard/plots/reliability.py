"""Reliability diagrams: accuracy against confidence, of each method on each labelled set."""

from __future__ import annotations

from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from leaderboard.detail import scores_of_sets
from leaderboard.plots.canvas import (
    GREY,
    blank,
    cut,
    label_in_picture,
    left_margin,
    marks_in_words,
    place_lines,
    place_text,
    place_title,
    shown_rows,
)
from leaderboard.plots.palette import OKABE_ITO
from leaderboard.plots.reliability_bins import Bin, reliability_bins
from leaderboard.significance.single_predictions import labelled_predictions, largest_probabilities
from leaderboard.table import Row, Table

MOST_SETS = 16
"""Columns of the picture: the first sets of the records."""

_PANEL, _GAP, _ABOVE, _BELOW = 0.95, 0.16, 0.8, 0.75  # inches
_LARGEST_DOT = 150.0  # square points, of a bin with all texts
_OVER, _UNDER = OKABE_ITO[1], OKABE_ITO[0]


def draw_reliability(table: Table) -> Figure | None:
    """One panel for each row and labelled set, all seeds of a row pooled, at temperature 1."""
    rows = shown_rows(table)
    panels: dict[tuple[str, str], list[Bin]] = {}
    for row in rows:
        for name in _labelled_sets(row):
            if found := _bins(row, name):
                panels[row.label, name] = found
    all_names = list(dict.fromkeys(name for _, name in panels))
    names = all_names[:MOST_SETS]
    if not names:
        return None
    rows = tuple(row for row in rows if any((row.label, name) in panels for name in names))
    labels = [label_in_picture(row) for row in rows]
    left = left_margin(labels)
    step = _PANEL + _GAP
    width = max(left + step * len(names) + 0.1, 6.2)
    height = _ABOVE + step * len(rows) + _BELOW
    figure = blank(width, height)
    place_title(figure, table, "Reliability")
    dots: list[tuple[float, float, float, str]] = []
    gaps: list[tuple[tuple[float, float], tuple[float, float], str]] = []
    frames, diagonals = [], []
    for down, row in enumerate(rows):
        bottom = height - _ABOVE - step * (down + 1) + _GAP
        place_text(figure, left - 0.1, bottom + _PANEL / 2, labels[down], ha="right", va="center")
        errors = scores_of_sets(row)
        for across, name in enumerate(names):
            x = left + step * across
            if down == 0:
                place_text(figure, x + _PANEL / 2, bottom + _PANEL + 0.08, cut(name, 16), ha="center", va="bottom")
            bins = panels.get((row.label, name))
            if bins is None:
                continue
            corners = [(x, bottom), (x + _PANEL, bottom), (x + _PANEL, bottom + _PANEL), (x, bottom + _PANEL)]
            frames.append([*corners, corners[0]])
            diagonals.append([corners[0], corners[2]])
            for item in bins:
                at, accuracy = x + item.confidence * _PANEL, bottom + item.accuracy * _PANEL
                colour = _UNDER if item.accuracy >= item.confidence else _OVER
                gaps.append(((at, bottom + item.confidence * _PANEL), (at, accuracy), colour))
                dots.append((at, accuracy, item.share, colour))
            if "ece_raw" in errors.get(name, {}) and (mean := errors[name]["ece_raw"].value.mean) is not None:
                place_text(figure, x + 0.05, bottom + _PANEL - 0.05, f"{mean:.1f}", va="top", size=8, color=GREY)
    place_lines(figure, frames, color="#bbbbbb", linewidth=0.6)
    place_lines(figure, diagonals, color="#bbbbbb", linewidth=0.8, linestyle="--")
    _draw_bins(figure, dots, gaps)
    _key(figure, len(all_names) - len(names), marks_in_words(rows))
    return figure


def _labelled_sets(row: Row) -> list[str]:
    """Names of the sets, as the first record has them."""
    return (
        [name for name, item in row.records[0].evaluation_sets.items() if item.role != "anomaly"] if row.records else []
    )


def _bins(row: Row, name: str) -> list[Bin]:
    """Of all seeds together; none where the predictions of one are not known."""
    import numpy as np

    confidence, correct = [], []
    for record in row.records:
        try:
            predicted = labelled_predictions(record, name)
        except ValueError:
            return []
        confidence.append(largest_probabilities(predicted.logits, [1.0])[0])
        correct.append(predicted.correct)
    return list(reliability_bins(np.concatenate(confidence), np.concatenate(correct)))


def _draw_bins(
    figure: Figure,
    dots: list[tuple[float, float, float, str]],
    gaps: list[tuple[tuple[float, float], tuple[float, float], str]],
) -> None:
    """As axes over the whole figure, where inches are the data: a collection for all panels is fast."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height), frame_on=False, xticks=[], yticks=[])
    axes.patch.set_visible(False)
    axes.add_collection(LineCollection([gap[:2] for gap in gaps], colors=[gap[2] for gap in gaps], linewidths=1.2))
    axes.scatter(
        [dot[0] for dot in dots],
        [dot[1] for dot in dots],
        s=[4 + _LARGEST_DOT * dot[2] for dot in dots],
        c=[dot[3] for dot in dots],
        alpha=0.75,
        linewidths=0,
        clip_on=False,
    )


def _key(figure: Figure, left_out: int, marks: list[str]) -> None:
    more = f" {left_out} more sets are not shown." if left_out else ""
    more += "".join(f"\n{said}." for said in marks)
    place_text(
        figure,
        0.1,
        0.55,
        "Across: mean confidence of a bin, 0 to 1. Up: its accuracy, 0 to 1. The larger a dot, the more texts.\n"
        f"Orange: more confident than right; blue: less. Corner: ece_raw, %. No temperature; seeds pooled.{more}",
        va="top",
        size=8,
        color=GREY,
        linespacing=1.4,
    )
