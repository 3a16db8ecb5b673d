"""What a stock sells of an uncertain demand: expected sales and quantiles from mean and dispersion."""

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammainc, gammaincinv, nbdtrik

from markdown_pricing.arrays import FloatArray, IntArray

FINE_POINTS = 20
"""How many points stand for a week's demand when a path is valued; the dynamic programme takes fewer."""
LEAST_MEAN, LEAST_DISPERSION = 1e-9, 1e-6
"""A smaller mean is as good as no demand, and a smaller dispersion as good as a Poisson distribution."""
NINE_IN_TEN = 1.2816
"""Nine times in ten a normally distributed value lies below its mean and so many standard deviations, to four digits;
eight times in ten it lies within as many on both sides."""
LOG_CV2_RANGE = (-14.0, 7.0)
LOG_CV2_STEPS = 2_100
"""The table of demand points has so many steps over this range of the log of the squared coefficient of variation."""


def demand_points(mean: npt.ArrayLike, dispersion: npt.ArrayLike, points: int) -> FloatArray:
    """Equally likely values that stand for a week's demand.

    mean       : (…), units, >= 0
    dispersion : >= 0, of a shape that broadcasts to that of `mean`; the variance is mean + dispersion · mean²
    returns (…, points), units, ascending, whose mean is exactly `mean`
    The points are the means of equal slices of the gamma distribution with this mean and variance. It takes the place
    of the negative binomial because it scales with its mean, so that one table serves every article and week.
    """
    mean = np.asarray(mean, dtype=np.float64)
    cv2 = 1 / np.maximum(mean, 1e-3) + dispersion
    low, high = LOG_CV2_RANGE
    row = np.rint((np.log(cv2) - low) * (LOG_CV2_STEPS / (high - low)))
    shape = _gamma_slices(points)[np.clip(row, 0, LOG_CV2_STEPS).astype(np.intp)]
    scaled: FloatArray = mean[..., np.newaxis] * shape
    return scaled


@cache
def _gamma_slices(points: int) -> FloatArray:
    """The means of equal slices of gamma distributions of mean 1, a row for each squared coefficient of variation."""
    shape = np.exp(-np.linspace(*LOG_CV2_RANGE, LOG_CV2_STEPS + 1))[:, np.newaxis]
    edges = gammaincinv(shape, np.linspace(0, 1, points + 1)[1:-1])
    # E[X; X <= x] of a gamma distribution with mean 1 is its distribution function with the shape raised by one.
    below = np.concatenate([np.zeros_like(shape), gammainc(shape + 1, edges), np.ones_like(shape)], axis=1)
    slices: FloatArray = np.diff(below, axis=1) * points
    return slices


def expected_sales(stock: FloatArray, mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    """E[min(stock, demand)] in units, in the shape of `mean`; never above the stock."""
    points = demand_points(mean, dispersion, FINE_POINTS)
    sales: FloatArray = np.minimum(np.minimum(points, stock[..., np.newaxis]).mean(axis=-1), stock)
    return sales


def demand_quantile(share: float, mean: FloatArray, dispersion: FloatArray) -> IntArray:
    """The smallest number of units that demand does not exceed with probability `share`, in the shape of `mean`."""
    # scipy.stats has the same, but takes a second to import in every run.
    size = 1 / np.maximum(dispersion, LEAST_DISPERSION)
    chance = size / (size + np.maximum(mean, LEAST_MEAN))
    reached = np.maximum(np.ceil(np.nan_to_num(nbdtrik(share, size, chance))), 0)
    below = np.maximum(reached - 1, 0)
    units: IntArray = np.where(betainc(size, below + 1, chance) >= share, below, reached).astype(np.int64)
    return units
