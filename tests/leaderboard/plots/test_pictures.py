import hashlib
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from sklearn.calibration import calibration_curve

from leaderboard.aggregate import aggregate
from leaderboard.compact_logits import compact
from leaderboard.detail import scores_of_sets
from leaderboard.plots import KINDS, render_pictures
from leaderboard.plots.canvas import MOST_ROWS, default_style, shown_rows
from leaderboard.plots.cost import draw_cost
from leaderboard.plots.palette import looks
from leaderboard.plots.pareto import pareto_front
from leaderboard.plots.reliability_bins import reliability_bins
from leaderboard.plots.sets import draw_sets
from leaderboard.record import AttackResult, EvaluatedSet, ParameterDeviation, Record, Score, Training
from leaderboard.table import Table

RecordFactory = Callable[..., Record]
SETS = {"sst2": "in-distribution", "imdb": "shift", "advglue-sst2": "adversarial", "qqp": "anomaly"}


def percent(value: float) -> Score:
    return Score(value=value, sets=("x",))


def whole_record(record_factory: RecordFactory, method: str, seed: int) -> Record:
    """A record with something for every kind of picture."""
    random_numbers = np.random.default_rng([len(method), seed])
    sets = {}
    for name, role in SETS.items():
        logits = random_numbers.normal(scale=2, size=(60, 2))
        labels = None if role == "anomaly" else random_numbers.integers(2, size=60).tolist()
        sets[name] = EvaluatedSet(
            rows=60,
            rows_available=60,
            sha256=f"hash of {name}",
            partial=False,
            role=role,
            compact_logits=compact(logits, labels),
        )
    return record_factory(
        method,
        seed,
        {"acc_in": 80 + float(random_numbers.normal())},
        sets=sets,
        set_scores={
            name: {"auroc": percent(70.0 + seed)}
            if role == "anomaly"
            else {"accuracy": percent(80.0 + len(method) - seed), "ece_raw": percent(9.0)}
            for name, role in SETS.items()
        },
        training=Training(
            steps=100,
            selection="held-out",
            selection_accuracy=(90.0,),
            kept_epoch=1,
            loss=0.3,
            seconds=10.0 * len(method),
            processor_seconds=10.0 * len(method) + seed,
            deviation=ParameterDeviation(embeddings=0.01, layers=(0.02, 0.03 * len(method))),
            method={"kept_fraction_by_layer": [[0.4, 0.5], [0.6, 0.7]]} if method == "roast" else {},
        ),
    )


@pytest.fixture
def table(record_factory: RecordFactory) -> Table:
    records = [whole_record(record_factory, *cell) for cell in product(("vanilla", "roast", "freelb"), (1, 2))]
    return one_table(records)


def one_table(records: list[Record]) -> Table:
    (table,) = aggregate(records).tables
    return table


def digests(table: Table, picture_format: str) -> dict[str, str]:
    return {
        kind: hashlib.sha256(content).hexdigest() for kind, content in render_pictures(table, picture_format).items()
    }


@pytest.mark.parametrize("picture_format", ["svg", "png"])
def test_all_kinds_the_same_bytes_whatever_the_settings(
    table: Table, picture_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = digests(table, picture_format)
    assert list(first) == list(KINDS)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20)
    monkeypatch.setitem(matplotlib.rcParams, "savefig.dpi", 10)
    assert digests(table, picture_format) == first
    assert matplotlib.rcParams["font.size"] == 20


def test_no_time_in_the_files(table: Table) -> None:
    for content in render_pictures(table, "svg").values():
        assert b"<dc:date>" not in content
        assert re.findall(rb"<dc:creator>.*?<dc:title>(.*?)</dc:title>", content, re.DOTALL) == [b"roast-bench"]
    for content in render_pictures(table, "png").values():
        assert b"Software" not in content


def test_what_has_no_data_is_left_out(record_factory: RecordFactory) -> None:
    assert list(render_pictures(one_table([record_factory("vanilla")]), "svg")) == ["perspectives"]


def test_bins_are_those_of_scikit_learn() -> None:
    random_numbers = np.random.default_rng(0)
    confidence = random_numbers.uniform(0.5, 1.0, 500)
    correct = random_numbers.uniform(size=500) < confidence
    found = reliability_bins(confidence, correct)
    accuracy, mean = calibration_curve(correct, confidence, n_bins=10)
    assert [item.accuracy for item in found] == pytest.approx(accuracy)
    assert [item.confidence for item in found] == pytest.approx(mean)
    assert sum(item.share for item in found) == pytest.approx(1.0)


def test_upper_edges_belong_to_the_bin_below() -> None:
    found = reliability_bins(np.array([0.6, np.nextafter(0.6, 1), 0.7, 1.0]), np.array([True, False, True, True]))
    assert [(item.share, item.accuracy) for item in found] == [(0.25, 1.0), (0.5, 0.5), (0.25, 1.0)]


