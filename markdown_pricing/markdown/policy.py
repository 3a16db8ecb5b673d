"""What each price that may be asked this week is worth, and the path of the best policy after it.

The programme values all states; here an article's own state of today picks this week's values, unsure levels are
averaged, and the policy is followed along the mean stock.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray, rows_of
from markdown_pricing.markdown.dynamic_programme import FORBIDDEN, Problem, SmallFloats, batches, point_of, values
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.sales import expected_sales

LEVEL_POINTS = np.array([-1.2247, 0.0, 1.2247])
"""Three equally likely values that have the mean 0 and the variance 1 of the standard normal distribution."""
LEAST_GAIN = 0.01
"""A markdown must earn a cent of local currency more than waiting, so that of equals the later one is taken."""
ROUNDING = 1e-6
"""Single precision may get values wrong by this share of the stock's value."""


@dataclass(frozen=True)
class Solution:
    """What the programme finds for each article.

    value    : (articles, rungs), the worth of asking a rung's price this week and planning best afterwards, in local
        currency; rung 0 stands for keeping the price. NaN where the rules forbid the price, and everywhere for an
        article that has no choice in any week
    by_level : (articles, rungs, levels), the same if the level were known to be LEVEL_POINTS deviations from what is
        expected; there is one level where the units are certain
    rungs    : (articles, weeks), the rung in force in each week under the best policy
    after    : (articles, rungs, weeks), the same when a rung's price is asked this week, whatever it is worth; all zero
        for a price that may not be asked. It has no rungs unless these paths were asked for
    tolerance : (articles,), by how much a markdown has to be worth more than waiting, so that it is no rounding
    """

    value: FloatArray
    by_level: FloatArray
    rungs: IntArray
    after: IntArray
    tolerance: FloatArray

    @classmethod
    def without_choice(cls, articles: int, shape: tuple[int, int], unsure: bool, each_price: bool) -> Self:
        """No values, and today's price in all weeks; `shape` is (rungs, weeks)."""
        rungs, weeks = shape
        return cls(
            value=np.full((articles, rungs), np.nan),
            by_level=np.full((articles, rungs, len(LEVEL_POINTS) if unsure else 1), np.nan),
            rungs=np.zeros((articles, weeks), dtype=np.int64),
            after=np.zeros((articles, rungs if each_price else 0, weeks), dtype=np.int64),
            tolerance=np.full(articles, LEAST_GAIN),
        )


def solve(problem: Problem, each_price: bool) -> Solution:
    """Values of this week's prices, and the paths when the best policy is followed along the mean stock.

    each_price : whether the paths after each price are wanted, too
    A path is what is planned today. Next Monday is planned anew from the stock that there is then. After an article's
    last week its rung stays as it is.
    """
    articles, rungs, weeks = problem.units.shape
    solution = Solution.without_choice(articles, (rungs, weeks), problem.level_sd is not None, each_price)
    for rows in batches(problem):
        part = problem.part(rows)
        moved, stayed, by_level = _expected_values(part)
        value = _this_week(part, moved, stayed)
        best = _best_of(part, value)
        own = rows[:, np.newaxis], np.arange(value.shape[1])
        solution.value[own], solution.by_level[own] = value, by_level
        solution.tolerance[rows] = tolerance(part.price[:, 0], part.stock + part.stock_to_come)
        article, first = np.nonzero(~np.isnan(value)) if each_price else (np.arange(len(rows)), best)
        paths = _follow(part, moved, stayed, article, first)
        is_best = first == best[article]
        solution.rungs[rows[article[is_best]]] = paths[is_best]
        if each_price:
            solution.after[rows[article], first] = paths
    return solution


def tolerance(price: FloatArray, stock: FloatArray) -> FloatArray:
    """By how much a markdown has to be worth more than waiting, so that the difference is no rounding, (articles,).

    price, stock : (articles,), today's price, and all units that are to be sold
    """
    least: FloatArray = LEAST_GAIN + ROUNDING * price * stock
    return least


def levels_of(level_sd: FloatArray) -> FloatArray:
    """The equally likely levels at LEVEL_POINTS, whose mean is 1, (…, levels); level_sd : (…), of the log of demand."""
    levels = np.exp(level_sd[..., np.newaxis] * LEVEL_POINTS)
    of_mean_1: FloatArray = levels / levels.mean(axis=-1, keepdims=True)
    return of_mean_1


