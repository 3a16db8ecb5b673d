"""The best markdown policy of many articles at once: a dynamic programme over weeks, stock, rung and rules.

State at the start of week t: stock s (on a grid), rung in force r, markdowns left m, weeks c until the next one is
allowed. With Q(r, s, m, c) the value of selling week t on rung r and going on from there,

    Q_t(r, s, m, c) = E[ price_r · min(s, D) + V_t+1(r, s - min(s, D), m, c) ]
    V_t(r, s, m, c) = max( Q_t(r, s, m, max(c - 1, 0)),  max over r' > r of Q_t(r', s, m - 1, between - 1) - cost )

where the second term stands only when c = 0, m > 0 and week t may be touched; V after the last week is the salvage
value of the stock (Gallego & van Ryzin 1994, with the rules as state). Stock between grid points is interpolated
linearly. The grid is even, so demand moves stock along its diagonals: one short kernel per article and rung holds the
whole transition, and all (m, c) share it in one matrix product. Where demand falls with the stock the grid is even in
the demand that the stock takes to sell (`shelf.py`), which leaves the diagonals as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from markdown_pricing.arrays import rows_of
from markdown_pricing.markdown.ladder import FloatArray, IntArray
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.sales import demand_points, expected_sales
from markdown_pricing.markdown.season import BoolArray
from markdown_pricing.markdown.shelf import Shelf

STOCK_POINTS, DEMAND_POINTS = 21, 5
FEWER_STOCK_POINTS, FEWER_DEMAND_POINTS = 11, 3
"""Where the level is unsure its scenarios spread the demand by themselves."""
LEVEL_POINTS = np.array([-1.2247, 0.0, 1.2247])
"""Equally likely standard normal values of mean 0 and variance 1."""
BATCH_NUMBERS = 2_000_000
"""Numbers that the largest arrays of one batch may hold."""
LEAST_GAIN = 0.01
"""A markdown must earn a cent more than waiting: ties go to the later markdown."""
FORBIDDEN = np.float32(-1e30)
ROUNDING = 1e-6
"""Share of the stock's value that single precision may get wrong."""

