"""Robustness against cost: Δ over training time, with the Pareto front."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.figure import Figure

from leaderboard.plots.canvas import (
    GREY,
    LIGHT_GREY,
    blank,
    label_in_picture,
    marks_in_words,
    place_lines,
    place_text,
    place_title,
    shown_rows,
)
from leaderboard.plots.palette import looks
from leaderboard.plots.pareto import pareto_front
from leaderboard.table import Row, Table

_WIDTH, _HEIGHT = 7.2, 4.8  # inches

_AXIS = 0.11 * _WIDTH
"""Where the vertical axis is."""

_DOT = 0.08
"""Half the width of a dot, inches."""

_LETTER = 0.075
"""Inches of a letter."""

_NEAR = 0.16
"""Inches between the heights of a dot and its name from which on a line joins them."""

_UP = sorted((0.03 * step for step in range(-30, 31)), key=lambda up: (abs(up), up))
"""How far above its dot a name may be, the nearest first."""

_LARGEST = 1e6
"""Costs and Δ beyond it are not drawn: they are nobody's measurements."""


@dataclass(frozen=True)
class _Box:
    """The place of a name or of a dot, inches."""

    left: float
    right: float
    middle: float

    def covers(self, other: _Box) -> bool:
        """Whether they overlap; all are of the same height."""
        return abs(self.middle - other.middle) < 0.15 and self.left < other.right and other.left < self.right


def draw_cost(table: Table) -> Figure | None:
    """A dot for each row that has both a cost and Δ."""
    known = [
        (row, row.cost, row.delta)
        for row in shown_rows(table)
        if row.cost is not None and row.delta is not None and 0 < row.cost < _LARGEST and abs(row.delta) < _LARGEST
    ]
    if len(known) < 2:
        return None
    figure = blank(_WIDTH, _HEIGHT)
    place_title(figure, table, "Robustness against cost")
    axes = figure.add_axes((0.11, 0.16, 0.86, 0.72))
    look = looks(table.rows)
    points = [(cost, delta) for _, cost, delta in known]
    ranked = [(cost, delta) for row, cost, delta in known if not row.incomplete]
    front = [ranked[position] for position in pareto_front(ranked)]
    axes.plot([x for x, _ in front], [y for _, y in front], color="#999999", linewidth=1.2, zorder=1)
    axes.axhline(0, color=LIGHT_GREY, linewidth=0.8, zorder=0)
    for row, cost, delta in known:
        own = look[row.label]
        on_front = _is_on(front, row, cost, delta)
        axes.scatter(
            [cost], [delta], s=55, color=own.colour, marker=own.marker, zorder=3, alpha=1.0 if on_front else 0.55
        )
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    axes.set_xlim(low - 0.06 * (high - low or 1), high + 0.2 * (high - low or 1))
    axes.set_xlabel("training time over vanilla's", parse_math=False)
    axes.set_ylabel("Δ: average relative improvement over vanilla, %", parse_math=False)
    axes.margins(y=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    figure.draw_without_rendering()  # so that the places of the dots in inches are known
    labels = [(label_in_picture(row, 28), cost, delta, _is_on(front, row, cost, delta)) for row, cost, delta in known]
    _label(figure, axes, labels)
    marks = "".join(f" {said}." for said in marks_in_words(row for row, *_ in known))
    said = f"Bold, joined by the line: none shown is both better and cheaper.{marks}"
    place_text(figure, 0.1, 0.12, said, va="bottom", size=8, color=GREY)
    return figure


def _is_on(front: list[tuple[float, float]], row: Row, cost: float, delta: float) -> bool:
    return (cost, delta) in front and not row.incomplete


def _label(figure: Figure, axes: object, points: list[tuple[str, float, float, bool]]) -> None:
    """Names beside the dots, the upper ones first, each at the nearest place where it covers no dot and no name."""
    to_inches = figure.dpi_scale_trans.inverted()
    dots = [
        tuple(to_inches.transform(axes.transData.transform((cost, delta))))  # type: ignore[attr-defined]
        for _, cost, delta, _ in points
    ]
    taken: list[_Box] = [_Box(x - _DOT, x + _DOT, y) for x, y in dots]
    upper_first = sorted(zip(points, dots, strict=True), key=lambda found: (-found[0][2], found[0][1], found[0][0]))
    for (label, _, _, on_front), (x, y) in upper_first:
        if not math.isfinite(y):
            continue
        length = _LETTER * len(label)
        places = [_Box(*ends, y + up) for up in _UP for ends in _beside(x, length)]
        box = next((place for place in places if not any(place.covers(other) for other in taken)), places[0])
        taken.append(box)
        is_left = box.left < x
        if abs(box.middle - y) > _NEAR:
            place_lines(figure, [[(x, y), (box.right if is_left else box.left, box.middle)]], color=GREY, linewidth=0.5)
        weight = "bold" if on_front else "normal"
        at, side = (box.right, "right") if is_left else (box.left, "left")
        place_text(figure, at, box.middle, label, va="center", ha=side, weight=weight, size=8.5, zorder=4)


def _beside(x: float, length: float) -> list[tuple[float, float]]:
    """Left and right ends of a name to the right of a dot and to its left, as far as they are in the picture."""
    right, left = (x + 0.1, x + 0.1 + length), (x - 0.1 - length, x - 0.1)
    return [ends for ends in (right, left) if ends[0] > _AXIS and ends[1] < _WIDTH] or [right]
