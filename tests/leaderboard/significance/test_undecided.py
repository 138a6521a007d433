"""What half precision leaves undecided, against exact logits and pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from leaderboard.compact_logits import expand
from leaderboard.record import MergedClasses, Record
from leaderboard.significance.single_predictions import labelled_predictions, undecided_pairs

Factory = Callable[..., Record]


def probabilities(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_pairs_of_exact_logits_are_ordered_as_in_half_precision_but_for_the_undecided(
    predicted: Any, predicted_record_factory: Factory
) -> None:
    generator = np.random.default_rng(5)
    exact = {name: 4 * generator.normal(size=(150, 3)) for name in ("sst2", "qqp")}
    exact["qqp"][:80] = exact["sst2"][:80] + 1e-3 * generator.normal(size=(80, 3))
    labels = generator.integers(0, 3, 150)
    sets = {"sst2": predicted("in-distribution", exact["sst2"], labels), "qqp": predicted("anomaly", exact["qqp"])}
    record = predicted_record_factory("vanilla", 1, sets)
    scores, bounds = {}, {}
    for name, logits in exact.items():
        stored = record.evaluation_sets[name].compact_logits
        assert stored is not None
        half, _ = expand(stored, 150)
        scores[name] = probabilities(logits).max(axis=1), probabilities(half).max(axis=1)
        largest = probabilities(half).max(axis=1)
        bounds[name] = 2.0**-10 * np.abs(half).max(axis=1) * largest * (1 - largest)
    expected = 0
    for anomaly, normal in product(range(150), range(150)):
        exact_order = scores["qqp"][0][anomaly] < scores["sst2"][0][normal]
        half_order = scores["qqp"][1][anomaly] < scores["sst2"][1][normal]
        difference = abs(scores["qqp"][1][anomaly] - scores["sst2"][1][normal])
        undecided = difference <= bounds["qqp"][anomaly] + bounds["sst2"][normal]
        expected += undecided
        assert undecided or exact_order == half_order
    assert 80 <= expected < 150 * 150 / 50
    assert undecided_pairs(record, "qqp", "sst2") == pytest.approx(expected / 150**2)


def test_merged_predictions_of_exact_logits_are_those_of_half_precision_but_for_the_undecided(
    predicted: Any, predicted_record_factory: Factory
) -> None:
    generator = np.random.default_rng(6)
    exact = 4 * generator.normal(size=(400, 3))
    # Up to a thousandth, the first class is as likely as the other two together.
    exact[:200, 0] = np.logaddexp(exact[:200, 1], exact[:200, 2]) + 1e-3 * generator.normal(size=200)
    labels = generator.integers(0, 2, 400)
    record = predicted_record_factory("vanilla", 1, {"sst2": predicted("in-distribution", exact, labels)})
    item = record.evaluation_sets["sst2"].model_copy(
        update={"projection": MergedClasses(labels=("yes", "no"), groups=((0,), (1, 2)))}
    )
    found = labelled_predictions(record.model_copy(update={"evaluation_sets": {"sst2": item}}), "sst2")
    merged = (probabilities(exact)[:, 0] < 0.5).astype(int)
    wrong = found.correct != (merged == labels)
    assert wrong[:200].any()
    assert not (wrong & ~found.undecided).any()
    assert found.undecided[200:].mean() < 0.05
