from __future__ import annotations

from collections.abc import Callable

import pytest

from leaderboard.aggregate import aggregate
from leaderboard.record import AttackResult, DataFingerprint, EvaluatedSet, Record
from leaderboard.setting import setting_of

RecordFactory = Callable[..., Record]
SetFactory = Callable[..., EvaluatedSet]
AttackFactory = Callable[..., AttackResult]


def differences(*records: Record) -> tuple[str, ...]:
    (group,) = aggregate(records).groups
    assert len(group.tables) == len(records), "each of these records has a setting of its own"
    return group.differences


def test_method_seed_hyper_parameters_and_suite_are_no_part_of_the_setting(record_factory: RecordFactory) -> None:
    one = setting_of(record_factory())
    other = setting_of(record_factory("roast", 7, hyper_parameters={"alpha": 0.6}, suite="other", started="2027"))
    assert one == other


def test_training_configuration_separates_tables(record_factory: RecordFactory) -> None:
    ten = record_factory("roast", resolved={"training": {"epochs": 10, "batch_size": 16}})
    (line,) = differences(record_factory(), ten)
    assert line in ("training.epochs 3 / 10", "training.epochs 10 / 3")


def test_values_of_differences_follow_the_tables(record_factory: RecordFactory) -> None:
    records = [record_factory("a"), record_factory("b"), record_factory("c", resolved={"training": {"epochs": 9}})]
    (group,) = aggregate(records).groups
    assert [len(table.rows) for table in group.tables] == [2, 1]
    assert "training.epochs 3 / 9" in group.differences
    assert "training.batch_size 16 / –" in group.differences


def test_other_data_of_a_set_separates_tables(record_factory: RecordFactory, set_factory: SetFactory) -> None:
    changed = record_factory("roast", sets={"imdb": set_factory("imdb", sha256="other texts")})
    assert differences(record_factory(), changed) == ("data of imdb differs",)


def test_other_training_data_separates_tables(record_factory: RecordFactory) -> None:
    fewer = {"sst2": DataFingerprint(rows=400, rows_available=500, sha256="first 400", partial=False)}
    (line,) = differences(record_factory(), record_factory(training_data=fewer))
    assert line.startswith("data of training data sst2 differs (")


def test_other_covered_sets_separate_tables(record_factory: RecordFactory) -> None:
    (line,) = differences(record_factory(), record_factory("roast", covers={"acc_shift": ("imdb",)}))
    assert line in ("acc_shift covers imdb, yelp / imdb", "acc_shift covers imdb / imdb, yelp")


def test_the_order_of_covered_sets_does_not(record_factory: RecordFactory) -> None:
    turned = record_factory("roast", covers={"acc_shift": ("yelp", "imdb")})
    assert len(aggregate([record_factory(), turned]).tables) == 1


def test_another_attack_budget_separates_tables(record_factory: RecordFactory, attack_factory: AttackFactory) -> None:
    cheap, strong = (record_factory(attacks=(attack_factory(max_queries=budget),)) for budget in (20, None))
    (line,) = differences(cheap, strong)
    assert "≤20 queries" in line
    assert "unlimited queries" in line


@pytest.mark.parametrize("coordinate", ["task", "backbone"])
def test_tasks_and_backbones_are_groups_of_their_own(record_factory: RecordFactory, coordinate: str) -> None:
    board = aggregate([record_factory(), record_factory(**{coordinate: "other"})])
    assert [len(group.tables) for group in board.groups] == [1, 1]
    assert [group.differences for group in board.groups] == [(), ()]
    assert len({table.setting for table in board.tables}) == 2


def test_values_that_look_equal_once_cut_still_differ(record_factory: RecordFactory) -> None:
    one, other = (record_factory(resolved={"backbone": f"/models/{where}/minilm"}) for where in "ab")
    assert differences(one, other) == ("backbone differs",)
