"""How sure a figure is that was measured on a few weeks.

The articles of a week share its weather, holidays and leaflets, so that a thousand of them are not a thousand
observations: weeks are what repeats. A figure's interval is that of the jackknife, which leaves out one week after the
other, with Student's quantile for so few of them (Tukey 1958; Miller 1974).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from markdown_pricing.arrays import FloatArray

LEAST_WEEKS = 3
"""Fewer weeks say nothing of how much a week can differ. Chosen on 2026-11-28."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval, both ends of which are NaN where there are fewer than LEAST_WEEKS weeks."""

    value: float
    low: float
    high: float


def over_weeks(figure: Callable[[FloatArray], FloatArray], sums: FloatArray, level: float) -> Estimate:
    """A figure of sums over weeks, with the interval that holds it with the chance `level`.

    figure : takes sums (..., columns) and gives (...); it is asked for all weeks, and for all but one
    sums   : (weeks, columns), each week's own sums
    """
    total, weeks = sums.sum(axis=0), len(sums)
    value = float(figure(total))
    if weeks < LEAST_WEEKS:
        return Estimate(value, np.nan, np.nan)
    without = figure(total - sums)
    error = np.sqrt((weeks - 1) / weeks * np.square(without - without.mean()).sum())
    width = float(stdtrit(weeks - 1, 0.5 + level / 2) * error)
    return Estimate(value, value - width, value + width)


def sums_by_week(week: npt.NDArray[np.generic], *columns: FloatArray) -> FloatArray:
    """(weeks, columns), the sums of columns (rows,) over the rows of each week.

    >>> sums_by_week(np.array([7, 7, 8]), np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 1.0]))
    array([[3., 1.],
           [3., 1.]])
    """
    weeks, place = np.unique(week, return_inverse=True)
    return np.stack([np.bincount(place, column, len(weeks)) for column in columns], axis=1)


def ratio(sums: FloatArray) -> FloatArray:
    """The first column of sums over the second, (...); NaN where the second is not above 0."""
    whole = np.where(sums[..., 1] > 0, sums[..., 1], np.nan)
    return np.asarray(sums[..., 0] / whole)