@pytest.mark.parametrize("seed", range(20))
def test_pareto_front_against_its_definition(seed: int) -> None:
    generator = random.Random(seed)
    points = [(float(generator.randrange(6)), float(generator.randrange(6))) for _ in range(12)]

    def beaten(mine: tuple[float, float]) -> bool:
        return any(
            (cost < mine[0] and gain >= mine[1]) or (cost <= mine[0] and gain > mine[1]) for cost, gain in points
        )

    found = pareto_front(points)
    assert sorted(found) == [position for position, point in enumerate(points) if not beaten(point)]
    assert [points[position][0] for position in found] == sorted(points[position][0] for position in found)


def test_numbers_of_the_heat_map_are_the_differences(table: Table) -> None:
    figure = draw_sets(table)
    assert figure is not None
    shown = [text.get_text() for text in figure.texts]
    rows = {row.label: scores_of_sets(row) for row in table.rows}
    for label in ("roast", "freelb"):
        difference = rows[label]["imdb"]["accuracy"].value.mean - rows["vanilla"]["imdb"]["accuracy"].value.mean
        assert f"{difference:+.1f}".replace("-", "−") in shown
    assert shown.count("0") == 2  # the AUROC of both
    assert "qqp (auroc)" in shown


def test_a_method_looks_the_same_whatever_its_rank(table: Table) -> None:
    assert looks(table.rows) == looks(tuple(reversed(table.rows)))
    look = looks(table.rows)
    assert look["vanilla"].colour == "black"
    assert len({(item.colour, item.marker) for item in look.values()}) == len(table.rows)


@pytest.mark.parametrize(
    "reported",
    [
        None,
        "half",
        [],
        [[]],
        [0.5],
        ["ab"],
        [[0.5], [0.5, 0.6]],
        [[True]],
        [[2.0]],
        [[-0.1]],
        [["<b>"]],
        [[0.5] * 1_000],
        {"layer": 1},
    ],
)
def test_what_a_method_reports_in_another_form_is_not_drawn(record_factory: RecordFactory, reported: object) -> None:
    record = whole_record(record_factory, "roast", 1)
    assert record.training is not None
    training = record.training.model_copy(update={"method": {"kept_fraction_by_layer": reported}})
    assert "kept" not in render_pictures(one_table([record.model_copy(update={"training": training})]), "svg")


def test_absurd_values_are_not_drawn_and_do_no_harm(table: Table) -> None:
    rows = [replace(row, cost=10.0**300, delta=-(10.0**300)) for row in table.rows]
    pictures = render_pictures(replace(table, rows=tuple(rows)), "png")
    assert "cost" not in pictures
    assert "sets" in pictures


def test_hostile_and_long_names(record_factory: RecordFactory) -> None:
    name = "$\\frac{<script>" + "x" * 10_000
    records = [whole_record(record_factory, method, 1) for method in ("vanilla", "roast")]
    content = json.loads(records[1].model_dump_json())
    content["cell"]["method"] = name
    content["evaluation_sets"] = {f"{name}{key}": item for key, item in content["evaluation_sets"].items()}
    hostile = Record.model_validate(content)
    table = one_table([hostile, hostile.model_copy(update={"cell": records[0].cell})])
    for kind, picture in render_pictures(table, "svg").items():
        assert b"<script" not in picture, kind
        assert len(picture) < 400_000, kind


def test_many_rows_are_cut_and_it_is_said(record_factory: RecordFactory) -> None:
    records = [record_factory("vanilla", scores={"acc_in": 1.0})]
    records += [record_factory("roast", hyper_parameters={"alpha": number}) for number in range(60)]
    table = one_table(records)
    assert [row.method for row in table.rows].index("vanilla") == 60
    assert f"{MOST_ROWS} of 61 rows: the first, and vanilla".encode() in render_pictures(table, "svg")["perspectives"]
    rows = shown_rows(table)
    assert len(rows) == MOST_ROWS
    assert rows == (*table.rows[: MOST_ROWS - 1], table.rows[60])


