"""The calendar's part of demand, common to all categories: the week of the year, and days on which shops are closed.

A country's week has luck of its own that all articles share. However many articles there are, two years are only two
observations of a week of the year, and each moving holiday is one. The deviation of a week is therefore divided between
calendar and luck, according to how large each is expected to be (`pooling.py` finds them).
"""

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.holidays import closed_days
from markdown_pricing.training_data.features import mondays, week_of_year

WEEKS_OF_A_YEAR = 53
PRIORS = np.array([*[(0.0, 0.25)] * WEEKS_OF_A_YEAR, (-0.05, 0.06), (0.03, 0.06)])
"""Prior mean and standard deviation of each effect in logs, (effects, 2): each week of the year, a closed day in the
week, and a closed day in the week after."""
LUCK_SD = 0.06
"""The standard deviation of the luck of a country's week, which all its articles share, in logs."""


def calendar_terms(country: str, week: IntArray) -> FloatArray:
    """The calendar's regressors of each week, (weeks, effects), in the order of PRIORS, from week numbers (weeks,)."""
    monday = mondays(week)
    closed = np.column_stack([closed_days(country, monday), closed_days(country, monday + 7)])
    return np.hstack([np.eye(WEEKS_OF_A_YEAR)[week_of_year(week)], closed])


def calendar_effect(effects: FloatArray, country: str, week: IntArray) -> FloatArray:
    """The log effect of each week number in `week`, in its shape, from the coefficients `effects`, (effects,)."""
    weeks, place = np.unique(week, return_inverse=True)
    effect: FloatArray = calendar_terms(country, weeks) @ effects
    return effect[place].reshape(np.shape(week))
