from __future__ import annotations

from collections.abc import Callable

from leaderboard.aggregate import aggregate
from leaderboard.layout import legend
from leaderboard.record import AttackResult, DataFingerprint, EvaluatedSet, Record
from leaderboard.table import Column, Table

RecordFactory = Callable[..., Record]
SetFactory = Callable[..., EvaluatedSet]
AttackFactory = Callable[..., AttackResult]

LIVE = "deepwordbug (100 texts, ≤200 queries, seed 0)"


def table_of(record: Record) -> Table:
    (table,) = aggregate([record]).tables
    return table


def columns(table: Table) -> dict[str, Column]:
    return {column.key: column for column in table.columns}


def test_whole_data_have_no_mark(record_factory: RecordFactory) -> None:
    assert all(column.on_part == () for column in table_of(record_factory()).columns)


def test_a_sampled_set_marks_the_columns_that_cover_it(record_factory: RecordFactory, set_factory: SetFactory) -> None:
    table = table_of(record_factory(sets={"imdb": set_factory("imdb", rows=500, rows_available=25000)}))
    marked = {key: column.on_part for key, column in columns(table).items() if column.on_part}
    assert marked == dict.fromkeys(("acc_shift", "ece"), ("imdb 500 of 25,000 rows",))
    assert "* on part of the data: imdb 500 of 25,000 rows." in legend(table)


def test_a_partial_source_marks_too(record_factory: RecordFactory, set_factory: SetFactory) -> None:
    table = table_of(record_factory(sets={"qqp": set_factory("qqp", partial=True, role="anomaly")}))
    assert columns(table)["auroc"].on_part == ("qqp 1,000 rows of a partial source",)


def test_static_sets_keep_live_attacks_in_their_own_columns(
    record_factory: RecordFactory, attack_factory: AttackFactory
) -> None:
    table = table_of(record_factory(attacks=(attack_factory(), attack_factory(recipe="textfooler"))))
    names = [column.name for column in table.columns]
    assert names == ["acc_in", "acc_shift", "acc_adv", "ece", "auroc", LIVE, LIVE.replace("deepwordbug", "textfooler")]
    assert columns(table)["acc_adv"].covers == ("advglue-sst2",)
    assert table.rows[0].values[table.columns[-1].key].mean == 50.0


def test_a_live_attack_alone_puts_its_budget_into_the_heading_of_acc_adv(
    record_factory: RecordFactory, attack_factory: AttackFactory
) -> None:
    table = table_of(record_factory(attacks=(attack_factory(),), covers={"acc_adv": (LIVE,)}))
    assert [column.name for column in table.columns] == ["acc_in", "acc_shift", f"acc_adv: {LIVE}", "ece", "auroc"]
    assert columns(table)["acc_adv"].short == ("acc_adv:", "deepwordbug", "100 texts")
    assert f"acc_adv: {LIVE} on sst2" in legend(table)


def test_an_attack_on_some_of_the_texts_is_marked(record_factory: RecordFactory, attack_factory: AttackFactory) -> None:
    table = table_of(record_factory(attacks=(attack_factory(),)))
    assert table.columns[-1].on_part == ("deepwordbug on sst2 100 of 1,000 rows",)
    whole = table_of(record_factory(attacks=(attack_factory(examples=1000),)))
    assert whole.columns[-1].on_part == ()


def test_the_same_attack_on_two_sets_makes_two_headings(
    record_factory: RecordFactory, attack_factory: AttackFactory
) -> None:
    table = table_of(record_factory(attacks=(attack_factory(), attack_factory(evaluation_set="imdb"))))
    assert [column.name for column in table.columns[5:]] == [f"{LIVE} on imdb", f"{LIVE} on sst2"]


def test_short_headings_of_different_budgets_differ(
    record_factory: RecordFactory, attack_factory: AttackFactory
) -> None:
    table = table_of(record_factory(attacks=(attack_factory(), attack_factory(max_queries=20))))
    one, other = table.columns[5:]
    assert one.short != other.short


def test_notes_on_training_data_missing_sets_and_cut_texts(
    record_factory: RecordFactory, set_factory: SetFactory
) -> None:
    table = table_of(
        record_factory(
            training_data={"sst2": DataFingerprint(rows=2000, rows_available=67349, sha256="x", partial=False)},
            missing_sets={"poem": "not in the mirror"},
            sets={"imdb": set_factory("imdb", truncated=312)},
        )
    )
    assert "Trained on part of the data: sst2 2,000 of 67,349 rows." in table.notes
    assert "Missing sets: poem (not in the mirror)." in table.notes
    assert "Texts cut at the maximum length: imdb 312 of 1,000." in table.notes


def test_selection_on_a_reported_set_is_marked_on_its_row(record_factory: RecordFactory) -> None:
    (table,) = aggregate([record_factory(), record_factory("sam", selection="reported")]).tables
    assert [(row.label, row.selected_on_reported) for row in table.rows] == [("sam", True), ("vanilla", False)]
    assert "† kept epoch chosen on a reported set." in legend(table)
    assert not any("†" in line for line in legend(table_of(record_factory())))


def test_an_attack_without_a_result_keeps_its_budget_in_the_heading(record_factory: RecordFactory) -> None:
    table = table_of(
        record_factory(scores={"acc_adv": None}, covers={"acc_adv": (LIVE,)}, reasons={"acc_adv": "no stop words"})
    )
    assert columns(table)["acc_adv"].name == f"acc_adv: {LIVE}"
    assert f"acc_adv: {LIVE} of vanilla is undefined for seed 1: no stop words." in table.notes
