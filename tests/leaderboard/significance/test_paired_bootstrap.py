"""The bootstrap against resampling done literally: texts repeated, metrics computed on the repeated texts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import roc_auc_score

from benchmark.metrics import (
    calibration_error_cross_fitted,
    expected_calibration_error,
    labels_of_merged_predictions,
    merge_probabilities,
    softmax,
)
from leaderboard.compact_logits import expand
from leaderboard.packed_bits import unpack_bits
from leaderboard.record import Record
from leaderboard.significance import draws
from leaderboard.significance.column_sources import Source
from leaderboard.significance.draws import TextDraws, seed_weights
from leaderboard.significance.paired_bootstrap import interval_and_p, resample_texts, vary_seeds

REPLICATES = 20
TEST, SHIFT, TWO_CLASSES = Source("accuracy", "test"), Source("accuracy", "shift"), Source("accuracy", "two")
ANOMALY = Source("detection", "anomaly", "test")
ATTACK = Source("attack", "deepwordbug (23 texts, ≤200 queries, seed 0) on test")


def make_records(predicted: Any, factory: Callable[..., Record], **given: Any) -> list[Record]:
    generator = np.random.default_rng(5)
    labels = {"test": generator.integers(0, 3, 47), "shift": generator.integers(0, 3, 30)}
    two = generator.integers(0, 2, 36)
    records = []
    for seed in (1, 2):
        logits = {
            name: 1.5 * np.eye(3)[truth] + generator.normal(size=(len(truth), 3)) for name, truth in labels.items()
        }
        # Rounded, so that anomalies and normal texts tie.
        logits["test"] = logits["test"].round(1)
        sets = {
            "test": predicted("in-distribution", logits["test"], labels["test"]),
            "shift": predicted("shift", logits["shift"], labels["shift"]),
            "two": predicted("shift", generator.normal(size=(36, 3)) * 2, two, ((0,), (1, 2))),
            "anomaly": predicted("anomaly", generator.normal(size=(25, 3)).round(1)),
        }
        records.append(factory("vanilla", seed, sets, [bool(bit) for bit in generator.random(23) < 0.4], **given))
    return records


def drawn_texts(key: str, texts: int) -> list[np.ndarray]:
    """For each replicate the texts' numbers, those drawn twice twice."""
    counts = TextDraws(key, texts).next(REPLICATES).astype(int)
    return [np.repeat(np.arange(texts), counts[:, replicate]) for replicate in range(REPLICATES)]


def of_set(record: Record, name: str, projection: str = "probabilities") -> tuple[np.ndarray, np.ndarray]:
    item = record.evaluation_sets[name]
    logits, labels = expand(item.compact_logits, item.rows)
    if item.projection is None:
        return logits, labels
    if projection == "predictions":
        return logits, labels_of_merged_predictions(logits, labels, item.projection.groups)
    return merge_probabilities(logits, item.projection.groups), labels


@pytest.mark.parametrize("name", ["test", "shift", "two"])
@pytest.mark.parametrize("projection", ["probabilities", "predictions"])
def test_accuracy(predicted: Any, predicted_record_factory: Callable[..., Record], name: str, projection: str) -> None:
    records = make_records(predicted, predicted_record_factory, projection=projection)
    source = Source("accuracy", name)
    for record, found in zip(records, resample_texts(records, [source], REPLICATES), strict=True):
        logits, labels = of_set(record, name, projection)
        right = logits.argmax(axis=1) == labels
        texts = drawn_texts(f"texts {name} hash of {name}", len(labels))
        expected = [100 * right.mean(), *(100 * right[drawn].mean() for drawn in texts)]
        assert found[source] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["test", "shift", "two"])
@pytest.mark.parametrize("projection", ["probabilities", "predictions"])
def test_calibration(
    predicted: Any, predicted_record_factory: Callable[..., Record], name: str, projection: str
) -> None:
    records = make_records(predicted, predicted_record_factory, projection=projection)
    source = Source("calibration", name)
    for record, found in zip(records, resample_texts(records, [source], REPLICATES), strict=True):
        logits, labels = of_set(record, name, projection)
        as_they_are = 100 * calibration_error_cross_fitted(logits, labels)
        texts = drawn_texts(f"texts {name} hash of {name}", len(labels))
        drawn_again = 100 * np.array(cross_fitted_again(logits, labels, texts))
        expected = [as_they_are, *(drawn_again - drawn_again.mean() + as_they_are)]
        assert found[source] == pytest.approx(expected, abs=1e-9)


