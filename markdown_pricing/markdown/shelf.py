"""Demand as the shelves empty: a broken assortment sells slower (Smith & Achabal 1998, Management Science 44:285).

The whole stock is today's and what is on its way. Demand at stock s is units · φ(s / whole stock). If stock were sold
continuously, ds/dt = -units · φ, and

    v(s) = ∫ ds / φ(s),   dv/dt = -units

falls equally fast at every stock: v measures the stock by the demand that it takes to sell it. On a grid that is even
in v, a week's demand moves the stock along the diagonals, whatever φ is. The demand of a whole week is that of the
stock at its start, which is somewhat more than in continuous selling. Where φ is a straight line of slope β, it is
exactly -ln(1 - β · demand) / β in v.
"""

from dataclasses import dataclass

import numpy as np

from markdown_pricing.arrays import FloatArray
from markdown_pricing.forecast import SHELF_SHARES

STEEPEST_END = 0.5
"""With no stock left, φ is taken for at least this share of φ at the first grid point above 0. Otherwise the last units
would fill most of the grid in v."""
SLOPE_BETWEEN = (5, 14)
"""The grid points between which β is measured: 16 and 44 % of the stock, where a week and continuous selling differ by
most money."""


@dataclass(frozen=True)
class Shelf:
    """How the demand of each article falls with its stock.

    relative : (articles, 33), φ at SHELF_SHARES of the whole stock: demand relative to its own, in (0, 1], rising
    needed   : (articles, 33), v at the same shares: the demand that it takes to sell them, as a share of the whole
    slope    : (articles,), β
    """

    relative: FloatArray
    needed: FloatArray
    slope: FloatArray

    @classmethod
    def of(cls, relative: FloatArray) -> "Shelf":
        """The shelf effect from φ at SHELF_SHARES of the whole stock, (articles, 33)."""
        end = np.maximum(relative[:, :1], STEEPEST_END * relative[:, 1:2])
        ends = np.concatenate([end, relative[:, 1:]], axis=1)
        low, high = ends[:, :-1], ends[:, 1:]
        # Where φ is a straight line, the integral of 1/φ over a piece is its length over the logarithmic mean of φ.
        ratio = high / low
        steep = ratio - 1 > 1e-6
        logarithmic_mean = np.where(steep, (high - low) / np.log(np.where(steep, ratio, np.e)), low)
        pieces = np.diff(SHELF_SHARES) / logarithmic_mean
        needed = np.concatenate([np.zeros_like(end), pieces.cumsum(axis=1)], axis=1)
        first, last = SLOPE_BETWEEN
        slope = (ends[:, last] - ends[:, first]) / (SHELF_SHARES[last] - SHELF_SHARES[first])
        return cls(relative, needed, slope)

    def demand_left(self, share: FloatArray) -> FloatArray:
        """φ at a share of the whole stock, (articles,). `share` has the same shape."""
        return _at(self.relative, share)

    def needed_for(self, share: FloatArray) -> FloatArray:
        """v at a share of the whole stock, (articles,). `share` has the same shape."""
        return _at(self.needed, share)

    def even_stock(self, points: int, needed: FloatArray) -> FloatArray:
        """The shares of the whole stock that lie even in v, from 0 to `needed`, (articles,); (articles, points)."""
        wanted = needed[:, np.newaxis] * np.linspace(0, 1, points)
        above = (self.needed[:, np.newaxis, :] < wanted[:, :, np.newaxis]).sum(axis=2)
        above = np.clip(above, 1, len(SHELF_SHARES) - 1)
        low, high = (np.take_along_axis(self.needed, at, axis=1) for at in (above - 1, above))
        shares: FloatArray = (above - 1 + (wanted - low) / (high - low)) / (len(SHELF_SHARES) - 1)
        return shares

    def week_of(self, demand: FloatArray) -> FloatArray:
        """How far a week's demand moves the stock in v, (articles, …).

        demand : (articles, …), as a share of the whole stock
        """
        slope = self.slope.reshape(-1, *np.ones(demand.ndim - 1, dtype=int))
        bent = slope > 1e-6
        moved: FloatArray = np.where(
            bent, -np.log1p(-np.minimum(slope * demand, 1 - 1e-6)) / np.where(bent, slope, 1.0), demand
        )
        return moved


def _at(values: FloatArray, share: FloatArray) -> FloatArray:
    """Values (articles, 33) at a share (articles,), interpolated linearly between grid points."""
    point = np.clip(share, 0, 1) * (len(SHELF_SHARES) - 1)
    below = np.minimum(point.astype(np.int64), len(SHELF_SHARES) - 2)
    every = np.arange(len(values))
    low, high = values[every, below], values[every, below + 1]
    between: FloatArray = low + (point - below) * (high - low)
    return between
