"""What this week's decision is worth against the best answer in the other direction, with a range.

The values of the menu give it. Its range has two sources: the level, by whose three points the programme is solved, and
the price response, by whose standard error the paths after both answers are valued again.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.menu import Menu
from markdown_pricing.markdown.policy import LEVEL_POINTS, Solution
from markdown_pricing.markdown.sales import NINE_IN_TEN
from markdown_pricing.markdown.task import Task
from markdown_pricing.markdown.valuation import PathValue

DEVIATIONS = ndtri((np.arange(100) + 0.5) / 100)
"""A hundred equally likely values of the standard normal distribution."""

WIDER = 1.15
"""By so much the range is wider than its two sources alone make it, because they are not all: the calendar is unsure,
too, for example. Chosen on 2026-11-27 on simulated seasons of seeds 5 to 7, where 70 % lay inside without it."""


@dataclass(frozen=True)
class Stake:
    """What the decision is worth, (articles,) each, in local currency; NaN where no other answer has a value.

    value     : never below 0: it is 0 where a price that is worth more was held back
    low, high : an 80 % range, which may reach below 0; NaN, too, where the demand model does not say how unsure it is
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray


def stake_of(
    alone: Task, menu: Menu, solution: Solution, best: PathValue, elasticity: tuple[FloatArray, FloatArray] | None
) -> Stake:
    """The stake of each article: the recommended price's value less that of the best answer in the other direction.

    To a markdown the other answer is to keep the price this week, and to a kept price the best markdown now.
    solution, best : the values and paths of the articles, and the planned paths
    elasticity     : with its standard error, (articles,) each; None: the price response is known without error
    """
    is_lower = np.arange(menu.value.shape[1]) > 0
    others = is_lower != (menu.chosen > 0)[:, np.newaxis]
    in_force = menu.chosen[:, np.newaxis]
    value = _lead(menu.value[..., np.newaxis], in_force, others)[:, 0]
    none = np.full_like(value, np.nan)
    if alone.demand.level_sd is None:
        return Stake(np.maximum(value, 0.0), none, none)
    points = _between_levels(_lead(menu.by_level, in_force, others))
    low, high = np.quantile(points, 0.1, axis=1), np.quantile(points, 0.9, axis=1)
    by_response = NINE_IN_TEN * _response_sd(alone, menu, solution, best, others, elasticity)
    return Stake(
        value=np.maximum(value, 0.0),
        low=value - WIDER * np.hypot(np.maximum(value - low, 0.0), by_response),
        high=value + WIDER * np.hypot(np.maximum(high - value, 0.0), by_response),
    )


def _lead(values: FloatArray, in_force: IntArray, others: BoolArray) -> FloatArray:
    """The value of the price in force less the highest one of the others, (articles, levels); NaN without others.

    values : (articles, prices, levels) ; in_force : (articles, 1) ; others : (articles, prices), which prices count
    """
    own = np.take_along_axis(values, in_force[..., np.newaxis], axis=1)[:, 0]
    best = np.where(others[..., np.newaxis] & ~np.isnan(values), values, -np.inf).max(axis=1)
    lead: FloatArray = own - np.where(np.isinf(best), np.nan, best)
    return lead


def _between_levels(values: FloatArray) -> FloatArray:
    """Values at DEVIATIONS, (articles, 100), on the straight lines through those at the three levels, (articles, 3)."""
    low, middle, high = values.T[:, :, np.newaxis]
    step = LEVEL_POINTS[2]
    below, above = (middle - low) / step, (high - middle) / step
    between: FloatArray = middle + np.where(DEVIATIONS < 0, below, above) * DEVIATIONS
    return between


def _response_sd(
    alone: Task,
    menu: Menu,
    solution: Solution,
    best: PathValue,
    others: BoolArray,
    elasticity: tuple[FloatArray, FloatArray] | None,
) -> FloatArray:
    """The stake's standard deviation that comes from the price response, (articles,); 0 where that has no error.

    By the envelope theorem the best policy need not be found anew for a response that is a little different: its
    value moves as that of its path does.
    """
    if elasticity is None:
        return np.zeros(len(menu.chosen))
    rungs = solution.value.shape[1]
    value = np.where(others & ~np.isnan(menu.value), menu.value, -np.inf)[:, :rungs]
    other = solution.after[np.arange(len(value)), value.argmax(axis=1)]
    off = np.log(alone.ladders.prices[:, :1] / alone.ladders.prices)[:, :, np.newaxis]
    error = np.nan_to_num(elasticity[1])[:, np.newaxis, np.newaxis]
    leads = []
    for more in (error, -error):
        demand: Demand = replace(alone.demand, units=alone.demand.units * np.exp(more * off))
        moved = replace(alone, demand=demand)
        leads.append(moved.value(best.rungs).revenue - moved.value(other).revenue)
    deviation: FloatArray = np.abs(leads[0] - leads[1]) / 2
    return deviation