def cross_fitted_again(logits: np.ndarray, labels: np.ndarray, texts: list[np.ndarray]) -> list[float]:
    order = np.random.RandomState(0).permutation(len(labels))
    size = len(labels) // 10
    probabilities = [softmax(logits, temperature) for temperature in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)]
    found = []
    for drawn in texts:
        errors = []
        for fold in range(10):
            of_fold = set(order[fold * size : (fold + 1) * size])
            inside, outside = ([text for text in drawn if (text in of_fold) == wanted] for wanted in (True, False))
            if inside:
                on_fold = [expected_calibration_error(found_at[inside], labels[inside]) for found_at in probabilities]
                chosen = probabilities[int(np.argmin(np.round(on_fold, 9)))]
                errors.append(expected_calibration_error(chosen[outside], labels[outside]))
        found.append(float(np.mean(errors)))
    return found


def test_detection(predicted: Any, predicted_record_factory: Callable[..., Record]) -> None:
    records = make_records(predicted, predicted_record_factory)
    normal_texts = drawn_texts("texts test hash of test", 47)
    anomalies = drawn_texts("texts anomaly hash of anomaly", 25)
    tied = False
    for record, found in zip(records, resample_texts(records, [ANOMALY], REPLICATES), strict=True):
        normal, anomalous = (
            1 - softmax(expand(item.compact_logits, item.rows)[0]).max(axis=1)
            for item in (record.evaluation_sets["test"], record.evaluation_sets["anomaly"])
        )
        tied |= bool(np.isin(anomalous, normal).any())
        pairs = [(np.arange(47), np.arange(25)), *zip(normal_texts, anomalies, strict=True)]
        expected = [
            100 * roc_auc_score(np.repeat([0, 1], [47, 25]), np.concatenate([normal[one], anomalous[other]]))
            for one, other in pairs
        ]
        assert found[ANOMALY] == pytest.approx(expected, abs=1e-9)
    assert tied


def test_attack(predicted: Any, predicted_record_factory: Callable[..., Record]) -> None:
    records = make_records(predicted, predicted_record_factory)
    texts = drawn_texts("attacked 23 of texts test hash of test", 23)
    for record, found in zip(records, resample_texts(records, [ATTACK], REPLICATES), strict=True):
        (attack,) = record.attacks
        bits = np.array(unpack_bits(attack.held_out, 23))
        assert found[ATTACK][0] == pytest.approx(attack.accuracy_under_attack.value)
        assert found[ATTACK][1:] == pytest.approx([100 * bits[drawn].mean() for drawn in texts], abs=1e-9)


def test_scores_on_the_texts_as_they_are_are_those_of_the_record(
    predicted: Any, predicted_record_factory: Callable[..., Record]
) -> None:
    (record, _) = make_records(predicted, predicted_record_factory)
    names = ["test", "shift", "two"]
    sources = [Source(kind, name) for kind in ("accuracy", "calibration") for name in names]
    (found, _) = resample_texts([record, record], [*sources, ANOMALY], 10)
    for source in sources:
        metric = {"accuracy": "accuracy", "calibration": "ece"}[source.kind]
        assert found[source][0] == pytest.approx(record.set_scores[source.name][metric].value, abs=0.05)
    assert found[ANOMALY][0] == pytest.approx(record.set_scores["anomaly"]["auroc"].value, abs=0.5)


