from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from leaderboard.aggregate import aggregate, average_relative_improvement, tied_ranks
from leaderboard.record import AttackResult, Record
from leaderboard.table import Row, Table

RecordFactory = Callable[..., Record]
AttackFactory = Callable[..., AttackResult]


def only_table(*records: object) -> Table:
    (table,) = aggregate(records).tables  # type: ignore[arg-type]
    return table


def rows(table: Table) -> dict[str, Row]:
    return {row.label: row for row in table.rows}


BETTER = {"acc_in": 92.0, "acc_shift": 85.0, "acc_adv": 60.0, "ece": 8.0, "auroc": 70.0}
BETTER_DELTA = 100 * (2 / 10 + 5 / 20 + 10 / 50 + 2 / 10 + 10 / 40) / 5  # 22 %


def test_delta_by_hand_on_seed_means(record_factory: RecordFactory) -> None:
    around = [{key: value + shift for key, value in BETTER.items()} for shift in (-1.0, 1.0)]
    table = only_table(
        *(record_factory("vanilla", seed) for seed in (1, 2)),
        *(record_factory("roast", seed, scores) for seed, scores in zip((1, 2), around, strict=True)),
    )
    assert rows(table)["roast"].delta == pytest.approx(BETTER_DELTA)
    assert rows(table)["vanilla"].delta == 0.0


def test_delta_counts_a_lower_ece_as_better(record_factory: RecordFactory) -> None:
    table = only_table(record_factory(), record_factory("calibrated", scores={"ece": 5.0}))
    assert rows(table)["calibrated"].delta == pytest.approx(100 * 0.5 / 5)


def test_delta_function_by_hand() -> None:
    delta = average_relative_improvement({"a": 95.0, "e": 12.0}, {"a": 90.0, "e": 10.0}, frozenset({"e"}))
    assert delta == pytest.approx(100 * (0.5 - 0.2) / 2)


@pytest.mark.parametrize(
    ("vanilla", "roast", "note"),
    [
        ({"acc_in": 100.0}, {}, "Δ is undefined: vanilla is already perfect in acc_in."),
        ({"ece": 0.0}, {}, "Δ is undefined: vanilla is already perfect in ece."),
        ({"auroc": None}, {}, "Δ is undefined: vanilla has no auroc."),
        ({}, {"auroc": None}, "Δ of roast is undefined: it has no auroc."),
    ],
)
def test_undefined_delta_is_none_and_says_why(
    record_factory: RecordFactory, vanilla: dict[str, float | None], roast: dict[str, float | None], note: str
) -> None:
    table = only_table(record_factory(scores=vanilla), record_factory("roast", scores=roast))
    assert rows(table)["roast"].delta is None
    assert note in table.notes


def test_delta_without_vanilla_is_undefined(record_factory: RecordFactory) -> None:
    table = only_table(record_factory("roast"))
    assert table.rows[0].delta is None
    assert "Δ is undefined: there is no vanilla row." in table.notes


def test_delta_against_two_vanilla_rows_is_undefined(record_factory: RecordFactory) -> None:
    table = only_table(record_factory(), record_factory(hyper_parameters={"smoothing": 0.1}), record_factory("roast"))
    assert [row.delta for row in table.rows] == [None] * 3
    assert "Δ is undefined: there are several vanilla rows." in table.notes


def test_other_seeds_than_vanilla_are_noted(record_factory: RecordFactory) -> None:
    table = only_table(record_factory(), record_factory(seed=2), record_factory("roast", 2, BETTER))
    assert rows(table)["roast"].delta == pytest.approx(BETTER_DELTA)
    assert "Δ of roast compares seeds 2 with 1, 2 of vanilla." in table.notes


def test_ties_share_the_mean_rank() -> None:
    assert tied_ranks([70.0, 90.0, 70.0, 60.0], higher_is_better=True) == [2.5, 1.0, 2.5, 4.0]
    assert tied_ranks([70.0, 90.0, 70.0, 60.0], higher_is_better=False) == [2.5, 4.0, 2.5, 1.0]


def test_the_last_bit_of_a_sum_does_not_break_a_tie() -> None:
    assert tied_ranks([0.1 + 0.2, 0.3], higher_is_better=True) == [1.5, 1.5]


def test_rank_by_hand(record_factory: RecordFactory) -> None:
    # acc_in 1/2/3, acc_shift tie of a and b 1.5/1.5/3, acc_adv all tie 2/2/2, ece 3/1/2 (lower is better), auroc 2/1/3
    a = {"acc_in": 93.0, "acc_shift": 85.0, "ece": 9.0, "auroc": 65.0}
    b = {"acc_in": 92.0, "acc_shift": 85.0, "ece": 3.0, "auroc": 66.0}
    c = {"acc_in": 91.0, "acc_shift": 70.0, "ece": 5.0, "auroc": 64.0}
    table = only_table(*(record_factory(name, scores=s) for name, s in (("c", c), ("a", a), ("b", b))))
    ranks = {row.label: row.rank for row in table.rows}
    assert ranks == pytest.approx({"a": 9.5 / 5, "b": 6.5 / 5 + 1 / 5, "c": 13 / 5})
    assert [row.label for row in table.rows] == ["b", "a", "c"]


def test_a_row_with_an_undefined_perspective_is_shown_last_and_not_ranked(record_factory: RecordFactory) -> None:
    table = only_table(
        record_factory("a-broken", scores={**BETTER, "auroc": None}, reasons={"auroc": "logits are not finite"}),
        record_factory("roast", scores=BETTER),
        record_factory(),
    )
    assert [(row.label, row.rank) for row in table.rows] == [("roast", 1.0), ("vanilla", 2.0), ("a-broken", None)]
    assert "auroc of a-broken is undefined for seed 1: logits are not finite." in table.notes


