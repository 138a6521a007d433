"""Figures by layer: how far parameters moved, and which share of the gradients was kept."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from leaderboard.plots.canvas import (
    GREY,
    blank,
    label_in_picture,
    marks_in_words,
    place_text,
    place_title,
    shown_rows,
)
from leaderboard.plots.palette import looks
from leaderboard.record import Record
from leaderboard.table import Row, Table

MOST_LAYERS = 200
"""Layers of a model that are drawn; deeper ones are nobody's encoder."""

KEPT = "kept_fraction_by_layer"
"""What selective methods report: a list for each mask, with the share of kept gradients of each layer."""

Layers = list[float | None]


def draw_deviation(table: Table) -> Figure | None:
    """‖θ − θ₀‖ / ‖θ₀‖ of the embeddings (at 0) and of each layer."""
    return _draw(
        table,
        _deviation,
        first=0,
        what="Deviation from the pre-trained parameters",
        up="‖θ − θ₀‖ / ‖θ₀‖, %",
        said="Layer 0 is the embedding tables.",
    )


def draw_kept(table: Table) -> Figure | None:
    """Share of each layer's gradients that the masks of selective methods keep."""
    return _draw(
        table,
        _kept,
        first=1,
        what="Gradients kept by selective methods",
        up="kept gradients, %",
        said="Mean over the masks of a training. Sparsity is what is missing to 100 %.",
    )


def _draw(
    table: Table, layers_of: Callable[[Record], Layers | None], *, first: int, what: str, up: str, said: str
) -> Figure | None:
    curves = [(row, curve) for row in shown_rows(table) if (curve := _over_seeds(row, layers_of)) is not None]
    if not curves:
        return None
    figure = blank(7.6, 4.4)
    place_title(figure, table, what)
    axes = figure.add_axes((0.09, 0.17, 0.6, 0.71))
    look = looks(table.rows)
    several = False
    for row, curve in curves:
        own = look[row.label]
        places = [first + index for index, (mean, _) in enumerate(curve) if mean is not None]
        means = [100 * mean for mean, _ in curve if mean is not None]
        spreads = [100 * spread for mean, spread in curve if mean is not None]
        several |= any(spreads)
        axes.errorbar(
            places,
            means,
            yerr=spreads if any(spreads) else None,
            color=own.colour,
            marker=own.marker,
            linestyle=own.line,
            markersize=5,
            linewidth=1.3,
            elinewidth=0.8,
            label=label_in_picture(row, 28),
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("layer", parse_math=False)
    axes.set_ylabel(up, parse_math=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    for text in axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False, fontsize=8.5).get_texts():
        text.set_parse_math(False)
    bars = " Bars: ± sample standard deviation over seeds." if several else ""
    marks = "".join(f" {said}." for said in marks_in_words(row for row, _ in curves))
    place_text(figure, 0.1, 0.12, said + bars + marks, va="bottom", size=8, color=GREY)
    return figure


def _over_seeds(row: Row, layers_of: Callable[[Record], Layers | None]) -> list[tuple[float | None, float]] | None:
    """Mean and sample standard deviation of each layer; None where a seed says nothing, or the seeds' layers differ."""
    found = [layers_of(record) for record in row.records]
    known = [layers for layers in found if layers is not None]
    if not known or len(known) < len(found) or len({len(layers) for layers in known}) != 1:
        return None
    curve: list[tuple[float | None, float]] = []
    for values in zip(*known, strict=True):
        numbers = [value for value in values if value is not None]
        if len(numbers) < len(values):
            curve.append((None, 0.0))
        else:
            curve.append((statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else 0.0))
    return curve if any(mean is not None for mean, _ in curve) else None


def _deviation(record: Record) -> Layers | None:
    moved = record.training.deviation if record.training is not None else None
    if moved is None or not 1 <= len(moved.layers) <= MOST_LAYERS:
        return None
    values = (moved.embeddings, *moved.layers)
    return [value if value is not None and 0 <= value < 1e6 else None for value in values]


def _kept(record: Record) -> Layers | None:
    """Mean over the masks; any method may report anything, so what does not fit is not drawn."""
    masks = record.training.method.get(KEPT) if record.training is not None else None
    if not isinstance(masks, list) or not masks or not all(map(_is_layers, masks)):
        return None
    if len({len(mask) for mask in masks}) != 1:
        return None
    return [statistics.fmean(values) for values in zip(*masks, strict=True)]


def _is_layers(mask: object) -> bool:
    return (
        isinstance(mask, Sequence)
        and not isinstance(mask, str)
        and 1 <= len(mask) <= MOST_LAYERS
        and all(
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1
            for value in mask
        )
    )
