"""The calendar's part of demand, common to all categories: the week of the year, and days on which shops are closed.

A country's week has luck of its own that all articles share. However many articles there are, two years are but two
observations of a week of the year, and each moving holiday is one: so weeks are weighed, not rows.
"""

import numpy as np

from markdown_pricing.holidays import closed_days
from markdown_pricing.training_data.features import FloatArray, IntArray, mondays, week_of_year

WEEKS_OF_A_YEAR = 53
PRIORS = np.array([*[(0.0, 0.25)] * WEEKS_OF_A_YEAR, (-0.05, 0.06), (0.03, 0.06)])
"""Mean and spread of each effect in logs: of a week of the year, of a day closed, of a day closed the week after."""
LUCK_SD = 0.06
"""Of a country's week, common to all its articles."""


def calendar_terms(country: str, week: IntArray) -> FloatArray:
    """(weeks, effects) from week numbers, (weeks,)."""
    monday = mondays(week)
    closed = np.column_stack([closed_days(country, monday), closed_days(country, monday + 7)])
    return np.hstack([np.eye(WEEKS_OF_A_YEAR)[week_of_year(week)], closed])


def fit_calendar(found: FloatArray, information: FloatArray, terms: FloatArray) -> FloatArray:
    """(effects,), a ridge toward PRIORS of what each week was found to differ by.

    found, information : (weeks,), mean in logs and the precision of it ; terms : (weeks, effects)
    """
    mean, sd = PRIORS.T
    weight = 1.0 / (LUCK_SD**2 + 1.0 / np.maximum(information, 1e-9))
    gram = (terms * weight[:, np.newaxis]).T @ terms + np.diag(sd**-2.0)
    effects: FloatArray = mean + np.linalg.solve(gram, terms.T @ (weight * (found - terms @ mean)))
    return effects


def calendar_effect(effects: FloatArray, country: str, week: IntArray) -> FloatArray:
    """Log effect of each week, of the shape of `week`; week numbers."""
    weeks, place = np.unique(week, return_inverse=True)
    of_weeks: FloatArray = calendar_terms(country, weeks) @ effects
    return of_weeks[place].reshape(np.shape(week))
