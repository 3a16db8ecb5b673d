"""A broken assortment sells slower: demand as the shelves empty (Smith & Achabal 1998, Management Science 44:285).

Demand at stock s is units · φ(s / today's stock). The fluid stock falls by ds/dt = -units · φ, so

    v(s) = ∫ ds / φ(s),   dv/dt = -units

falls alike at every stock: v is the stock in terms of the demand that it takes to sell it. On a grid even in v a week's
demand moves the stock along the diagonals, whatever φ is. A week whose demand is that of the stock at its start takes
somewhat more than the fluid; with φ a straight line of slope β it is exactly -ln(1 - β · demand) / β in v.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from markdown_pricing.forecast import SHELF_SHARES

STEEPEST_END = 0.5
"""Least demand with the last piece gone, relative to the first grid point: else the last units fill the grid in v."""
SLOPE_BETWEEN = (5, 14)
"""Grid points between which β is taken: 16 and 44 % of the stock, where week and fluid differ by most money."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shelf:
    """How demand falls with the stock, per article.

    relative : (articles, 33), demand relative to today's at SHELF_SHARES of today's stock, in (0, 1], rising
    needed   : (articles, 33), v at the same shares: demand it takes to sell that much, in units of today's stock
    slope    : (articles,), β
    """

    relative: FloatArray
    needed: FloatArray
    slope: FloatArray

    @classmethod
    def of(cls, relative: FloatArray) -> "Shelf":
        end = np.maximum(relative[:, :1], STEEPEST_END * relative[:, 1:2])
        ends = np.concatenate([end, relative[:, 1:]], axis=1)
        low, high = ends[:, :-1], ends[:, 1:]
        # The integral of 1/φ over a piece on which φ is a straight line: its length over the logarithmic mean.
        ratio = high / low
        steep = ratio - 1 > 1e-6
        logarithmic_mean = np.where(steep, (high - low) / np.log(np.where(steep, ratio, np.e)), low)
        pieces = np.diff(SHELF_SHARES) / logarithmic_mean
        needed = np.concatenate([np.zeros_like(end), pieces.cumsum(axis=1)], axis=1)
        first, last = SLOPE_BETWEEN
        slope = (ends[:, last] - ends[:, first]) / (SHELF_SHARES[last] - SHELF_SHARES[first])
        return cls(relative, needed, slope)

    def demand_left(self, share: FloatArray) -> FloatArray:
        """(articles,): φ at a share of today's stock, (articles,)."""
        return _at(self.relative, share)

    def needed_for(self, share: FloatArray) -> FloatArray:
        """(articles,): v at a share of today's stock, (articles,)."""
        return _at(self.needed, share)

    def even_stock(self, points: int) -> FloatArray:
        """(articles, points): the shares of today's stock from 0 to 1 that lie even in v."""
        wanted = self.needed[:, -1:] * np.linspace(0, 1, points)
        above = (self.needed[:, np.newaxis, :] < wanted[:, :, np.newaxis]).sum(axis=2)
        above = np.clip(above, 1, len(SHELF_SHARES) - 1)
        low, high = (np.take_along_axis(self.needed, at, axis=1) for at in (above - 1, above))
        shares: FloatArray = (above - 1 + (wanted - low) / (high - low)) / (len(SHELF_SHARES) - 1)
        return shares

    def week_of(self, demand: FloatArray) -> FloatArray:
        """How far a week's demand (articles, …), in units of today's stock, moves the stock in v."""
        slope = self.slope.reshape(-1, *np.ones(demand.ndim - 1, dtype=int))
        bent = slope > 1e-6
        moved: FloatArray = np.where(
            bent, -np.log1p(-np.minimum(slope * demand, 1 - 1e-6)) / np.where(bent, slope, 1.0), demand
        )
        return moved


def _at(values: FloatArray, share: FloatArray) -> FloatArray:
    """Values (articles, 33) at a share (articles,), straight between grid points."""
    point = np.clip(share, 0, 1) * (len(SHELF_SHARES) - 1)
    below = np.minimum(point.astype(np.int64), len(SHELF_SHARES) - 2)
    every = np.arange(len(values))
    low, high = values[every, below], values[every, below + 1]
    between: FloatArray = low + (point - below) * (high - low)
    return between