def test_the_draws_hang_neither_on_other_records_and_sets_nor_on_what_is_held_in_memory(
    predicted: Any, predicted_record_factory: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_records(predicted, predicted_record_factory)
    sources = [TEST, SHIFT, TWO_CLASSES, Source("calibration", "shift"), ANOMALY, ATTACK]
    (expected, other) = resample_texts([first, second], sources, REPLICATES)
    monkeypatch.setattr("leaderboard.significance.paired_bootstrap._NUMBERS_HELD", 1)
    monkeypatch.setattr("leaderboard.significance.paired_bootstrap._COUNTS_AT_A_TIME", 7)
    monkeypatch.setattr("leaderboard.significance.paired_bootstrap._FEWEST_AT_A_TIME", 7)
    (second_again, first_again) = resample_texts([second, first], sources[::-1], REPLICATES)
    (alone,) = resample_texts([first], [ANOMALY], REPLICATES)
    for source in sources:
        assert first_again[source] == pytest.approx(expected[source], abs=1e-12)
        assert second_again[source] == pytest.approx(other[source], abs=1e-12)
    assert alone[ANOMALY] == pytest.approx(expected[ANOMALY], abs=1e-12)


def test_each_replicate_draws_as_many_texts_as_there_are() -> None:
    for texts in (1, 2, 23, 500):
        counts = TextDraws("a key", texts).next(300)
        assert counts.shape == (texts, 300)
        assert (counts.sum(axis=0) == texts).all()
    draws = TextDraws("a key", 23)
    in_parts = np.concatenate([draws.next(part) for part in (1, 99, 200)], axis=1)
    assert (in_parts == TextDraws("a key", 23).next(300)).all()
    assert not (in_parts == TextDraws("another key", 23).next(300)).all()


def test_draws_are_multinomial() -> None:
    counts = TextDraws("a key", 50).next(4000)
    assert counts.mean(axis=1) == pytest.approx(np.ones(50), abs=0.08)  # five standard errors
    assert counts.var() == pytest.approx(1 - 1 / 50, abs=0.02)
    assert np.corrcoef(counts)[0, 1] == pytest.approx(-1 / 49, abs=0.08)


def test_the_random_numbers_never_change() -> None:
    texts = TextDraws("texts sst2 0123", 6).next(3)
    assert texts.T.tolist() == [[0, 0, 2, 2, 0, 2], [2, 1, 1, 0, 1, 1], [1, 2, 0, 2, 0, 1]]
    weights = seed_weights([0, 1, 2], 2)
    assert weights.T.round(6).tolist() == [[0.076964, 0.021935, -0.098899], [-0.266358, 0.41655, -0.150192]]


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_means_over_seeds_that_texts_do_not_vary_deviate_as_the_t_interval_says(seeds: int) -> None:
    values = np.random.default_rng(seeds).normal(80, 2, seeds)
    found = vary_seeds({seed: np.full(40_001, value) for seed, value in enumerate(values)})
    assert found[0] == pytest.approx(values.mean())
    interval = scipy.stats.t(seeds - 1, values.mean(), values.std(ddof=1) / math.sqrt(seeds))
    for share in (0.005, 0.025, 0.25, 0.5, 0.75, 0.975, 0.995):
        below = (found[1:] <= interval.ppf(share)).mean()
        assert abs(below - share) < 4 * math.sqrt(share * (1 - share) / 40_000)


def test_weights_of_seeds_by_the_formula() -> None:
    weights = seed_weights([3, 1, 2], 500)
    assert weights.sum(axis=0) == pytest.approx(np.zeros(500), abs=1e-12)
    assert (weights[:, :200] == seed_weights([3, 1, 2], 200)).all()
    normal = np.stack([draws._normal(f"seed {seed}", 500) for seed in (3, 1, 2)])
    one, two = (draws._normal(f"degree of freedom {degree}", 500) for degree in (1, 2))
    for replicate in range(500):
        t_scale = math.sqrt(2 / (one[replicate] ** 2 + two[replicate] ** 2))
        expected = t_scale * (normal[:, replicate] - normal[:, replicate].mean()) / math.sqrt(3 * 2)
        assert weights[:, replicate] == pytest.approx(expected)


def test_rows_of_the_same_seeds_have_the_same_weights_whatever_their_order() -> None:
    assert seed_weights([1, 2, 3], 50) == pytest.approx(seed_weights([3, 2, 1], 50)[::-1], abs=1e-9)
    assert np.corrcoef(seed_weights([1, 2, 3], 4000)[1], seed_weights([2, 3, 4], 4000)[0])[0, 1] > 0.5


def test_varied_seeds_literally() -> None:
    scores = {seed: np.random.default_rng(seed).normal(size=1 + REPLICATES) for seed in (3, 1, 2)}
    weights = seed_weights([1, 2, 3], REPLICATES)
    found = vary_seeds(scores)
    assert found[0] == pytest.approx(np.mean([scores[seed][0] for seed in (1, 2, 3)]))
    for replicate in range(REPLICATES):
        of_seeds = [scores[seed][1 + replicate] for seed in (1, 2, 3)]
        expected = np.mean(of_seeds) + sum(np.multiply(weights[:, replicate], of_seeds))
        assert found[1 + replicate] == pytest.approx(expected, abs=1e-12)


def test_one_seed_is_never_varied() -> None:
    scores = np.arange(5.0)
    assert (vary_seeds({7: scores}) == scores).all()


def test_interval_and_p_by_hand() -> None:
    low, high, p = interval_and_p(np.array([*range(1, 98), 0.0, -1.0]))  # 99 differences, two of them ≤ 0
    assert (low, high) == (pytest.approx(1.45), pytest.approx(94.55))
    assert p == pytest.approx(2 * (1 + 2) / 100)
    assert interval_and_p(np.zeros(99)) == (0.0, 0.0, 1.0)
    assert interval_and_p(np.full(99, 1e-13)) == (0.0, 0.0, 1.0)  # the last bit of a sum is no difference
    assert interval_and_p(np.full(99, -2.0)) == (-2.0, -2.0, pytest.approx(0.02))
