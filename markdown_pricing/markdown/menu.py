"""What each price that exists for an article this week is worth, or the rule that forbids it.

The values are those that the plan decides by. Beside them stands what is expected on the path that follows a price.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, ObjectArray, each_array, rows_of
from markdown_pricing.codes import OptionRule
from markdown_pricing.markdown.limits import is_too_large, is_too_small
from markdown_pricing.markdown.policy import Solution
from markdown_pricing.markdown.price_groups import PriceGroups
from markdown_pricing.markdown.task import Task
from markdown_pricing.markdown.valuation import PathValue, evaluate_path, next_markdown

NO_PRICE = -1
"""It stands in place of whole cents where an article has no further price."""


@dataclass(frozen=True)
class Expected:
    """What is expected after each price of this week, (articles, prices); NaN where the price is forbidden.

    units     : sold this week ; leftover : left at the end ; revenue : to the end, with salvage, in local currency
    next_week : weeks from now to the path's first markdown after this week ; next_price : in local currency; both NaN
        where there is none
    """

    units: FloatArray
    leftover: FloatArray
    revenue: FloatArray
    next_week: FloatArray
    next_price: FloatArray


@dataclass(frozen=True)
class Menu:
    """The prices that exist for each article this week: today's, then each lower rung of its ladder, falling.

    An article whose price cannot change this week, because there is nothing to sell, its end is past, its price is
    temporary or its data is at fault, has its price alone.

    cents    : (articles, prices), whole cents; NO_PRICE where there is no further price
    value    : (articles, prices), the worth of asking the price this week and planning best afterwards, in local
        currency; NaN where a rule forbids the price
    by_level : (articles, prices, levels), the same by levels, as `Solution` has it
    rule     : (articles, prices), None where the price may be asked; else the first rule that forbids it or, beside a
        value, the option for which a price that is worth more was not taken
    chosen   : (articles,), which of the prices is recommended
    """

    cents: IntArray
    value: FloatArray
    by_level: FloatArray
    rule: ObjectArray
    expected: Expected
    chosen: IntArray

    @property
    def forgone(self) -> FloatArray:
        """What the best of the prices is worth more than the recommended one, (articles,), in local currency.

        It is made from whole cents, so that it is what a reader of the options finds.
        """
        value = np.round(self.value, 2)
        in_force = np.take_along_axis(value, self.chosen[:, np.newaxis], axis=1)
        more: FloatArray = np.nan_to_num(value - in_force).max(axis=1)
        return np.maximum(more, 0.0)


def menu_of(
    alone: Task, groups: PriceGroups, solution: Solution, best: PathValue, held_by: ObjectArray, is_held: BoolArray
) -> Menu:
    """The menu of articles.

    alone    : the articles, each by itself ; groups : how they were planned
    solution : their values and paths, as `PriceGroups.solution_of_members` gives them
    best     : the planned paths, which follow the recommended prices
    held_by  : (articles,), the option for which a price that is worth more was not taken; None without one
    is_held  : (articles,), whether it stands for every other price, because today's is held whatever they are worth
    """
    ladders, chosen, cents = alone.ladders, best.rungs[:, 0], _prices(alone, groups)
    exists = cents[:, : solution.value.shape[1]] != NO_PRICE
    value = np.where(exists, solution.value, np.nan)
    solution = replace(solution, value=value, by_level=np.where(exists[..., np.newaxis], solution.by_level, np.nan))
    rule = _forbidding_rules(alone, groups, cents)
    in_force = np.take_along_axis(value, chosen[:, np.newaxis], axis=1)
    worth_more = value > in_force + solution.tolerance[:, np.newaxis]
    is_other = ~np.isnan(value) & (np.arange(value.shape[1]) != chosen[:, np.newaxis])
    not_taken = np.where(is_held[:, np.newaxis], is_other, worth_more)
    below = ladders.below_salvage.shape[1]
    return Menu(
        cents=cents,
        value=_padded(value, below, np.nan),
        by_level=_padded(solution.by_level, below, np.nan),
        rule=np.where(_padded(not_taken, below, False), held_by[:, np.newaxis], rule),
        expected=each_array(lambda values: _padded(values, below, np.nan), _expected(alone, solution, best)),
        chosen=chosen,
    )


def _padded(values: Any, columns: int, fill: float) -> Any:
    """The values with so many further columns, (articles, prices, …), which stand for the prices below salvage."""
    return np.pad(values, [(0, 0), (0, columns), *[(0, 0)] * (values.ndim - 2)], constant_values=fill)


def _prices(alone: Task, groups: PriceGroups) -> IntArray:
    """The prices that exist this week, (articles, rungs and then those below the salvage price), whole cents."""
    ladders, season = alone.ladders, alone.ladders.season
    real = np.arange(ladders.cents.shape[1]) < ladders.rungs[:, np.newaxis]
    cents = np.concatenate([np.where(real, ladders.cents, NO_PRICE), ladders.below_salvage], axis=1)
    cents[season.price_is_fixed & ~groups.takes_new_price, 1:] = NO_PRICE
    cents[:, 0] = season.current_cents
    return cents


def _forbidding_rules(alone: Task, groups: PriceGroups, cents: IntArray) -> ObjectArray:
    """The first rule that forbids each price, in the contract's order, (articles, prices); None where none does."""
    limits, season, rungs = rows_of(groups.planned.limits, groups.place), alone.ladders.season, alone.ladders.cents
    holds = limits.holds(limits.start, 0)
    step = np.maximum(cents[:, :1] - cents, 0)
    list_cents = season.list_cents[:, np.newaxis]
    most = alone.ladders.per_article([own.max_step_pct for own in alone.ladders.rules])[:, np.newaxis]
    own = np.arange(rungs.shape[1])
    # A price is too near or too far for a group when it is so for one of its articles.
    near, far = is_too_small(step, list_cents), is_too_large(step, list_cents, most)
    for flags in (near, far):
        flags[:, own] |= groups.if_any_member(flags[:, own])
    flags_of = {
        OptionRule.FULL_PRICE_WEEKS: holds[OptionRule.FULL_PRICE_WEEKS][:, np.newaxis],
        OptionRule.TOO_SMALL: near,
        OptionRule.TOO_SOON: holds[OptionRule.TOO_SOON][:, np.newaxis],
        OptionRule.TOO_MANY: holds[OptionRule.TOO_MANY][:, np.newaxis],
        OptionRule.NO_TOUCH_WEEK: holds[OptionRule.NO_TOUCH_WEEK][:, np.newaxis],
        OptionRule.MAX_STEP: far,
        OptionRule.BELOW_SALVAGE: cents < season.floor_cents[:, np.newaxis],
        OptionRule.GROUP_LADDER: np.pad(~groups.is_common, [(0, 0), (0, cents.shape[1] - len(own))]),
    }
    rule = np.full(cents.shape, None, dtype=object)
    for word, forbids in reversed(flags_of.items()):
        rule[np.broadcast_to(forbids, cents.shape)] = str(word)
    rule[:, 0] = None
    rule[cents == NO_PRICE] = None
    return rule


def _expected(alone: Task, solution: Solution, best: PathValue) -> Expected:
    """What is expected after each rung that may be asked, (articles, rungs); after the best one what is planned."""
    shape = solution.value.shape
    expected = {field.name: np.full(shape, np.nan) for field in fields(Expected)}
    for rung in range(shape[1]):
        rows = np.flatnonzero(~np.isnan(solution.value[:, rung]))
        ladders = rows_of(alone.ladders, rows)
        planned = (best.rungs[rows, 0] == rung)[:, np.newaxis]
        path = np.where(planned, best.rungs[rows], solution.after[rows, rung])
        outcome = evaluate_path(ladders, path, rows_of(alone.demand, rows))
        week, price = next_markdown(path, ladders.prices)
        for name, values in (
            ("units", outcome.units[:, 0]),
            ("leftover", outcome.leftover),
            ("revenue", outcome.revenue),
            ("next_week", week),
            ("next_price", price),
        ):
            expected[name][rows, rung] = values
    return Expected(**expected)
