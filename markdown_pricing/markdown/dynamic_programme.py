"""The values of prices for many articles at once: a dynamic programme over weeks, stock, rung and rules.

The state at the start of week t is the stock s (on a grid), the rung r in force, the markdowns left m, and the weeks c
until the next markdown is allowed. Let Q(r, s, m, c) be the value of selling week t on rung r and going on from there:

    Q_t(r, s, m, c) = E[ price_r · min(s, D) + V_t+1(r, s - min(s, D), m, c) ]
    V_t(r, s, m, c) = max( Q_t(r, s, m, max(c - 1, 0)),  max over r' > r of Q_t(r', s, m - 1, between - 1) - cost )

The second term counts only when c = 0, m > 0 and week t may be touched. After the last week V is the salvage value of
the stock (Gallego & van Ryzin 1994, with the rules as state). Between grid points V is interpolated linearly. The grid
is even, so that demand moves the stock along its diagonals: one short kernel for each article and rung holds the whole
transition, and all (m, c) share it in one matrix product. Where demand falls with the stock, the grid is even in the
demand that it takes to sell the stock (`shelf.py`), which leaves the diagonals as they are.

What is on its way is stock from the second week on: Q_0(r, s, …) has V_1(r, s - min(s, D) + what comes, …). The grid of
this week therefore ends at today's stock, and that of all later weeks at the whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, rows_of
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.sales import demand_points
from markdown_pricing.markdown.shelf import Shelf

STOCK_POINTS, DEMAND_POINTS = 21, 5
"""The points of the grid of stock, and those that stand for a week's demand."""
FEWER_STOCK_POINTS, FEWER_DEMAND_POINTS = 11, 3
"""The same where levels are unsure, because the levels that are tried spread the demand by themselves."""
BATCH_NUMBERS = 2_000_000
"""The largest arrays of one batch of articles hold at most so many numbers."""
FORBIDDEN = np.float32(-1e30)
"""The value of a move that is not allowed."""
SmallFloats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """Articles to plan at once, all with the same number of weeks from one markdown to the next.

    price      : (articles, rungs), falling along the rungs; the first one is in force
    temporary_price : (articles,), the price in the first weeks in which `limits` say that it is temporary
    limits     : what the rules allow
    units      : (articles, rungs, weeks), mean demand
    dispersion : (articles,) ; salvage : (articles,), the worth of a unit at the end
    stock, stock_to_come : (articles,), in units: today's, and what is stock from the second week on
    penalty    : (articles,), what each unit costs that is left over beyond `tolerated` (articles,), in units
    shelf      : how demand falls with the stock; None when it does not
    level_sd   : (articles, weeks), standard deviation of the log of mean demand; None when the units are certain
    """

    price: FloatArray
    temporary_price: FloatArray
    limits: Limits
    units: FloatArray
    dispersion: FloatArray
    stock: FloatArray
    stock_to_come: FloatArray
    salvage: FloatArray
    penalty: FloatArray
    tolerated: FloatArray
    shelf: Shelf | None = None
    level_sd: FloatArray | None = None

    @property
    def whole(self) -> FloatArray:
        """Today's stock and what is on its way, (articles,), and 1 where that is nothing, so that it can divide."""
        whole = self.stock + self.stock_to_come
        return np.where(whole > 0, whole, 1.0)

    @property
    def points(self) -> int:
        """How many points the grid of stock has."""
        return STOCK_POINTS if self.level_sd is None else FEWER_STOCK_POINTS

    @property
    def demand_points(self) -> int:
        """How many points stand for a week's demand."""
        return DEMAND_POINTS if self.level_sd is None else FEWER_DEMAND_POINTS

    @property
    def weeks_between(self) -> int:
        """How many weeks lie from one markdown to the next; it is the same for all articles."""
        return int(self.limits.between.max(initial=1))

    @property
    def rungs(self) -> IntArray:
        """How many rungs there are down to the lowest one that can be moved to, (articles,)."""
        rungs = np.arange(self.price.shape[1])
        lowest: IntArray = (rungs * self.limits.moves.any(axis=1)).max(axis=1)
        return lowest + 1

    @property
    def markdowns(self) -> IntArray:
        """How many markdowns can be taken, (articles,): more are not allowed, or find no rung or no week."""
        weeks = -(-self.limits.weeks_left // self.weeks_between)
        markdowns: IntArray = np.minimum(np.minimum(self.limits.left, self.rungs - 1), weeks)
        return markdowns

    def part(self, rows: IntArray) -> "Problem":
        """The same of the articles in `rows`, (rows,), alone, without the rungs that none of them can move to."""
        part = rows_of(self, rows)
        rungs = int(part.rungs.max(initial=1))
        moves = part.limits.moves[:, :rungs, :rungs]
        return replace(
            part,
            price=part.price[:, :rungs],
            limits=replace(part.limits, moves=moves),
            units=part.units[:, :rungs],
        )


def batches(problem: Problem) -> Iterator[IntArray]:
    """Batches of the articles that have a choice, with weeks_left falling: the row numbers of each, (its articles,).

    Articles of like size stand together, because a batch takes as long as its largest article.
    """
    rungs, markdowns, weeks_left = problem.rungs, problem.markdowns, problem.limits.weeks_left
    order = np.lexsort((-weeks_left, -rungs, -markdowns))
    order = order[markdowns[order] > 0]
    while len(order):
        most, waits, points = markdowns[order[0]], problem.weeks_between, problem.points
        an_article = rungs.max() * points * (points + (most + 1) * waits * 3 + most * weeks_left.max())
        batch = max(BATCH_NUMBERS // int(an_article), 1)
        rows, order = order[:batch], order[batch:]
        yield rows[np.argsort(-weeks_left[rows], kind="stable")]


def values(problem: Problem) -> tuple[SmallFloats, SmallFloats]:
    """The value of each week when it begins with a move to a rung, and when it begins with staying on the rung.

    weeks_left has to fall along the articles, so that those which are still sold in a week are the first ones.
    returns two arrays (weeks, articles, rungs, markdowns, stock points), in which `markdowns` are one left, two left, …
    at the start of the week. The move of the first array spends one of them.
    """
    limits = problem.limits
    articles, rungs, _ = problem.units.shape
    weeks, markdowns = int(problem.limits.weeks_left.max()), int(problem.markdowns.max())
    waits = min(problem.weeks_between, weeks)
    grid = _stock_grid(problem, 1).astype(np.float32)[:, np.newaxis, np.newaxis, :]
    price = problem.price.astype(np.float32)[..., np.newaxis, np.newaxis]
    regular = price * grid
    left_over = _left_over_value(problem).astype(np.float32)[:, np.newaxis, np.newaxis, np.newaxis, :]
    label_cost = limits.label_cost.astype(np.float32)[:, np.newaxis, np.newaxis, np.newaxis]
    reachable, is_open = limits.moves.max(axis=1), limits.open
    first = _first_rungs(limits.moves)
    # The value of what follows a week: (articles, rungs, weeks until the next markdown, markdowns left, stock points).
    value = np.empty((articles, rungs, waits, markdowns + 1, problem.points), dtype=np.float32)
    value[:] = left_over
    moved = np.full((weeks, articles, rungs, markdowns, problem.points), FORBIDDEN, dtype=np.float32)
    stayed = np.zeros_like(moved)
    for week in reversed(range(weeks)):
        comes = week == 0 and bool(problem.stock_to_come.any())
        if comes:
            grid = _stock_grid(problem, 0).astype(np.float32)[:, np.newaxis, np.newaxis, :]
            value, regular = _with_what_comes(problem, value), price * grid
            sold_out = value[..., :1].copy()
            value -= sold_out
        n = int(np.count_nonzero(limits.weeks_left > week))
        points = demand_points(problem.units[:n, :, week], problem.dispersion[:n, np.newaxis], problem.demand_points)
        transition = _transition(_in_steps(problem, points, week).astype(np.float32), problem.points)
        at_price = _with_temporary_prices(problem, regular, grid, week)
        # Revenue is price · (stock before - stock after). Taken out of the next value it needs no term of its own.
        after = value[:n].reshape(n, rungs, -1, problem.points) - at_price[:n]
        sold = after @ transition
        sold += at_price[:n]
        sold = sold.reshape(value[:n].shape)
        if comes:
            sold += sold_out[:n]
        move, stay = moved[week, :n], stayed[week, :n]
        stay[:] = sold[:, :, 0, 1:]
        np.subtract(sold[:, :, -1, :-1], label_cost[:n], out=move)
        move[~(reachable[:n] & is_open[:n, week, np.newaxis])] = FORBIDDEN
        value[:n, :, 1:] = sold[:, :, :-1]
        value[:n, :, 0, 0] = sold[:, :, 0, 0]
        best = _best_of_some(move, limits.moves[:n]) if first is None else _best_below(move, first[:n])
        np.maximum(stay, best, out=value[:n, :, 0, 1:])
    return moved, stayed


def _with_temporary_prices(problem: Problem, regular: SmallFloats, grid: SmallFloats, week: int) -> SmallFloats:
    """The stock at its price in a week, in the shape of `regular`, which is that at the prices of the rungs."""
    temporary = problem.limits.temporary > week
    if not temporary.any():
        return regular
    price = problem.temporary_price.astype(np.float32)[:, np.newaxis, np.newaxis, np.newaxis]
    return np.where(temporary[:, np.newaxis, np.newaxis, np.newaxis], price * grid, regular)


def _end_of_grid(problem: Problem, week: int) -> FloatArray:
    """The last point of a week's grid, (articles,), as a share of the whole stock, or as the demand that sells it."""
    end = np.ones(len(problem.stock)) if problem.shelf is None else problem.shelf.needed[:, -1]
    if week > 0 or not problem.stock_to_come.any():
        return end
    share = problem.stock / problem.whole
    today = share if problem.shelf is None else problem.shelf.needed_for(share)
    return np.where((problem.stock_to_come > 0) & (problem.stock > 0), today, end)


def _stock_grid(problem: Problem, week: int) -> FloatArray:
    """The grid of stock in units, even in the demand that it takes to sell it, (articles, stock points)."""
    whole, end = problem.whole, _end_of_grid(problem, week)
    if problem.shelf is None:
        return (whole * end)[:, np.newaxis] / (problem.points - 1) * np.arange(problem.points)
    return whole[:, np.newaxis] * problem.shelf.even_stock(problem.points, end)


def _with_what_comes(problem: Problem, value: SmallFloats) -> SmallFloats:
    """The value of the second week at the points of the first week's grid, each with what has come by then.

    value : (articles, …, stock points), of the second week
    """
    grid, points = _stock_grid(problem, 0), problem.points
    there = [point_of(problem, grid[:, point] + problem.stock_to_come, 1) for point in range(points)]
    point = np.stack(there, axis=1)[:, np.newaxis, np.newaxis, np.newaxis, :]
    below = np.minimum(point.astype(np.int64), points - 2)
    way = (point - below).astype(np.float32)
    low, high = (np.take_along_axis(value, at, axis=-1) for at in (below, below + 1))
    comes = (problem.stock_to_come > 0).reshape(-1, *np.ones(value.ndim - 1, dtype=int))
    return np.where(comes, (1 - way) * low + way * high, value)


def _left_over_value(problem: Problem) -> FloatArray:
    """The salvage value of the grid, less the penalty on what is not tolerated, (articles, stock points)."""
    grid = _stock_grid(problem, 1)
    beyond = np.maximum(grid - problem.tolerated[:, np.newaxis], 0.0)
    value: FloatArray = problem.salvage[:, np.newaxis] * grid - problem.penalty[:, np.newaxis] * beyond
    return value


def _in_steps(problem: Problem, demand: FloatArray, week: int) -> FloatArray:
    """A week's demand of the first articles in steps of the grid of stock, (articles, rungs, points)."""
    n = len(demand)
    share = demand / problem.whole[:n, np.newaxis, np.newaxis]
    if problem.shelf is not None:
        share = rows_of(problem.shelf, slice(n)).week_of(share)
    return share * ((problem.points - 1) / _end_of_grid(problem, week)[:n, np.newaxis, np.newaxis])


def point_of(problem: Problem, stock: FloatArray, week: int) -> FloatArray:
    """Where a stock in units, (articles,), lies on the grid of a week, in steps, (articles,)."""
    share = stock / problem.whole
    if problem.shelf is not None:
        share = problem.shelf.needed_for(share)
    return np.clip(share / _end_of_grid(problem, week), 0, 1) * (problem.points - 1)


def _transition(demand: SmallFloats, stock_points: int) -> SmallFloats:
    """Where the stock goes in a week: weights over the grid, (…, to, from).

    demand : (…, points), in steps of the grid
    The row to stock 0 lacks the demand beyond the stock, because with nothing to sell all values are 0; the value of
    what comes next week is added afterwards.
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
    # Row i of the matrix is the kernel shifted by i, with zeros in front of it.
    windows = np.lib.stride_tricks.sliding_window_view(padded, stock_points, axis=-1)
    return np.ascontiguousarray(windows[..., ::-1, :])


def _first_rungs(moves: BoolArray) -> IntArray | None:
    """The first rung to which a move from each rung may lead, (articles, rungs); one beyond the last where none may.

    moves : (articles, from rung, to rung)
    None when a move may not lead to all lower rungs that can be reached at all, because a rule has a largest step.
    """
    rungs = np.arange(moves.shape[1])
    first = np.where(moves.any(axis=2), moves.argmax(axis=2), len(rungs))
    all_below = moves[:, :1] & (rungs >= first[..., np.newaxis])
    return first if np.array_equal(moves, all_below) else None


def _best_below(moved: SmallFloats, first: IntArray) -> SmallFloats:
    """The value of the best move from each rung to `first` (articles, rungs) or below, in the shape of `moved`.

    moved : (articles, rungs, …), the value of a move to the rung
    """
    articles, rungs = first.shape
    # All that belongs to a rung lies together, so that one step in NumPy takes it as a whole.
    flat = moved.reshape(articles, rungs, -1)
    best = np.empty((articles, rungs + 1, flat.shape[2]), dtype=np.float32)
    best[:, rungs] = FORBIDDEN
    for rung in reversed(range(rungs)):
        np.maximum(best[:, rung + 1], flat[:, rung], out=best[:, rung])
    place = np.arange(articles)[:, np.newaxis] * (rungs + 1) + first
    below: SmallFloats = best.reshape(-1, flat.shape[2]).take(place, axis=0).reshape(moved.shape)
    return below


def _best_of_some(moved: SmallFloats, moves: BoolArray) -> SmallFloats:
    """The same where `moves` (articles, from rung, to rung) has gaps."""
    best = np.full_like(moved, FORBIDDEN)
    for rung in reversed(range(moved.shape[1] - 1)):
        within = moves[:, rung, :, np.newaxis, np.newaxis]
        best[:, rung] = np.where(within, moved, FORBIDDEN).max(axis=1)
    return best