def test_sets_that_are_not_drawn_do_not_fade_those_that_are(
    record_factory: RecordFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def colours(of_the_last: float) -> set[tuple[float, ...]]:
        content = [
            json.loads(whole_record(record_factory, method, 1).model_dump_json()) for method in ("vanilla", "sam")
        ]
        content[1]["set_scores"]["qqp"]["auroc"]["value"] = of_the_last
        figure = draw_sets(one_table([Record.model_validate(item) for item in content]))
        assert figure is not None
        return {patch.get_facecolor() for patch in figure.artists if isinstance(patch, Rectangle)}

    assert colours(1.0) != colours(99.0)
    monkeypatch.setattr("leaderboard.plots.sets.MOST_COLUMNS", 3)
    assert colours(1.0) == colours(99.0)


def every_text(figure: Figure) -> list[Text]:
    """All texts but those of ticks."""
    figure.draw_without_rendering()
    texts = list(figure.texts)
    for legend in figure.findobj(Legend):
        texts += legend.get_texts()
    for axes in figure.axes:
        texts += [axes.xaxis.label, axes.yaxis.label]
    return [text for text in texts if text.get_text()]


@pytest.mark.parametrize("backbone", ["minilm", "sentence-transformers/all-MiniLM-L6-v2"])
def test_no_text_is_cut_off_by_the_edge(record_factory: RecordFactory, backbone: str) -> None:
    cells = [("vanilla", 1), ("roast", 1), ("freelb", 2)]
    records = [whole_record(record_factory, *cell) for cell in cells]
    content = [json.loads(record.model_dump_json()) for record in records]
    for item, alpha in product(content[1:2], (0.9, 0.6)):
        item["configuration"]["resolved"]["hyper_parameters"] = {"alpha": alpha, "consistency_weight": alpha}
        content.append(json.loads(json.dumps(item)))
    for item in content:
        item["cell"].update(backbone=backbone, task="entailment-small")
    table = one_table([Record.model_validate(item) for item in content])
    with default_style():
        for kind, draw in KINDS.items():
            figure = draw(table)
            assert figure is not None
            width = figure.bbox.width
            for text in every_text(figure):
                edges = text.get_window_extent()
                assert edges.x0 >= -1, (kind, text.get_text())
                assert edges.x1 <= width + 1, (kind, text.get_text())


def test_incomplete_rows_are_marked_and_beat_nobody(record_factory: RecordFactory) -> None:
    cells = [("vanilla", 1), ("vanilla", 2), ("roast", 1), ("roast", 2), ("sam", 1)]
    table = one_table([whole_record(record_factory, *cell) for cell in cells])
    rows = [
        replace(row, cost=cost, delta=delta)
        for row in table.rows
        for cost, delta in [{"vanilla": (1.0, 0.0), "roast": (2.0, 3.0), "sam": (0.5, 9.0)}[row.method]]
    ]
    with default_style():
        figures = {kind: draw(replace(table, rows=tuple(rows))) for kind, draw in KINDS.items() if kind != "kept"}
        for kind, figure in figures.items():
            assert figure is not None
            texts = [text.get_text() for text in every_text(figure)]
            assert "sam‡" in texts, kind
            assert any("‡ incomplete, not ranked" in text for text in texts), kind
    assert figures["cost"] is not None
    bold = {text.get_text() for text in every_text(figures["cost"]) if text.get_weight() == "bold"}
    assert {"vanilla", "roast"} <= bold
    assert "sam‡" not in bold


def test_names_in_the_cost_picture_cover_no_dot_and_no_name(record_factory: RecordFactory) -> None:
    """Methods that are as good as each other, where names to the right of dots would lie on other dots."""
    places = {"vanilla": (1.0, 0.0), "roast-selective": (1.16, 0.7), "lp-ft": (1.15, 0.4), "wconsol": (1.35, 0.68)}
    places |= {"advweight": (2.2, 4.6), "roast": (2.5, 3.4), "freelb": (2.5, 3.4), "r3f": (2.45, 3.3)}
    table = one_table([whole_record(record_factory, method, 1) for method in places])
    rows = tuple(replace(row, cost=places[row.method][0], delta=places[row.method][1]) for row in table.rows)
    with default_style():
        figure = draw_cost(replace(table, rows=rows))
        assert figure is not None
        figure.draw_without_rendering()
        names = {text.get_text(): text.get_window_extent() for text in figure.texts if text.get_text() in places}
        dots = figure.axes[0].transData.transform(list(places.values()))
    assert set(names) == set(places)
    for name, box in names.items():
        assert not any(box.contains(*dot) for dot in dots), name
        assert not any(box.overlaps(other) for label, other in names.items() if label != name), name


def test_attacks_of_other_budgets_have_other_headings(
    record_factory: RecordFactory, attack_factory: Callable[..., AttackResult]
) -> None:
    attacks = tuple(attack_factory(max_queries=queries) for queries in (50, 500))
    records = [
        whole_record(record_factory, method, 1).model_copy(update={"attacks": attacks})
        for method in ("vanilla", "roast")
    ]
    with default_style():
        figure = draw_sets(one_table(records))
        assert figure is not None
        headings = [text.get_text() for text in every_text(figure) if text.get_text().startswith("attack ")]
    assert len(set(headings)) == 2


def test_the_star_is_explained_where_it_is_shown(
    record_factory: RecordFactory, attack_factory: Callable[..., AttackResult]
) -> None:
    attacks = (attack_factory(examples=10), attack_factory(examples=20))
    records = [record_factory(method, attacks=attacks) for method in ("vanilla", "roast")]
    table = one_table(records)
    assert any(column.on_part for column in table.columns)
    assert "on part of the data" not in render_pictures(table, "svg")["perspectives"].decode()