def _expected_values(problem: Problem) -> tuple[SmallFloats, SmallFloats, FloatArray]:
    """The mean of `values` over the levels that articles may turn out to have, and each level's values of this week.

    Each level is valued as if it were known from next week on (QMDP: Littman, Cassandra & Kaelbling 1995). What another
    week of sales teaches is worth waiting for, because a markdown cannot be taken back.
    """
    if problem.level_sd is None:
        moved, stayed = values(problem)
        return moved, stayed, _this_week(problem, moved, stayed)[..., np.newaxis]
    levels = levels_of(problem.level_sd)
    first, *others = (
        replace(problem, units=problem.units * level[:, np.newaxis]) for level in np.moveaxis(levels, -1, 0)
    )
    moved, stayed = values(first)
    by_level = [_this_week(problem, moved, stayed)]
    for part in others:
        move, stay = values(part)
        by_level.append(_this_week(problem, move, stay))
        moved += move
        stayed += stay
    moved /= len(LEVEL_POINTS)
    stayed /= len(LEVEL_POINTS)
    return moved, stayed, np.stack(by_level, axis=-1)


def _this_week(problem: Problem, moved: SmallFloats, stayed: SmallFloats) -> FloatArray:
    """The value of each price that may be asked this week, at today's stock, (articles, rungs); NaN for the others."""
    every = np.arange(len(problem.stock))
    limits = _with_left_of(problem.limits, moved)
    spent = np.maximum(limits.left - 1, 0)
    parts = _parts(problem, point_of(problem, problem.stock, 0))
    value = _options(moved, 0, every, spent, *parts)
    value[~limits.may_move(limits.start, 0)] = np.nan
    value[:, 0] = _options(stayed, 0, every, spent, *parts)[:, 0]
    return value


def _best_of(problem: Problem, value: FloatArray) -> IntArray:
    """The rung of the highest value, (articles,); of rungs that are worth the same it takes the higher."""
    options = np.where(np.isnan(value), -np.inf, value)
    options[:, 0] = -np.inf
    gain = options.max(axis=1) - value[:, 0]
    least_gain = tolerance(problem.price[:, 0], problem.stock + problem.stock_to_come)
    return np.where(gain > least_gain, options.argmax(axis=1), 0)


def _follow(problem: Problem, moved: SmallFloats, stayed: SmallFloats, article: IntArray, first: IntArray) -> IntArray:
    """The rungs when `first` is asked this week and the best policy is followed from next week on, (paths, weeks).

    article, first : (paths,), the article of each path and its rung of this week
    Along the mean stock; values are interpolated between grid points. Of equal rungs it takes the higher.
    """
    weeks, every = problem.units.shape[2], np.arange(len(article))
    stock, to_come, whole = problem.stock[article], problem.stock_to_come[article], problem.whole[article]
    own = replace(
        problem,
        stock=stock,
        stock_to_come=to_come,
        limits=rows_of(_with_left_of(problem.limits, moved), article),
        shelf=None if problem.shelf is None else rows_of(problem.shelf, article),
    )
    state, least_gain = own.limits.start, tolerance(problem.price[article, 0], stock + to_come)
    path = np.zeros((len(article), weeks), dtype=np.int64)
    for week in range(len(moved)):
        rung = first
        if week:
            parts, spent = _parts(own, point_of(own, stock, week)), np.maximum(state.left - 1, 0)
            stay = _options(stayed, week, article, spent, *parts)[every, state.rung]
            options = _options(moved, week, article, spent, *parts)
            options = np.where(own.limits.may_move(state, week), options, FORBIDDEN)
            rung = np.where(options.max(axis=1) - stay > least_gain, options.argmax(axis=1), state.rung)
        state = own.limits.after(state, rung)
        path[:, week] = state.rung
        demand = problem.units[article, state.rung, week]
        if own.shelf is not None:
            demand = demand * own.shelf.demand_left(stock / whole)
        stock = stock - expected_sales(stock, demand, problem.dispersion[article]) + (to_come if week == 0 else 0.0)
    path[:, len(moved) :] = state.rung[:, np.newaxis]
    return path


def _with_left_of(limits: Limits, moved: SmallFloats) -> Limits:
    """The limits with no more markdowns left than there are values of."""
    return replace(limits, left=np.minimum(limits.left, moved.shape[-2]))


def _parts(problem: Problem, point: FloatArray) -> tuple[IntArray, FloatArray]:
    """The grid point below, and how far it is from there to `point`, both in the shape of it."""
    below = np.minimum(point.astype(np.int64), problem.points - 2)
    return below, point - below


def _options(
    values: SmallFloats, week: int, article: IntArray, spent: IntArray, below: IntArray, share: FloatArray
) -> FloatArray:
    """The values of all rungs in a week, (paths, rungs), at `share` of the way from grid point `below` to the next.

    values : (weeks, articles, rungs, markdowns, stock points) ; all others : (paths,)
    """
    rungs = np.arange(values.shape[2])
    at = week, article[:, np.newaxis], rungs, spent[:, np.newaxis]
    low, high = values[(*at, below[:, np.newaxis])], values[(*at, below[:, np.newaxis] + 1)]
    way = share[:, np.newaxis]
    between: FloatArray = (1 - way) * low + way * high
    return between
