from collections.abc import Callable

import pytest

from leaderboard.aggregate import aggregate
from leaderboard.detail import provenance, scores_of_attacks, scores_of_sets
from leaderboard.record import AttackResult, Code, Record, Score


def percent(value: float | None) -> Score:
    return Score(value=value, sets=("imdb",), reason=None if value is not None else "too few rows")


def test_scores_of_sets_over_seeds(record_factory: Callable[..., Record]) -> None:
    first = record_factory(seed=1, set_scores={"imdb": {"accuracy": percent(80.0), "ece": percent(None)}})
    second = record_factory(seed=2, set_scores={"imdb": {"accuracy": percent(90.0), "ece": percent(4.0)}})
    (row,) = aggregate([first, second]).tables[0].rows
    accuracy = scores_of_sets(row)["imdb"]["accuracy"]
    assert (accuracy.value.mean, accuracy.value.seeds, accuracy.unit) == (85.0, 2, "percent")
    assert accuracy.value.deviation == pytest.approx(50.0**0.5)
    assert scores_of_sets(row)["imdb"]["ece"].value.mean is None


def test_a_metric_that_a_seed_lacks_has_no_mean(record_factory: Callable[..., Record]) -> None:
    first = record_factory(seed=1, set_scores={"imdb": {"accuracy": percent(80.0)}})
    second = record_factory(seed=2, set_scores={"imdb": {}})
    (row,) = aggregate([first, second]).tables[0].rows
    value = scores_of_sets(row)["imdb"]["accuracy"].value
    assert (value.mean, value.seeds) == (None, 1)


def test_scores_of_attacks(record_factory: Callable[..., Record], attack_factory: Callable[..., AttackResult]) -> None:
    record = record_factory(attacks=(attack_factory(),))
    (row,) = aggregate([record]).tables[0].rows
    (name, metrics), *others = scores_of_attacks(row).items()
    assert not others
    assert name == "deepwordbug (100 texts, ≤200 queries, seed 0) on sst2"
    assert metrics["accuracy_under_attack"].value.mean == 50.0
    assert "words_changed" not in metrics


def test_provenance_is_plain_text_on_one_line(record_factory: Callable[..., Record]) -> None:
    record = record_factory(
        code=Code(version="0.2\n.0", commit="abc", dirty=True), packages={"torch": "2.9\x1b[31m", "numpy": "2.4"}
    )
    (row,) = aggregate([record]).tables[0].rows
    (found,) = provenance(row)
    assert found.commit == "abc-dirty"
    assert found.packages[0] == "numpy 2.4"
    assert all("\n" not in text and "\x1b" not in text for text in (found.version, *found.packages))
    unknown = record_factory(code=Code(version="0.2.0", commit=None, dirty=None))
    (row,) = aggregate([unknown]).tables[0].rows
    assert provenance(row)[0].commit == ""
