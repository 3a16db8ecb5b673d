"""The calendar's part of demand, common to all categories: the week of the year, and days on which shops are closed.

A country's week has luck of its own that all articles share. However many articles there are, two years are but two
observations of a week of the year, and each moving holiday is one: so what a week differs by is laid to both, by what
is known of either beforehand (`pooling.py` finds them).
"""

import numpy as np

from markdown_pricing.holidays import closed_days
from markdown_pricing.training_data.features import FloatArray, IntArray, mondays, week_of_year

WEEKS_OF_A_YEAR = 53
PRIORS = np.array([*[(0.0, 0.25)] * WEEKS_OF_A_YEAR, (-0.05, 0.06), (0.03, 0.06)])
"""Mean and spread of each effect in logs: of a week of the year, of a day closed, of a day closed the week after."""
LUCK_SD = 0.06
"""Of a country's week, common to all its articles, in logs."""


def calendar_terms(country: str, week: IntArray) -> FloatArray:
    """(weeks, effects) from week numbers, (weeks,)."""
    monday = mondays(week)
    closed = np.column_stack([closed_days(country, monday), closed_days(country, monday + 7)])
    return np.hstack([np.eye(WEEKS_OF_A_YEAR)[week_of_year(week)], closed])


def calendar_effect(effects: FloatArray, country: str, week: IntArray) -> FloatArray:
    """Log effect of each week, of the shape of `week`; week numbers."""
    weeks, place = np.unique(week, return_inverse=True)
    effect: FloatArray = calendar_terms(country, weeks) @ effects
    return effect[place].reshape(np.shape(week))
