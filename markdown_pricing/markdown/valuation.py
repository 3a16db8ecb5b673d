"""What a price path is expected to bring."""

from dataclasses import dataclass

import numpy as np

from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.ladder import FloatArray, IntArray
from markdown_pricing.markdown.limits import Limits, deepest_rungs
from markdown_pricing.markdown.sales import expected_sales
from markdown_pricing.markdown.shelf import Shelf


@dataclass(frozen=True)
class PathValue:
    """What a price path is expected to bring.

    rungs : (articles, weeks); units, stock : (articles, weeks), expected sales of a week and stock at its start
    leftover, revenue : (articles,); revenue = Σ price · units + salvage_price · leftover
    label_cost : (articles,), not taken off the revenue
    """

    rungs: IntArray
    units: FloatArray
    stock: FloatArray
    leftover: FloatArray
    revenue: FloatArray
    label_cost: FloatArray

    @property
    def gain(self) -> FloatArray:
        return self.revenue - self.label_cost


def evaluate_path(ladders: Ladders, rungs: IntArray, demand: Demand) -> PathValue:
    """What the path `rungs` (articles, weeks) brings along the mean stock: each week sells E[min(stock, demand)].

    A week's demand is that of the stock at its start.
    """
    shelves = None if demand.shelf is None else Shelf.of(demand.shelf)
    season = ladders.season
    price = np.take_along_axis(ladders.prices, rungs, axis=1)
    selling = np.arange(rungs.shape[1]) < season.weeks_left[:, np.newaxis]
    mean = np.where(selling, np.take_along_axis(demand.units, rungs[:, np.newaxis, :], axis=1)[:, 0], 0.0)
    sold, stock = np.zeros_like(mean), np.zeros_like(mean)
    remaining = season.stock.astype(np.float64)
    for week in range(rungs.shape[1]):
        stock[:, week] = remaining
        if shelves is not None:
            mean[:, week] *= shelves.demand_left(remaining / np.maximum(season.stock, 1))
        sold[:, week] = expected_sales(remaining, mean[:, week], demand.dispersion)
        remaining = remaining - sold[:, week]
    leftover = np.maximum(remaining, 0.0)
    markdowns = ((np.diff(rungs, axis=1, prepend=0) != 0) & selling).sum(axis=1)
    cost = ladders.per_article([own.relabel_cost_per_store for own in ladders.rules]) * season.stores
    revenue = (price * sold).sum(axis=1) + season.salvage_price * leftover
    return PathValue(rungs, sold, stock, leftover, revenue, markdowns * cost)


def deepest_sales(ladders: Ladders, limits: Limits, demand: Demand) -> FloatArray:
    """(articles,): units sold at most if every markdown came as early and as deep as the rules allow.

    "At most" is each week's mean and 1.28 standard deviations, as if all weeks were lucky together: a season in ten.
    """
    season = ladders.season
    at_rungs = np.take_along_axis(demand.units, deepest_rungs(limits)[:, np.newaxis, :], axis=1)[:, 0]
    shelves = None if demand.shelf is None else Shelf.of(demand.shelf)
    sold = np.zeros(len(at_rungs))
    for week in range(ladders.weeks):
        mean = np.where(week < season.weeks_left, at_rungs[:, week], 0.0)
        if shelves is not None:
            mean = mean * shelves.demand_left(1 - sold / np.maximum(season.stock, 1))
        sold += mean + 1.2816 * np.sqrt(mean + demand.dispersion * mean**2)
    return sold
