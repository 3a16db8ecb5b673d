"""The value of a price path: the sales, left-over and revenue that it is expected to bring."""

from dataclasses import dataclass

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.limits import Limits, deepest_rungs
from markdown_pricing.markdown.sales import NINE_IN_TEN, expected_sales
from markdown_pricing.markdown.shelf import Shelf


@dataclass(frozen=True)
class PathValue:
    """What a price path is expected to bring.

    rungs        : (articles, weeks), the rung in force in each week
    units, stock : (articles, weeks), expected sales of the week and expected stock at its start
    leftover     : (articles,), units expected to be left at the end
    revenue      : (articles,), Σ price · units + salvage_price · leftover, in local currency
    label_cost   : (articles,), in local currency, which is not taken off the revenue
    """

    rungs: IntArray
    units: FloatArray
    stock: FloatArray
    leftover: FloatArray
    revenue: FloatArray
    label_cost: FloatArray

    @property
    def gain(self) -> FloatArray:
        """The revenue less the cost of labels, in local currency, (articles,)."""
        return self.revenue - self.label_cost


def evaluate_path(ladders: Ladders, rungs: IntArray, demand: Demand) -> PathValue:
    """What the path `rungs`, (articles, weeks), brings along the mean stock. Each week sells E[min(stock, demand)].

    A week's demand is the one that the stock at its start has. What is on its way is stock from the second week on, and
    left over where that is after the end.
    """
    shelves = None if demand.shelf is None else Shelf.of(demand.shelf)
    season = ladders.season
    price = ladders.prices_in(rungs)
    selling = np.arange(rungs.shape[1]) < season.weeks_left[:, np.newaxis]
    mean = np.where(selling, np.take_along_axis(demand.units, rungs[:, np.newaxis, :], axis=1)[:, 0], 0.0)
    sold, stock = np.zeros_like(mean), np.zeros_like(mean)
    remaining = season.stock.astype(np.float64)
    for week in range(rungs.shape[1]):
        stock[:, week] = remaining
        if shelves is not None:
            mean[:, week] *= shelves.demand_left(remaining / np.maximum(season.supply, 1))
        sold[:, week] = expected_sales(remaining, mean[:, week], demand.dispersion)
        remaining = remaining - sold[:, week]
        if week == 0:
            remaining = remaining + season.stock_to_come
    leftover = np.maximum(remaining, 0.0)
    markdowns = ((np.diff(rungs, axis=1, prepend=0) != 0) & selling).sum(axis=1)
    revenue = (price * sold).sum(axis=1) + season.salvage_price * leftover
    return PathValue(rungs, sold, stock, leftover, revenue, markdowns * ladders.label_cost)


def next_markdown(rungs: IntArray, prices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The first markdown after this week, (articles,) both: weeks from now, and its price; NaN where there is none.

    rungs : (articles, weeks) ; prices : (articles, rungs), in local currency
    """
    falls = np.diff(rungs, axis=1, append=rungs[:, -1:]) > 0
    has, ahead = falls.any(axis=1), falls.argmax(axis=1) + 1
    rung = np.take_along_axis(rungs, np.where(has, ahead, 0)[:, np.newaxis], axis=1)
    price = np.take_along_axis(prices, rung, axis=1)[:, 0]
    return np.where(has, ahead, np.nan), np.where(has, price, np.nan)


def deepest_sales(ladders: Ladders, limits: Limits, demand: Demand) -> FloatArray:
    """The units that are sold at most when every markdown comes as early and as deep as the rules allow, (articles,).

    "At most" is each week's mean plus 1.28 standard deviations, the 90 % quantile of a normal distribution, as if all
    weeks were lucky together.
    """
    season = ladders.season
    at_rungs = np.take_along_axis(demand.units, deepest_rungs(limits)[:, np.newaxis, :], axis=1)[:, 0]
    shelves = None if demand.shelf is None else Shelf.of(demand.shelf)
    sold = np.zeros(len(at_rungs))
    for week in range(ladders.weeks):
        mean = np.where(week < season.weeks_left, at_rungs[:, week], 0.0)
        if shelves is not None:
            not_there = season.stock_to_come if week == 0 else 0
            mean = mean * shelves.demand_left(1 - (sold + not_there) / np.maximum(season.supply, 1))
        sold += mean + NINE_IN_TEN * np.sqrt(mean + demand.dispersion * mean**2)
        if week == 0:  # nobody can buy this week what comes next week
            sold = np.where(season.stock_to_come > 0, np.minimum(sold, season.stock), sold)
    return sold
