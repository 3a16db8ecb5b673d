"""How the interest in an article moves with its age and the calendar, regardless of its price and stock."""

from datetime import date

import numpy as np
import numpy.typing as npt

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.holidays import closed_days

FIRST_MONDAY = date(1990, 1, 1)
"""The Monday of week 0. Inside the sample a week is a whole number, counted from here."""

LAUNCH_CURVE = np.array([0.55, 0.85, 1.0])
"""The interest in the first weeks, in which the article reaches its stores and is noticed. Made up."""

# Countries that give presents at New Year instead of Christmas, and countries that have no such season.
NEW_YEAR_GIFTS = frozenset({"RUS", "UKR", "BLR", "MDA", "KAZ", "GEO", "ARM", "SRB", "MKD", "MNE"})
NO_GIFT_SEASON = frozenset({"ARE", "TUR", "AZE"})
CLOSED_DAY, BEFORE_CLOSED_DAY = 0.88, 1.05
"""What each day on which shops are closed multiplies the traffic of its week, and of the week before, by. Made up."""


def number_of(week: date) -> int:
    """The week number of a Monday."""
    return (week - FIRST_MONDAY).days // 7


def mondays_of(week: IntArray) -> npt.NDArray[np.datetime64]:
    """The Mondays of week numbers of any shape, in the same shape, as datetime64[D]."""
    return np.datetime64(FIRST_MONDAY, "D") + 7 * np.asarray(week, np.int64).astype("timedelta64[D]")


def day_of_year(week: IntArray) -> IntArray:
    """The day of the year of each week's Monday, 0 for the first of January; the shape is that of `week`."""
    day = mondays_of(week)
    return np.asarray((day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64))


def age_curve(age_weeks: IntArray, decay_per_week: FloatArray) -> FloatArray:
    """Interest relative to its peak: it is 0 before the launch, rises over the first weeks and then decays.

    The shapes of both arrays broadcast, and what is returned has the shape that they come to.
    """
    early = LAUNCH_CURVE[np.clip(age_weeks, 0, len(LAUNCH_CURVE) - 1)]
    return np.where(age_weeks < 0, 0.0, early * np.exp(-decay_per_week * np.maximum(age_weeks - 2, 0)))


def season_curve(week: IntArray, peak_day: FloatArray, strength: FloatArray) -> FloatArray:
    """A yearly wave whose log has mean 0, with its peak on `peak_day` of the year.

    The shapes of the arrays broadcast, and what is returned has the shape that they come to.
    """
    return np.asarray(np.exp(strength * np.cos(2 * np.pi * (day_of_year(week) - peak_day) / 365.25)), float)


def holidays(country: str, week: IntArray) -> FloatArray:
    """Traffic in the shops: presents before Christmas or New Year, a lull after it, sales in summer, days closed.

    What is returned has the shape of `week`, with 1 for a usual week.
    """
    day = day_of_year(week)
    gifts_end = 364 if country in NEW_YEAR_GIFTS else 356
    until_gifts = gifts_end - day
    gifts = np.where((until_gifts >= 0) & (until_gifts < 28), 1.5 - until_gifts / 70, 1.0)
    if country in NO_GIFT_SEASON:
        gifts = np.ones_like(gifts)
    lull = np.where((day > gifts_end - 350) & (day < gifts_end - 335), 0.8, 1.0)
    summer_sales = np.where((day >= 174) & (day < 202), 1.2, 1.0)
    monday = mondays_of(week)
    closed, closed_next_week = closed_days(country, monday), closed_days(country, monday + 7)
    return gifts * lull * summer_sales * CLOSED_DAY**closed * BEFORE_CLOSED_DAY**closed_next_week
