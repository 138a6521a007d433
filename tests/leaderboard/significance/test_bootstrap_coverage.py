"""Whether intervals hold what they promise, on classifiers whose true difference is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from leaderboard.compact_logits import compact
from leaderboard.record import EvaluatedSet, Record
from leaderboard.significance.column_sources import Source
from leaderboard.significance.draws import TextDraws
from leaderboard.significance.paired_bootstrap import interval_and_p, resample_texts, vary_seeds

SIMULATIONS = 300
REPLICATES = 300
TEXTS = 120


def right_answers(
    generator: np.random.Generator, gain: float, spread: float = 0.0, seeds: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Two classifiers that find the same texts hard: (2 × seeds, texts) of 0 and 1."""
    ease = generator.normal(size=TEXTS)
    luck = spread * generator.normal(size=(2, seeds, 1))
    noise = generator.normal(size=(2, seeds, TEXTS))
    return (ease + noise[0] + luck[0] + 0.8 > 0), (ease + noise[1] + luck[1] + 0.8 + gain > 0)


def true_difference(gain: float, spread: float) -> float:
    generator = np.random.default_rng(99)
    ease = generator.normal(size=400_000) * np.sqrt(2 + spread**2) + 0.8
    return float((ease + gain > 0).mean() - (ease > 0).mean())


def intervals(gain: float, spread: float = 0.0, seeds: int = 1) -> np.ndarray:
    """Low, high and p of each simulation."""
    generator = np.random.default_rng(7)
    found = []
    for simulation in range(SIMULATIONS):
        one, other = right_answers(generator, gain, spread, seeds)
        counts = TextDraws(f"simulation {simulation}", TEXTS).next(REPLICATES)
        counts = np.insert(counts, 0, 1.0, axis=1)
        scores = [dict(enumerate(right @ counts / TEXTS)) for right in (one, other)]
        first, second = (vary_seeds(of_seed) for of_seed in scores)
        found.append(interval_and_p((second - first)[1:]))
    return np.array(found)


@pytest.mark.parametrize("gain", [0.0, 0.4])
def test_one_seed(gain: float) -> None:
    low, high, _ = intervals(gain).T
    truth = true_difference(gain, 0.0)
    covered = ((low <= truth) & (truth <= high)).mean()
    assert 0.91 <= covered <= 0.985  # 95 % ± three standard errors


@pytest.mark.parametrize(("seeds", "spread"), [(2, 0.3), (3, 0.0), (3, 0.3), (3, 1.0), (6, 0.3), (6, 1.0)])
def test_several_seeds(seeds: int, spread: float) -> None:
    """Too wide an interval is allowed, for what a seed owes to the texts counts twice; too narrow a one is not."""
    low, high, _ = intervals(0.3, spread, seeds).T
    truth = true_difference(0.3, spread)
    assert ((low <= truth) & (truth <= high)).mean() >= 0.91


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_alone_make_no_difference_significant(seeds: int) -> None:
    """Methods that differ by the luck of their seeds, five times as much as by their texts."""
    p = intervals(0.0, 1.0, seeds)[:, 2]
    assert (p < 0.05).mean() <= 0.05 + 0.04  # three standard errors
    assert (p < 0.02).mean() <= 0.02 + 0.025
    assert (p < 0.2).mean() >= 0.05


def test_p_under_no_difference_is_about_uniform() -> None:
    p = intervals(0.0)[:, 2]
    assert 0.015 <= (p < 0.05).mean() <= 0.09
    assert 0.13 <= (p < 0.2).mean() <= 0.27
    assert 0.42 <= (p < 0.5).mean() <= 0.58


def test_a_real_difference_is_found_as_often_as_by_a_z_test() -> None:
    gain = 0.5
    generator = np.random.default_rng(99)
    ease, *noise = generator.normal(size=(3, 400_000))
    difference = (ease + noise[1] + 0.8 + gain > 0).astype(float) - (ease + noise[0] + 0.8 > 0)
    in_standard_errors = difference.mean() / (difference.std() / math.sqrt(TEXTS))
    power = NormalDist().cdf(in_standard_errors - NormalDist().inv_cdf(0.975))
    found = (intervals(gain)[:, 2] < 0.05).mean()
    assert abs(found - power) < 3 * math.sqrt(power * (1 - power) / SIMULATIONS)


def test_calibration_errors_are_compared_without_the_bias_of_resampling(
    record_factory: Callable[..., Record], set_factory: Callable[..., EvaluatedSet]
) -> None:
    """One classifier is calibrated, so that its error on few texts is all noise; the other is not."""
    generator = np.random.default_rng(11)
    source = Source("calibration", "sst2")
    differences, found = [], []
    base = record_factory()
    for simulation in range(120):
        logit = generator.normal(size=TEXTS) * 1.5
        truth = (generator.random(TEXTS) < 1 / (1 + np.exp(-logit))).astype(int)
        # Where it is wrong does not hang on its confidence, so no temperature helps.
        other = np.where(generator.random(TEXTS) < 0.65, 1, -1) * (2 * truth - 1) * np.abs(logit)
        records: list[Any] = []
        for of_classifier in (logit, other):
            logits = np.stack([np.zeros(TEXTS), of_classifier], axis=1)
            item = set_factory(
                "sst2", rows=TEXTS, sha256=str(simulation), compact_logits=compact(logits, truth.tolist())
            )
            records.append(base.model_copy(update={"evaluation_sets": {"sst2": item}}))
        calibrated, uncalibrated = (scores[source] for scores in resample_texts(records, [source], REPLICATES))
        resampled = uncalibrated - calibrated
        differences.append(resampled[0])
        found.append(interval_and_p(resampled[1:])[:2])
    low, high = np.array(found).T
    truth = np.mean(differences)
    assert ((low <= truth) & (truth <= high)).mean() >= 0.88
    assert (truth < low).mean() == pytest.approx((high < truth).mean(), abs=0.08)
