from __future__ import annotations

import random

import pytest

from leaderboard.significance.holm import holm


def test_by_hand() -> None:
    # 0.005 · 4, 0.01 · 3, 0.03 · 2, 0.04 · 1 raised to the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_nothing_exceeds_one_and_one_test_stays_as_it_is() -> None:
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_equal_values_stay_equal() -> None:
    assert holm([0.02, 0.02, 0.5]) == pytest.approx([0.06, 0.06, 0.5])


def test_against_the_definition() -> None:
    generator = random.Random(3)
    for _ in range(50):
        given = [generator.random() ** 3 for _ in range(7)]
        ordered = sorted(given)
        expected = [
            min(1.0, max((len(given) - before) * p for before, p in enumerate(ordered[: ordered.index(own) + 1])))
            for own in given
        ]
        assert holm(given) == pytest.approx(expected)