def test_equal_ranks_are_sorted_by_label(record_factory: RecordFactory) -> None:
    table = only_table(*(record_factory(name) for name in ("sam", "roast", "vanilla")))
    assert [row.label for row in table.rows] == ["roast", "sam", "vanilla"]


def test_seeds_are_averaged_with_the_sample_deviation(record_factory: RecordFactory) -> None:
    table = only_table(*(record_factory(seed=s, scores={"acc_in": v}) for s, v in ((3, 92.0), (1, 88.0), (2, 90.0))))
    (row,) = table.rows
    value = row.values["acc_in"]
    assert (value.mean, value.deviation, value.seeds) == (90.0, 2.0, 3)
    assert row.seeds == (1, 2, 3)


def test_one_seed_has_no_deviation(record_factory: RecordFactory) -> None:
    assert only_table(record_factory()).rows[0].values["acc_in"].deviation is None


def test_a_mean_never_leaves_out_a_seed(record_factory: RecordFactory) -> None:
    table = only_table(record_factory(seed=1), record_factory(seed=2, scores={"auroc": None}))
    value = table.rows[0].values["auroc"]
    assert (value.mean, value.seeds) == (None, 1)
    assert "auroc of vanilla is undefined for seed 2: not computed." in table.notes


def test_labels_name_only_the_hyper_parameters_that_differ(record_factory: RecordFactory) -> None:
    table = only_table(
        record_factory("roast", hyper_parameters={"alpha": 0.6, "beta": 1.0}),
        record_factory("roast", hyper_parameters={"alpha": 0.8, "beta": 1.0}),
        record_factory("sam", hyper_parameters={"rho": 0.05}),
    )
    assert sorted(rows(table)) == ["roast (alpha=0.6)", "roast (alpha=0.8)", "sam"]


def test_the_record_started_last_stands_for_its_cell(record_factory: RecordFactory) -> None:
    older = record_factory(scores={"acc_in": 10.0}, started="2026-01-01T00:00:00Z")
    newer = record_factory(scores={"acc_in": 95.0}, started="2026-02-01T00:00:00Z")
    for order in ((older, newer), (newer, older)):
        table = only_table(*order)
        assert table.rows[0].values["acc_in"].mean == 95.0
        assert table.rows[0].seeds == (1,)
        note = "Several records of the same cell, the one started last is shown: vanilla seed 1."
        assert note in table.notes
        other = "have other scores than those shown: vanilla seed 1 (acc_in 10.00 instead of 95.00)."
        assert f"Records of the same cell {other}" in table.notes


def test_the_record_started_last_whatever_its_time_zone(record_factory: RecordFactory) -> None:
    older = record_factory(scores={"acc_in": 10.0}, started="2026-01-01T10:00:00+02:00")
    newer = record_factory(scores={"acc_in": 95.0}, started="2026-01-01T09:00:00Z")
    no_time = record_factory(scores={"acc_in": 50.0}, started="yesterday")
    assert only_table(newer, no_time, older).rows[0].values["acc_in"].mean == 95.0


def test_records_of_the_same_moment_that_contradict_each_other_are_told(record_factory: RecordFactory) -> None:
    records = [record_factory(scores={"acc_in": value}) for value in (74.0, 99.0)]
    for order in (records, records[::-1]):
        (note,) = [note for note in only_table(*order).notes if "other scores" in note]
        assert "vanilla seed 1, started at the same time (acc_in 74.00 instead of 99.00)" in note
    copies = only_table(records[0], records[0].model_copy())
    assert not [note for note in copies.notes if "other scores" in note]


def test_failed_cells_are_listed_and_not_ranked(record_factory: RecordFactory) -> None:
    board = aggregate(
        [record_factory(), record_factory("sam", 3, failure="out of\nmemory in /home/alice/runs/x/model.bin")]
    )
    assert [row.label for row in board.tables[0].rows] == ["vanilla"]
    (failure,) = board.failures
    assert (failure.method, failure.seed, failure.kind) == ("sam", 3, "ValueError")
    assert failure.message == "out of memory in …/model.bin"


def test_a_failed_cell_that_finished_later_is_not_listed(record_factory: RecordFactory) -> None:
    failed = record_factory(failure="killed", started="2026-01-01T00:00:00Z")
    assert aggregate([failed, record_factory(started="2026-01-02T00:00:00Z")]).failures == ()
    assert len(aggregate([failed, record_factory(started="2025-12-31T00:00:00Z")]).failures) == 1


def test_the_order_of_records_does_not_matter(record_factory: RecordFactory, attack_factory: AttackFactory) -> None:
    generator = random.Random(0)
    records = [
        record_factory(
            name,
            seed,
            {key: value + generator.random() for key, value in BETTER.items()},
            resolved={"training": {"epochs": epochs}},
            attacks=(attack_factory(),),
        )
        for name in ("vanilla", "roast", "sam")
        for seed in (1, 2, 3)
        for epochs in (3, 10)
    ]
    expected = aggregate(records)
    for _ in range(5):
        generator.shuffle(records)
        assert aggregate(records) == expected


def test_two_versions_of_a_plugin_share_a_table_but_not_a_row(record_factory):
    records = [record_factory("vanilla")] + [
        record_factory("mine", resolved={"method_source": source}) for source in ("a" * 64, "b" * 64)
    ]
    (table,) = aggregate(records).tables
    assert [row.label for row in table.rows if row.method == "mine"] == [
        "mine (source=aaaaaaaa)",
        "mine (source=bbbbbbbb)",
    ]
