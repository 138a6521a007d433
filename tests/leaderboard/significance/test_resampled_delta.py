"""Δ of replicates against that of the leaderboard, replicate by replicate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leaderboard.aggregate import average_relative_improvement
from leaderboard.significance.draws import seed_weights
from leaderboard.significance.paired_bootstrap import interval_and_p
from leaderboard.significance.resampled_delta import resampled_delta

KEYS = ("acc_in", "acc_shift", "acc_adv", "ece", "auroc")
LOWER_IS_BETTER = frozenset({"ece"})
Scores = dict[str, dict[int, np.ndarray]]


def test_one_seed_has_the_delta_of_the_leaderboard_on_the_drawn_texts() -> None:
    generator = np.random.default_rng(1)
    row, vanilla = ({key: generator.uniform(5, 95, 30) for key in KEYS} for _ in range(2))
    vanilla["acc_in"][3] = 100.0
    vanilla["ece"][4] = 0.0
    vanilla["ece"][5] = -0.1
    of_row, of_vanilla = ({key: {0: values} for key, values in scores.items()} for scores in (row, vanilla))
    found = resampled_delta(of_row, of_vanilla, LOWER_IS_BETTER)
    for replicate in range(30):
        expected = average_relative_improvement(
            {key: values[replicate] for key, values in row.items()},
            {key: values[replicate] for key, values in vanilla.items()},
            LOWER_IS_BETTER,
        )
        assert found[replicate] == pytest.approx(math.nan if expected is None else expected, nan_ok=True)
    assert np.isnan(found).sum() == 3


def seeds_around(generator: np.random.Generator, seeds: list[int], spread: float) -> Scores:
    return {
        key: {seed: center + spread * generator.normal(size=41) for seed in seeds}
        for key in KEYS
        for center in [generator.uniform(20, 80, 41)]
    }


def test_small_deviations_of_seeds_change_delta_as_much_as_they_change_the_leaderboards() -> None:
    generator = np.random.default_rng(2)
    row, vanilla = seeds_around(generator, [1, 2, 3], 1e-4), seeds_around(generator, [2, 3, 4, 5], 1e-4)
    found = resampled_delta(row, vanilla, LOWER_IS_BETTER)

    def varied(scores: dict[int, np.ndarray], replicate: int) -> float:
        drawn = [scores[seed][replicate] for seed in sorted(scores)]
        weights = seed_weights(sorted(scores), 40)[:, replicate - 1] if replicate else [0.0] * len(drawn)
        return float(np.mean(drawn) + np.dot(weights, drawn))

    for replicate in range(41):
        means, with_seeds = (
            average_relative_improvement(
                {key: of_key(row[key]) for key in KEYS}, {key: of_key(vanilla[key]) for key in KEYS}, LOWER_IS_BETTER
            )
            for of_key in (
                lambda scores, at=replicate: float(np.mean([of_seed[at] for of_seed in scores.values()])),
                lambda scores, at=replicate: varied(scores, at),
            )
        )
        assert means is not None
        assert with_seeds is not None
        assert found[replicate] - means == pytest.approx(with_seeds - means, rel=0.01, abs=1e-7)


def test_vanilla_improves_on_itself_in_no_replicate() -> None:
    vanilla = seeds_around(np.random.default_rng(3), [1, 2, 3], 5.0)
    assert resampled_delta(vanilla, vanilla, LOWER_IS_BETTER) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("calibration_error", [2.0, 4.0, 8.0, 12.0])
def test_intervals_hold_however_far_the_row_is_from_vanilla(calibration_error: float) -> None:
    """Five seeds; vanilla's calibration error is 4 with a standard deviation of 0.6, all else is equal and fixed."""
    generator = np.random.default_rng(4)
    truth = 100 * (4.0 - calibration_error) / 4.0 / len(KEYS)
    covered = 0
    for _ in range(400):
        row, vanilla = (
            {
                key: {
                    seed: np.full(501, center + 0.6 * generator.normal() if key == "ece" else 50.0) for seed in range(5)
                }
                for key in KEYS
            }
            for center in (calibration_error, 4.0)
        )
        low, high, _ = interval_and_p(resampled_delta(row, vanilla, LOWER_IS_BETTER)[1:])
        covered += low <= truth <= high
    assert 0.91 <= covered / 400 <= 0.985
