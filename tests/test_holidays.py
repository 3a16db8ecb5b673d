"""Public holidays move, and every country that we price has a calendar of its own."""

import numpy as np
import pytest

from markdown_pricing.countries import read_countries
from markdown_pricing.holidays import closed_days


def mondays(first: str, weeks: int = 1) -> np.ndarray:
    return np.datetime64(first, "D") + 7 * np.arange(weeks)


def test_easter_closes_a_friday_and_a_monday_wherever_it_falls() -> None:
    assert closed_days("DEU", mondays("2025-04-07", 3)).tolist() == [0, 1, 1]
    assert closed_days("DEU", mondays("2026-03-30", 3)).tolist() == [1, 1, 0]


def test_a_holiday_on_a_sunday_closes_no_shopping_day() -> None:
    """3 October 2027, German unity, is a Sunday."""
    assert closed_days("DEU", mondays("2027-09-27")).tolist() == [0]


def test_a_week_over_the_turn_of_the_year_counts_both_years() -> None:
    """25 and 26 December 2024 are in one week, 1 January 2025 in the next, which begins in December."""
    assert closed_days("DEU", mondays("2024-12-23", 2)).tolist() == [2, 1]


@pytest.mark.parametrize("country", [code for code in read_countries() if code != "UKR"])
def test_every_country_of_ours_has_days_on_which_shops_are_closed(country) -> None:
    assert 4 <= closed_days(country, mondays("2025-01-06", 52)).sum() <= 40


def test_ukraine_keeps_none_while_it_is_at_war() -> None:
    assert closed_days("UKR", mondays("2025-01-06", 52)).sum() == 0


def test_a_country_that_nobody_keeps_a_calendar_of_has_none() -> None:
    weeks = mondays("2025-01-06", 104).reshape(2, 52)
    assert closed_days("ZZZ", weeks).tolist() == np.zeros((2, 52)).tolist()