SmallFloats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """Articles that have to wait as long between markdowns.

    price      : (articles, rungs), falling; the first is in force
    limits     : what holds the price; every article has to wait as long between markdowns
    units      : (articles, rungs, weeks), mean demand
    shelf      : how demand falls with the stock; None when it does not
    level_sd   : (articles, weeks), of the log of mean demand, what nobody knows yet; None when units are certain
    penalty    : (articles,), what each unit left over beyond `tolerated` costs
    others     : (articles,)
    """

    price: FloatArray
    limits: Limits
    units: FloatArray
    dispersion: FloatArray
    stock: FloatArray
    salvage: FloatArray
    penalty: FloatArray
    tolerated: FloatArray
    shelf: Shelf | None = None
    level_sd: FloatArray | None = None

    @property
    def points(self) -> int:
        """Points of the grid of stock."""
        return STOCK_POINTS if self.level_sd is None else FEWER_STOCK_POINTS

    @property
    def demand_points(self) -> int:
        return DEMAND_POINTS if self.level_sd is None else FEWER_DEMAND_POINTS

    @property
    def weeks_between(self) -> int:
        """Weeks from one markdown to the next."""
        return int(self.limits.between.max(initial=1))

    @property
    def rungs(self) -> IntArray:
        """(articles,): down to the lowest one that can be moved to."""
        rungs = np.arange(self.price.shape[1])
        lowest: IntArray = (rungs * self.limits.moves.any(axis=1)).max(axis=1)
        return lowest + 1

    @property
    def markdowns(self) -> IntArray:
        """(articles,): more than these are not allowed, or find no rung or no week."""
        weeks = -(-self.limits.weeks_left // self.weeks_between)
        markdowns: IntArray = np.minimum(np.minimum(self.limits.left, self.rungs - 1), weeks)
        return markdowns

    def part(self, rows: IntArray) -> "Problem":
        """Those articles, without the rungs that none of them can move to."""
        part = rows_of(self, rows)
        rungs = int(part.rungs.max(initial=1))
        moves = part.limits.moves[:, :rungs, :rungs]
        return replace(
            part,
            price=part.price[:, :rungs],
            limits=replace(part.limits, moves=moves),
            units=part.units[:, :rungs],
        )


def best_rungs(problem: Problem) -> IntArray:
    """(articles, weeks): the rung in force each week when the best policy is followed along the mean stock.

    The path is open: it is what is planned today; next Monday it is planned again from the stock there is then.
    After an article's last week its rung stays as it is.
    """
    articles, _, weeks = problem.units.shape
    path = np.zeros((articles, weeks), dtype=np.int64)
    for rows in _batches(problem):
        part = problem.part(rows)
        path[rows] = _follow(part, *_expected_values(part))
    return path


def _batches(problem: Problem) -> Iterator[IntArray]:
    """The articles that have a choice: like with like, as a batch takes as long as its longest; weeks_left falling."""
    rungs, markdowns, weeks_left = problem.rungs, problem.markdowns, problem.limits.weeks_left
    order = np.lexsort((-weeks_left, -rungs, -markdowns))
    order = order[markdowns[order] > 0]
    while len(order):
        most, waits, points = markdowns[order[0]], problem.weeks_between, problem.points
        an_article = rungs.max() * points * (points + (most + 1) * waits * 3 + most * weeks_left.max())
        batch = max(BATCH_NUMBERS // int(an_article), 1)
        rows, order = order[:batch], order[batch:]
        yield rows[np.argsort(-weeks_left[rows], kind="stable")]


def _expected_values(problem: Problem) -> tuple[SmallFloats, SmallFloats]:
    """`_values` in the mean over what the level may turn out to be.

    Each level is valued as if it were known from next week on (Littman, Cassandra & Kaelbling 1995, QMDP): what
    selling another week teaches is worth waiting for, because a markdown can't be taken back.
    """
    if problem.level_sd is None:
        return _values(problem)
    levels = np.exp(problem.level_sd[..., np.newaxis] * LEVEL_POINTS)
    levels /= levels.mean(axis=-1, keepdims=True)
    first, *others = (
        replace(problem, units=problem.units * level[:, np.newaxis]) for level in np.moveaxis(levels, -1, 0)
    )
    moved, stayed = _values(first)
    for part in others:
        move, stay = _values(part)
        moved += move
        stayed += stay
    moved /= len(LEVEL_POINTS)
    stayed /= len(LEVEL_POINTS)
    return moved, stayed


def _values(problem: Problem) -> tuple[SmallFloats, SmallFloats]:
    """What a week is worth when it is begun by a move to a rung, and when it is begun by staying on it.

    weeks_left has to fall along the articles: those that are still sold in a week are the first of them.
    Both (weeks, articles, rungs, markdowns, stock points): the second for one markdown left, two, …; the first after
    that one is spent.
    """
    limits = problem.limits
    articles, rungs, _ = problem.units.shape
    weeks, markdowns = int(problem.limits.weeks_left.max()), int(problem.markdowns.max())
    waits = min(problem.weeks_between, weeks)
    grid = _stock_grid(problem).astype(np.float32)[:, np.newaxis, np.newaxis, :]
    at_price = problem.price.astype(np.float32)[..., np.newaxis, np.newaxis] * grid
    left_over = _left_over_value(problem).astype(np.float32)[:, np.newaxis, np.newaxis, np.newaxis, :]
    label_cost = limits.label_cost.astype(np.float32)[:, np.newaxis, np.newaxis, np.newaxis]
    reachable, is_open = limits.moves.max(axis=1), limits.open
    from_first = np.broadcast_to(limits.moves[:, :1], limits.moves.shape)
    no_largest_step = np.array_equal(limits.moves, np.triu(from_first, 1))
    # What follows a week: (articles, rungs, weeks until a markdown is allowed, markdowns left, stock points).
    value = np.empty((articles, rungs, waits, markdowns + 1, problem.points), dtype=np.float32)
    value[:] = left_over
    moved = np.full((weeks, articles, rungs, markdowns, problem.points), FORBIDDEN, dtype=np.float32)
    stayed = np.zeros_like(moved)
    for week in reversed(range(weeks)):
        n = int(np.count_nonzero(limits.weeks_left > week))
        points = demand_points(problem.units[:n, :, week], problem.dispersion[:n, np.newaxis], problem.demand_points)
        transition = _transition(_in_steps(problem, points).astype(np.float32), problem.points)
        # Revenue is price · (stock before - stock after): taken out of the next value, it needs no term of its own.
        after = value[:n].reshape(n, rungs, -1, problem.points) - at_price[:n]
        sold = after @ transition
        sold += at_price[:n]
        sold = sold.reshape(value[:n].shape)
        move, stay = moved[week, :n], stayed[week, :n]
        stay[:] = sold[:, :, 0, 1:]
        np.subtract(sold[:, :, -1, :-1], label_cost[:n], out=move)
        move[~(reachable[:n] & is_open[:n, week, np.newaxis])] = FORBIDDEN
        value[:n, :, 1:] = sold[:, :, :-1]
        value[:n, :, 0, 0] = sold[:, :, 0, 0]
        best = _best_move(move, None if no_largest_step else limits.moves[:n])
        np.maximum(stay, best, out=value[:n, :, 0, 1:])
    return moved, stayed


def _stock_grid(problem: Problem) -> FloatArray:
    """(articles, stock points): units of stock, even in the demand that it takes to sell them."""
    most = np.where(problem.stock > 0, problem.stock, 1.0)[:, np.newaxis]
    if problem.shelf is None:
        return most / (problem.points - 1) * np.arange(problem.points)
    return most * problem.shelf.even_stock(problem.points)


def _left_over_value(problem: Problem) -> FloatArray:
    """(articles, stock points): salvage, less the penalty on what is left beyond what is tolerated."""
    grid = _stock_grid(problem)
    beyond = np.maximum(grid - problem.tolerated[:, np.newaxis], 0.0)
    value: FloatArray = problem.salvage[:, np.newaxis] * grid - problem.penalty[:, np.newaxis] * beyond
    return value


def _in_steps(problem: Problem, demand: FloatArray) -> FloatArray:
    """A week's demand of the first articles, (articles, rungs, points), in steps of the grid of stock."""
    n = len(demand)
    share = demand / np.where(problem.stock > 0, problem.stock, 1.0)[:n, np.newaxis, np.newaxis]
    if problem.shelf is None:
        return share * (problem.points - 1)
    shelf = rows_of(problem.shelf, slice(n))
    return shelf.week_of(share) * ((problem.points - 1) / shelf.needed[:, -1, np.newaxis, np.newaxis])


def _point_of(problem: Problem, stock: FloatArray) -> FloatArray:
    """(articles,): where a stock lies on the grid, in steps."""
    share = stock / np.where(problem.stock > 0, problem.stock, 1.0)
    if problem.shelf is not None:
        share = problem.shelf.needed_for(share) / problem.shelf.needed[:, -1]
    return np.clip(share, 0, 1) * (problem.points - 1)


def _transition(demand: SmallFloats, stock_points: int) -> SmallFloats:
    """Where stock goes in a week: (…, to, from) weights over the grid; demand (…, points) in steps of the grid.

    The row to stock 0 lacks what demand takes beyond the stock: with nothing to sell all values are 0.
    """
    steps = np.arange(stock_points, dtype=np.float32)
    padded = np.zeros((*demand.shape[:-1], 2 * stock_points - 1), dtype=np.float32)
    kernel = padded[..., stock_points - 1 :]
    for point in range(demand.shape[-1]):
        distance = steps - demand[..., point, np.newaxis]
        np.abs(distance, out=distance)
        np.subtract(1, distance, out=distance)
        kernel += np.maximum(distance, 0, out=distance)
    kernel /= demand.shape[-1]
    # Row i of the matrix is the kernel shifted by i, with zeros before it.
    windows = np.lib.stride_tricks.sliding_window_view(padded, stock_points, axis=-1)
    return np.ascontiguousarray(windows[..., ::-1, :])


def _best_move(moved: SmallFloats, allowed: BoolArray | None) -> SmallFloats:
    """The value of the best move from each rung: moved (articles, rungs, …) is that of a move to the rung.

    allowed : (articles, rungs, rungs); None when all lower rungs can be reached
    """
    best = np.full_like(moved, FORBIDDEN)
    for rung in reversed(range(moved.shape[1] - 1)):
        if allowed is None:
            np.maximum(best[:, rung + 1], moved[:, rung + 1], out=best[:, rung])
        else:
            within = allowed[:, rung, :, np.newaxis, np.newaxis]
            best[:, rung] = np.where(within, moved, FORBIDDEN).max(axis=1)
    return best


def _follow(problem: Problem, moved: SmallFloats, stayed: SmallFloats) -> IntArray:
    """The policy along the mean stock, values interpolated between grid points; of equal rungs the higher."""
    articles, _, weeks = problem.units.shape
    every = np.arange(articles)
    stock, limits = problem.stock.copy(), problem.limits
    state = replace(limits, left=np.minimum(limits.left, moved.shape[-2])).start
    least_gain = LEAST_GAIN + ROUNDING * problem.price[:, 0] * problem.stock
    path = np.zeros((articles, weeks), dtype=np.int64)
    for week in range(len(moved)):
        point = _point_of(problem, stock)
        below = np.minimum(point.astype(np.int64), problem.points - 2)
        share, spent = point - below, np.maximum(state.left - 1, 0)
        stay = _between(stayed[week, every, state.rung, spent], below, share)
        options = _between(moved[week, every, :, spent], below[:, np.newaxis], share[:, np.newaxis])
        options = np.where(limits.may_move(state, week), options, FORBIDDEN)
        moves = options.max(axis=1) - stay > least_gain
        state = limits.after(state, np.where(moves, options.argmax(axis=1), state.rung))
        path[:, week] = state.rung
        demand = problem.units[every, state.rung, week]
        if problem.shelf is not None:
            demand = demand * problem.shelf.demand_left(stock / np.where(problem.stock > 0, problem.stock, 1.0))
        stock = stock - expected_sales(stock, demand, problem.dispersion)
    path[:, len(moved) :] = state.rung[:, np.newaxis]
    return path


def _between(values: SmallFloats, below: IntArray, share: FloatArray) -> FloatArray:
    """Values (…, stock points) at `share` of the way from grid point `below` to the next."""
    low, high = (np.take_along_axis(values, at[..., np.newaxis], axis=-1)[..., 0] for at in (below, below + 1))
    return (1 - share) * low + share * high
