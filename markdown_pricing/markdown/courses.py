"""How an article goes on from this week by its plan, with today's price kept and by the old habit, with bands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.forecast import Demand, Forecast
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.habit import habit_rungs
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.planning import demand_at
from markdown_pricing.markdown.sales import NINE_IN_TEN, demand_quantile
from markdown_pricing.markdown.valuation import evaluate_path


@dataclass(frozen=True)
class Course:
    """The weeks of one article from this one to its end, at the prices of one path. Bands hold 8 times in 10.

    price, units : (weeks,), the price of each week and what it is expected to sell
    units_low, units_high : (weeks,), where the level of the article and the luck of the week are unsure
    stock : (weeks + 1,), at the start of each week, and then what is left over
    stock_low, stock_high : (weeks + 1,), where the level is unsure; the luck of weeks evens out
    """

    price: FloatArray
    units: FloatArray
    units_low: FloatArray
    units_high: FloatArray
    stock: FloatArray
    stock_low: FloatArray
    stock_high: FloatArray


def courses_of(ladders: Ladders, forecast: Forecast, planned: Sequence[float]) -> Mapping[str, Course]:
    """The courses of one article, by the names `plan`, `keep` and `habit`. Raises BrokenModel.

    ladders, forecast : of this article alone ; planned : the planned price of each week, from this one on
    """
    demand = demand_at(ladders, forecast)
    plan = np.abs(ladders.prices[0] - np.array(planned)[:, np.newaxis]).argmin(axis=1)
    paths = {
        "plan": plan[np.newaxis],
        "keep": np.zeros((1, len(plan)), dtype=np.int64),
        "habit": habit_rungs(ladders, Limits.of(ladders)),
    }
    return {name: _course(ladders, rungs, demand) for name, rungs in paths.items()}


def _course(ladders: Ladders, rungs: IntArray, demand: Demand) -> Course:
    expected = evaluate_path(ladders, rungs, demand)
    slow, fast = (evaluate_path(ladders, rungs, _at_level(demand, deviation)) for deviation in (-1, 1))
    dispersion = np.array([demand.dispersion_in(week)[0] for week in range(rungs.shape[1])])
    low, high = (
        np.minimum(demand_quantile(share, expected.units[0], dispersion), slow.stock[0]) for share in (0.1, 0.9)
    )
    stock, least, most = (np.append(path.stock[0], path.leftover[0]) for path in (expected, fast, slow))
    return Course(ladders.prices_in(rungs)[0], expected.units[0], low, high, stock, least, most)


def _at_level(demand: Demand, deviation: float) -> Demand:
    """The demand of an article that sells so much less or more than expected as happens once in ten times."""
    if demand.level_sd is None:
        return demand
    factor = np.exp(deviation * NINE_IN_TEN * demand.level_sd)[:, np.newaxis, :]
    return replace(demand, units=demand.units * factor)
