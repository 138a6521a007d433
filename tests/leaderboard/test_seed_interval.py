from __future__ import annotations

import math

import pytest
import scipy.stats

from leaderboard.seed_interval import half_width, t_quantile
from leaderboard.table import Value


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 30, 101, 1000])
def test_quantiles_are_those_of_scipy(freedom: int) -> None:
    assert t_quantile(freedom) == pytest.approx(scipy.stats.t.ppf(0.975, freedom), rel=1e-9)


def test_half_width_is_that_of_scipys_interval() -> None:
    _, high = scipy.stats.t.interval(0.95, df=4, loc=0.0, scale=1.5 / math.sqrt(5))
    assert half_width(1.5, 5) == pytest.approx(high, rel=1e-9)


def test_one_seed_has_no_interval() -> None:
    assert Value(mean=90.0, deviation=None, seeds=1).half_width is None
    assert Value(mean=90.0, deviation=0.0, seeds=3).half_width == 0.0
    width = Value(mean=90.0, deviation=2.0, seeds=2).half_width
    assert width == pytest.approx(12.706204736 * 2.0 / math.sqrt(2))
