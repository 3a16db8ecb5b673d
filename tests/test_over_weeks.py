"""A figure of a few weeks has an interval, in which weeks count and not the many rows of each."""

import numpy as np
import pytest

from markdown_pricing.over_weeks import over_weeks, ratio, sums_by_week


def test_of_a_mean_it_is_students_interval() -> None:
    """Of a ratio whose weeks all sold the same, the jackknife is the textbook's interval of a mean."""
    values = np.array([0.1, 0.3, 0.2, 0.0])
    found = over_weeks(ratio, np.column_stack([values, np.ones(4)]), 0.9)

    width = 2.353363 * values.std(ddof=1) / 2
    assert (found.value, found.low, found.high) == pytest.approx((0.15, 0.15 - width, 0.15 + width), abs=1e-6)


def test_more_rows_of_the_same_weeks_make_no_figure_surer() -> None:
    week, error = np.array([1, 2, 3, 4]), np.array([3.0, -1.0, 2.0, 1.0])
    once = over_weeks(ratio, sums_by_week(week, error, np.full(4, 10.0)), 0.9)
    often = over_weeks(ratio, sums_by_week(np.repeat(week, 50), np.repeat(error, 50), np.full(200, 10.0)), 0.9)

    assert (often.value, often.low, often.high) == pytest.approx((once.value, once.low, once.high))


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    """Eight weeks of unequal sales, whose luck all articles share: 90 of 100 intervals hold the true bias."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(600):
        units = rng.uniform(50, 150, 8)
        found = over_weeks(ratio, np.column_stack([units * rng.normal(0.1, 0.2, 8), units]), 0.9)
        held += found.low <= 0.1 <= found.high

    assert held / 600 == pytest.approx(0.9, abs=0.03)


def test_two_weeks_give_no_interval() -> None:
    found = over_weeks(ratio, np.array([[1.0, 10.0], [2.0, 10.0]]), 0.9)

    assert found.value == pytest.approx(0.15)
    assert np.isnan([found.low, found.high]).all()
