"""How much the coming week's forecast counts beside the base's, at each horizon, by how both did in the last weeks."""

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray

JUDGED_WEEKS = 13
"""So many last weeks choose the weights, at most a quarter of the history. One leaflet decides little in a quarter."""
HORIZONS = (0, 1, 2, 4)
"""The weeks ahead at which the weight is measured. Between them it is a straight line, and from GONE on it is 0."""
GONE = 8
WEIGHTS = np.linspace(0.0, 0.75, 16)
"""The weights that are compared.

The coming week's forecast never stands alone, because a weight that was measured on few weeks is unsure, and a mean of
two forecasts forgives it (Bates & Granger 1969; Smith & Wallis 2009). The most was chosen on two panels of real sales:
with 1 the WAPE is 0 to 0.003 higher there.
"""
LARGEST_CORRECTION = 1.2
"""What the coming week's forecast may add to the base's or take away, in logs."""


def best_weight(
    demand: FloatArray, log_base: FloatArray, correction: FloatArray, dispersion: FloatArray, week: IntArray
) -> float:
    """The share of the correction under which demand was most likely, in the median of the weeks; 0 without any.

    In each week it is one of WEIGHTS. All rows of a week share its luck, so that each week has one vote: in a sum over
    rows the two or three weeks decide in which something large sold most. The quasi-likelihood is the negative
    binomial's: Σ d·log(μ) − (d + 1/φ)·log(1 + φ·μ), log μ = base + w · correction. All arguments are (rows,).
    """
    if not len(demand):
        return 0.0
    mu = np.exp(log_base + WEIGHTS[:, np.newaxis] * correction)
    chance = demand * np.log(mu) - (demand + 1.0 / dispersion) * np.log1p(dispersion * mu)
    place = np.unique(week, return_inverse=True)[1]
    by_week = np.array([np.bincount(place, own) for own in chance])
    return float(np.median(WEIGHTS[by_week.argmax(axis=0)]))


def weights_ahead(measured: FloatArray, weeks: int) -> FloatArray:
    """The weight of each week ahead, (weeks,), from those at HORIZONS. What helps far ahead has to help near."""
    falling = np.minimum.accumulate(measured)
    weights: FloatArray = np.interp(np.arange(weeks), [*HORIZONS, GONE], [*falling, 0.0])
    return weights


def pairs_ahead(row_at: IntArray, row: IntArray, column: IntArray, ahead: int) -> tuple[IntArray, IntArray]:
    """The row numbers of the decisions so many weeks before the rows, and of these, where there is such a decision.

    row_at : (articles, weeks), the row number of each cell, -1 where there is none ; row, column : the cells of `rows`
    """
    origin = np.where(column >= ahead, row_at[row, np.maximum(column - ahead, 0)], -1)
    target = row_at[row, column]
    return origin[origin >= 0], target[origin >= 0]
