"""Features are what a decision can know: by date, and never of later weeks."""

from datetime import date

import numpy as np
import pandas as pd

from markdown_pricing.training_data.features import (
    Age,
    Panel,
    lag,
    mean_of_lags,
    season_terms,
    week_number,
    week_of,
    week_of_year,
)

MONDAY = np.datetime64("2026-01-05", "s")


def test_a_week_number_counts_mondays() -> None:
    assert week_of(date(1970, 1, 5)) == 0
    assert week_of(date(2026, 2, 9)) - week_of(date(2026, 2, 2)) == 1
    assert week_number(pd.Series(pd.to_datetime(["2026-02-09"]))).tolist() == [week_of(date(2026, 2, 9))]


def test_the_turn_of_the_year_is_no_jump() -> None:
    weeks = week_of(date(2025, 12, 1)) + np.arange(12)
    assert np.abs(np.diff(season_terms(weeks), axis=0)).max() < 0.3
    assert week_of_year(np.array([week_of(date(2026, 1, 5)), week_of(date(2025, 12, 29))])).tolist() == [0, 51]


def test_age_is_bounded_for_any_dates() -> None:
    age = Age.of(np.array([10, 10, 10]), np.array([4, 12, 9]), np.array([13, 20, 8]))
    assert age.age_weeks.tolist() == [6, 0, 1]
    assert age.weeks_to_end.tolist() == [3, 10, 0]
    assert age.life_share.tolist() == [0.6, 0.0, 1.0]


def test_a_lag_is_a_date_and_not_a_row() -> None:
    """With week 1 missing, what was sold one week before week 2 is unknown, not week 0's."""
    week = MONDAY + np.array([0, 2]) * np.timedelta64(7, "D")
    frame = pd.DataFrame({"article_id": "a", "week": week, "units": [5.0, 7.0]})
    units = Panel.of(frame).grid(frame["units"])
    np.testing.assert_array_equal(units, [[5, np.nan, 7]])
    every_week = np.zeros(3, dtype=np.int64), np.arange(3)
    np.testing.assert_array_equal(lag(units, every_week, 1), [np.nan, 5, np.nan])
    np.testing.assert_array_equal(lag(units, every_week, 2), [np.nan, np.nan, 5])
    np.testing.assert_array_equal(lag(units, every_week, 9), [np.nan] * 3)
    np.testing.assert_array_equal(mean_of_lags(units, every_week, 2), [np.nan, 5, 5])


def test_a_panel_finds_an_articles_first_row_wherever_it_stands() -> None:
    frame = pd.DataFrame({"article_id": ["b", "a", "a"], "week": MONDAY + np.array([0, 7, 0]) * np.timedelta64(1, "D")})
    panel = Panel.of(frame)
    assert panel.article_ids.tolist() == ["a", "b"]
    assert panel.first(np.array([30, 20, 10])).tolist() == [10, 30]
