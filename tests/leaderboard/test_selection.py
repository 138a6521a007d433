"""Filters and orders: no number changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leaderboard.aggregate import aggregate
from leaderboard.record import AttackResult, Record
from leaderboard.selection import Selection, SelectionError, UnknownColumnError, names_in, selected, sort_names
from leaderboard.table import Leaderboard

RecordFactory = Callable[..., Record]
AttackFactory = Callable[..., AttackResult]

METHODS = {
    "vanilla": {"acc_in": 80.0, "ece": 10.0},
    "roast": {"acc_in": 90.0, "ece": 8.0},
    "freelb": {"acc_in": 95.0, "ece": 12.0},
    "smart": {"acc_in": 70.0, "ece": None},
}


@pytest.fixture
def leaderboard(record_factory: RecordFactory, attack_factory: AttackFactory) -> Leaderboard:
    return aggregate(
        [
            record_factory(name, 1, scores, task=task, attacks=(attack_factory(), attack_factory(recipe="pwws")))
            for task in ("sentiment", "entailment")
            for name, scores in METHODS.items()
        ]
        + [
            record_factory("vanilla", backbone="bert"),
            record_factory("roast", resolved={"training": {"epochs": 9}}, attacks=(attack_factory(),)),
            record_factory("sam", failure="out of memory"),
        ]
    )


def methods(leaderboard: Leaderboard) -> list[list[str]]:
    return [[row.method for row in table.rows] for table in leaderboard.tables]


def test_everything_is_the_same_leaderboard(leaderboard: Leaderboard) -> None:
    assert selected(leaderboard, Selection()) == leaderboard


def test_tasks_and_backbones(leaderboard: Leaderboard) -> None:
    found = selected(leaderboard, Selection(tasks=("sentiment",)))
    assert {(group.task, group.backbone) for group in found.groups} == {("sentiment", "bert"), ("sentiment", "minilm")}
    assert len(found.failures) == 1
    found = selected(leaderboard, Selection(tasks=("sentiment", "entailment"), backbones=("minilm",)))
    assert [group.task for group in found.groups] == ["entailment", "sentiment"]
    assert all(group in leaderboard.groups for group in found.groups)


def test_hidden_vanilla_still_counts(leaderboard: Leaderboard) -> None:
    found = selected(leaderboard, Selection(tasks=("entailment",), methods=("roast",)))
    (table,) = found.tables
    whole = next(table for table in leaderboard.tables if table.task == "entailment")
    (row,) = table.rows
    assert row in whole.rows
    assert row.delta is not None
    assert table.records == 1
    assert table.notes[: len(whole.notes)] == whole.notes
    assert "1 of 4 rows are shown" in table.notes[-1]
    assert found.failures == ()


def test_tables_without_a_row_are_left_out_and_differences_are_those_of_the_rest(leaderboard: Leaderboard) -> None:
    (group,) = (group for group in leaderboard.groups if (group.task, group.backbone) == ("sentiment", "minilm"))
    assert len(group.tables) == 2
    assert any("epochs" in line for line in group.differences)
    both = selected(leaderboard, Selection(("sentiment",), ("minilm",), ("roast",)))
    assert both.groups[0].differences == group.differences
    one = selected(leaderboard, Selection(("sentiment",), ("minilm",), ("vanilla",)))
    assert len(one.tables) == 1
    assert one.groups[0].differences == ()


def test_nothing_left_says_what_there_is(leaderboard: Leaderboard) -> None:
    with pytest.raises(SelectionError) as error:
        selected(leaderboard, Selection(tasks=("entailment",), backbones=("bert",)))
    assert str(error.value) == (
        "task: entailment; backbone: bert leaves no row; "
        "there is: entailment with minilm, sentiment with bert, sentiment with minilm."
    )


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("acc_in", ["freelb", "roast", "vanilla", "smart"]),
        ("ACC_IN", ["freelb", "roast", "vanilla", "smart"]),
        ("ece", ["roast", "vanilla", "freelb", "smart"]),
        ("delta", ["roast", "freelb", "vanilla", "smart"]),
        ("Δ", ["roast", "freelb", "vanilla", "smart"]),
        ("method", ["freelb", "roast", "smart", "vanilla"]),
    ],
)
def test_best_first_undefined_last(leaderboard: Leaderboard, sort: str, order: list[str]) -> None:
    found = selected(leaderboard, Selection(tasks=("entailment",), sort=sort))
    assert methods(found) == [order]
    (table,) = found.tables
    assert table.notes[-1].startswith("Sorted by ")
    whole = next(table for table in leaderboard.tables if table.task == "entailment")
    assert sorted(map(repr, table.rows)) == sorted(map(repr, whole.rows))


def test_rows_that_are_equal_stay_by_rank(leaderboard: Leaderboard) -> None:
    by_rank = methods(leaderboard)
    assert methods(selected(leaderboard, Selection(sort="acc_shift"))) == by_rank
    assert methods(selected(leaderboard, Selection(sort="cost"))) == by_rank  # nothing is known of it


def test_an_attack_is_found_by_its_name(leaderboard: Leaderboard) -> None:
    found = selected(leaderboard, Selection(sort="pwws"))
    sorted_by = [
        [note for note in table.notes if note.startswith("Sorted by pwws (100 texts")] for table in found.tables
    ]
    assert [len(notes) for notes in sorted_by] == [1, 0, 1, 0]  # two tables have no such attack


def test_headings_that_are_not_clear_or_not_there(leaderboard: Leaderboard) -> None:
    with pytest.raises(SelectionError, match=r"'queries' is in several headings: deepwordbug .*; pwws"):
        selected(leaderboard, Selection(sort="queries"))
    with pytest.raises(UnknownColumnError, match="no table has a column 'speed'"):
        selected(leaderboard, Selection(sort="speed"))


def test_names(leaderboard: Leaderboard) -> None:
    assert names_in(leaderboard) == {
        "task": {"sentiment", "entailment"},
        "backbone": {"minilm", "bert"},
        "method": {"vanilla", "roast", "freelb", "smart", "sam"},
    }
    assert sort_names(leaderboard)[:5] == ["rank", "delta", "cost", "method", "acc_in"]
