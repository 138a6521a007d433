"""The scale of a panel, drawn without axes, against matplotlib's own axes."""

import random

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from leaderboard.aggregate import aggregate
from leaderboard.plots import render_pictures
from leaderboard.plots.perspectives import _Scale, draw_perspectives


def ticks_of_axes(low, high):
    """Place, as a share of the width, and label of each visible tick."""
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="x", style="plain", useOffset=False)
    figure.canvas.draw()
    ticks = [(tick.get_loc(), tick.label1.get_text()) for tick in axes.xaxis.get_major_ticks()]
    return [((place - low) / (high - low), label) for place, label in ticks if low <= place <= high]


@pytest.mark.parametrize("seed", range(40))
def test_ticks_and_labels_are_those_of_axes(seed):
    generator = random.Random(seed)
    centre, spread = generator.uniform(0, 100), generator.choice([0.0, 0.3, 1.0, 3.0, 12.0, 60.0])
    scale = _Scale.spanning([centre - spread, centre, centre + spread], 2.0, 4.0)
    found = [((scale.inches(tick) - 2.0) / 2.0, label) for tick, label in scale.ticks().items()]
    expected = ticks_of_axes(scale.low, scale.high)
    assert [label for _, label in found] == [label for _, label in expected]
    assert [place for place, _ in found] == pytest.approx([place for place, _ in expected])


def test_the_scale_spans_the_values_and_at_least_one_point():
    scale = _Scale.spanning([80.0, 80.0], 0.0, 1.0)
    assert scale.inches(80.0) == pytest.approx(0.5)
    assert scale.high - scale.low == pytest.approx(1.16)
    wide = _Scale.spanning([0.0, 100.0], 0.0, 1.0)
    assert (wide.low, wide.high) == (-8.0, 108.0)
    assert list(wide.ticks().values()) == ["0", "50", "100"]
    assert "−0" not in _Scale.spanning([-0.3, 0.4], 0.0, 1.0).ticks().values()


def test_rows_and_values_are_where_they_belong(record_factory):
    records = [record_factory("vanilla", 1, {"acc_in": 80.0}), record_factory("roast", 1, {"acc_in": 90.0})]
    (table,) = aggregate(records).tables
    figure = draw_perspectives(table)
    names = {text.get_text(): text.get_position() for text in figure.texts}
    dots = [line.get_xydata()[0] for line in figure.artists if line.get_marker() in ("o", "s")]
    (roast, vanilla) = dots[:2]  # of acc_in, the first panel
    assert roast[1] == pytest.approx(names["roast"][1])
    assert vanilla[1] == pytest.approx(names["vanilla"][1])
    assert names["roast"][1] > names["vanilla"][1]  # the best at the top
    ticks = {label: position[0] for label, position in names.items() if label in ("80", "85", "90")}
    assert (vanilla[0], roast[0]) == pytest.approx((ticks["80"], ticks["90"]))


@pytest.mark.parametrize("value", [1e17, -1e17, 1e308, 1e-300])
def test_senseless_values_still_make_a_picture(record_factory, value):
    records = [record_factory("vanilla", 1, {"ece": value}), record_factory("roast", 1, {"ece": -value})]
    (table,) = aggregate(records).tables
    assert render_pictures(table, "svg")["perspectives"].startswith(b"<?xml")
    assert render_pictures(table, "png")["perspectives"].startswith(b"\x89PNG")
