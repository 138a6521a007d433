from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from markdown_it import MarkdownIt

from leaderboard.aggregate import aggregate
from leaderboard.csv_table import render_csv
from leaderboard.layout import entries, seeds_of
from leaderboard.markdown import render_markdown
from leaderboard.plots import render_pictures
from leaderboard.record import AttackResult, EvaluatedSet, Record, Training
from leaderboard.terminal import WIDTH, render_terminal

RecordFactory = Callable[..., Record]
SetFactory = Callable[..., EvaluatedSet]
AttackFactory = Callable[..., AttackResult]

HOSTILE = "<script>alert(1)</script> | [x](http://e.org) ![i](http://e.org/i.png) `c` $a_{$ **b**\n# h"


def lines_of_csv(*records: Record) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_csv(aggregate(records)))))


def cells(markdown: str, label: str) -> list[str]:
    (line,) = [line for line in markdown.splitlines() if line.startswith(f"| {label} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_markdown_row(record_factory: RecordFactory) -> None:
    records = [record_factory(seed=seed, scores={"acc_in": value}) for seed, value in ((1, 88.0), (2, 92.0))]
    records += [record_factory("roast", seed, scores={"acc_in": 95.0, "ece": 12.0}) for seed in (1, 2)]
    markdown = render_markdown(aggregate(records))
    # acc_in: (95 − 90) / 10, ECE: (10 − 12) / 10, the others 0; ranks 1, 1.5, 1.5, 2, 1.5
    assert cells(markdown, "roast") == [
        "roast",
        "**95.00 ± 0.00**",
        "**80.00 ± 0.00**",
        "**50.00 ± 0.00**",
        "12.00 ± 0.00",
        "**60.00 ± 0.00**",
        "**+6.00**",
        "**1.50**",
        "2 (1, 2)",
    ]
    assert cells(markdown, "vanilla")[1:5] == [
        "90.00 ± 2.83",
        "**80.00 ± 0.00**",
        "**50.00 ± 0.00**",
        "**10.00 ± 0.00**",
    ]
    assert cells(markdown, "vanilla")[6:8] == ["0.00", "**1.50**"]
    assert cells(markdown, "method")[1:5] == ["acc_in ↑ %", "acc_shift ↑ %", "acc_adv ↑ %", "ece ↓ %"]
    assert "torch 2.9.0; transformers 4.57.1; roast-bench 0.1.0 (commit 0123456789); device cpu." in markdown
    assert "Suite: small. Records: 4." in markdown


def test_markdown_shows_undefined_values_as_a_dash_and_never_bold(record_factory: RecordFactory) -> None:
    markdown = render_markdown(
        aggregate([record_factory(), record_factory("sam", scores={"auroc": None, "acc_in": 80.0})])
    )
    assert cells(markdown, "sam‡")[5:8] == ["–", "–", "–"]
    assert cells(markdown, "vanilla")[5:8] == ["60.00", "0.00", "1.00"]


def test_markdown_marks_partial_columns(record_factory: RecordFactory, set_factory: SetFactory) -> None:
    record = record_factory(sets={"imdb": set_factory("imdb", rows=500, rows_available=25000)})
    markdown = render_markdown(aggregate([record]))
    assert cells(markdown, "method")[2] == r"acc_shift\* ↑ %"
    assert r"- \* on part of the data: imdb 500 of 25,000 rows." in markdown


def test_markdown_lists_failed_cells_and_what_separates_tables(record_factory: RecordFactory) -> None:
    records = [record_factory(), record_factory("sam", failure="a | b"), record_factory(resolved={"training": {}})]
    markdown = render_markdown(aggregate(records))
    assert "- training.epochs " in markdown
    assert re.search(r"\| sentiment +\| minilm +\| sam +\| 1 +\| ValueError +\| a &#124; b +\|", markdown)


def test_hostile_names_are_inert_in_markdown(
    record_factory: RecordFactory, attack_factory: AttackFactory, set_factory: SetFactory
) -> None:
    record = record_factory(
        HOSTILE,
        task=HOSTILE,
        backbone=HOSTILE,
        suite=HOSTILE,
        sets={HOSTILE: set_factory(HOSTILE, rows=1, role="shift")},
        covers={"acc_shift": (HOSTILE,)},
        attacks=(attack_factory(recipe=HOSTILE, evaluation_set=HOSTILE),),
        missing_sets={HOSTILE + "2": HOSTILE},
        packages={"torch": HOSTILE},
        scores={"auroc": None},
        reasons={"auroc": HOSTILE},
    )
    failed = record_factory(HOSTILE, 2, task=HOSTILE, backbone=HOSTILE, failure=HOSTILE)
    other = record_factory(task=HOSTILE, backbone=HOSTILE, resolved={HOSTILE: HOSTILE})
    markdown = render_markdown(aggregate([record, failed, other]))
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    kinds = {token.type for token in tokens} | {c.type for token in tokens for c in token.children or []}
    assert kinds.isdisjoint({"html_block", "html_inline", "link_open", "image", "fence"})
    code = [c.content for token in tokens for c in token.children or [] if c.type == "code_inline"]
    assert code == ["roast-bench leaderboard"]
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert len(headings) == 5  # the title, the group, its two tables, failed cells
    head = [token for token in tokens if token.type == "th_open"]
    assert len(head) == (1 + 6 + 3) + (1 + 5 + 3) + 6


def test_hostile_names_do_not_break_the_picture(record_factory: RecordFactory) -> None:
    table = aggregate([record_factory(HOSTILE, task="$\\frac{$", backbone="<b>&--")]).tables[0]
    svg = render_pictures(table, "svg")["perspectives"]
    assert b"<script" not in svg
    assert svg.rstrip().endswith(b"</svg>")


def test_csv_numbers_by_hand(record_factory: RecordFactory) -> None:
    roast, vanilla = lines_of_csv(
        record_factory(),
        record_factory("roast", 1, {"acc_in": 94.0}),
        record_factory("roast", 2, {"acc_in": 96.0}),
    )
    assert (roast["acc_in"], roast["acc_in_sd"], roast["acc_in_n"]) == ("95.000000", "1.414214", "2")
    assert (roast["delta"], roast["rank"], roast["seeds_n"], roast["seeds"]) == ("10.000000", "1.400000", "2", "1 2")
    assert (vanilla["acc_in_sd"], vanilla["delta"], vanilla["task"]) == ("", "0.000000", "sentiment")
    assert (vanilla["acc_shift_covers"], vanilla["backbone"]) == ("imdb; yelp", "minilm")
    assert roast["setting"] == vanilla["setting"] != ""


def test_csv_keeps_undefined_cells_empty_and_negative_numbers_plain(record_factory: RecordFactory) -> None:
    lines = lines_of_csv(
        record_factory(), record_factory("sam", scores={"acc_in": 80.0}), record_factory("x", scores={"ece": None})
    )
    by_label = {line["row"]: line for line in lines}
    assert by_label["sam"]["delta"] == "-20.000000"
    assert (by_label["x"]["ece"], by_label["x"]["delta"], by_label["x"]["rank"]) == ("", "", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_csv_names_are_no_formulas(record_factory: RecordFactory, attack_factory: AttackFactory, start: str) -> None:
    name = f'{start}HYPERLINK("http://e.org","x")'
    record = record_factory(
        name,
        task=name,
        backbone=name,
        suite=name,
        attacks=(attack_factory(recipe=name),),
        covers={"acc_shift": (name,)},
    )
    for row in csv.reader(io.StringIO(render_csv(aggregate([record])))):
        assert not any(cell.startswith(start) for cell in row)
    (line,) = lines_of_csv(record)
    assert line["method"] == f"'{name}"


def test_csv_gives_each_attack_its_budget_and_leaves_it_empty_elsewhere(
    record_factory: RecordFactory, attack_factory: AttackFactory
) -> None:
    plain, attacked = sorted(
        lines_of_csv(record_factory(task="a"), record_factory(task="b", attacks=(attack_factory(),))),
        key=lambda line: line["task"],
    )
    name = attack_factory().column
    assert (plain[name], attacked[name], attacked[f"{name} n"]) == ("", "50.000000", "1")


def test_terminal_table_fits(
    record_factory: RecordFactory, attack_factory: AttackFactory, set_factory: SetFactory
) -> None:
    records = [
        record_factory(
            name,
            seed,
            {"acc_in": 90.0 + seed},
            attacks=(attack_factory(),),
            covers={"acc_adv": (attack_factory().column,)},
            sets={"imdb": set_factory("imdb", rows=500, rows_available=25000)},
        )
        for name in ("vanilla", "adversarial-weight-perturbation-with-a-long-name")
        for seed in (1, 2, 3)
    ]
    text = render_terminal(aggregate([*records, record_factory("sam", failure="out of memory")]))
    assert max(map(len, text.splitlines())) <= WIDTH
    (names, recipes, texts, units) = text.splitlines()[2:6]
    assert "acc_adv:" in names
    assert "deepwordbug" in recipes
    assert "100 texts*" in texts
    assert units.split() == ["↑", "%"] * 3 + ["↓", "%"] + ["↑", "%"] * 2 + ["↓"]
    assert "acc_adv: deepwordbug (100 texts, ≤200 queries, seed 0) on sst2" in text
    assert "imdb 500 of 25,000 rows" in text
    assert "sam, seed 1: ValueError: out of memory" in text
    assert "**" not in text


def test_terminal_says_where_the_cost_has_no_room(record_factory: RecordFactory, attack_factory: AttackFactory) -> None:
    def text(**changes: Any) -> str:
        training = Training(
            steps=10, selection="held-out", selection_accuracy=(90.0,), kept_epoch=1, loss=0.3, processor_seconds=5.0
        )
        seeds = [record_factory(seed=seed, training=training, **changes) for seed in (1, 2)]
        return render_terminal(aggregate(seeds))

    note = "The column cost has no room here; it is in every file that is written."
    narrow, wide = text(), text(attacks=tuple(attack_factory(seed=seed) for seed in range(4)))
    assert (note in narrow, "cost" in narrow.splitlines()[2]) == (False, True)
    assert (note in wide, "cost" in wide.splitlines()[2]) == (True, False)


def test_terminal_receives_no_control_characters(record_factory: RecordFactory) -> None:
    assert "\x1b" not in render_terminal(aggregate([record_factory("\x1b]0;title\x07")]))


@pytest.mark.parametrize(
    ("seeds", "shown"),
    [((4,), "1 (4)"), ((2, 1), "2 (1, 2)"), ((3, 1, 2, 7), "4 (1–3, 7)"), ((1, 3, 5), "3 (1, 3, 5)")],
)
def test_seeds_are_counted_and_listed(record_factory: RecordFactory, seeds: tuple[int, ...], shown: str) -> None:
    (table,) = aggregate([record_factory(seed=seed) for seed in seeds]).tables
    assert seeds_of(table.rows[0]) == shown


def test_ties_are_all_bold_and_a_lone_value_is_not(record_factory: RecordFactory) -> None:
    (table,) = aggregate(
        [record_factory(name, scores={"acc_in": value}) for name, value in (("a", 91.001), ("b", 91.002), ("c", 90.0))]
    ).tables
    assert [row[1].best for row in entries(table)] == [True, True, False]  # equal as shown
    (alone,) = aggregate([record_factory()]).tables
    assert not any(entry.best for entry in entries(alone)[0])
