"""The best markdown policy of many articles at once: a dynamic programme over weeks, stock, rung and rules.

State at the start of week t: stock s (on a grid), rung in force r, markdowns left m, weeks c until the next one is
allowed. With Q(r, s, m, c) the value of selling week t on rung r and going on from there,

    Q_t(r, s, m, c) = E[ price_r · min(s, D) + V_t+1(r, s - min(s, D), m, c) ]
    V_t(r, s, m, c) = max( Q_t(r, s, m, max(c - 1, 0)),  max over r' > r of Q_t(r', s, m - 1, between - 1) - cost )

where the second term stands only when c = 0, m > 0 and week t may be touched; V after the last week is the salvage
value of the stock (Gallego & van Ryzin 1994, with the rules as state). Stock between grid points is interpolated
linearly. The grid is even, so demand moves stock along its diagonals: one short kernel per article and rung holds the
whole transition, and all (m, c) share it in one matrix product.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from markdown_pricing.markdown.ladder import FloatArray, IntArray
from markdown_pricing.markdown.sales import demand_points, expected_sales
from markdown_pricing.markdown.season import BoolArray

STOCK_POINTS = 21
DEMAND_POINTS = 5
BATCH_NUMBERS = 4_000_000
"""Numbers that the largest arrays of one batch may hold."""
LEAST_GAIN = 0.01
"""A markdown must earn a cent more than waiting: ties go to the later markdown."""
FORBIDDEN = -1e30


@dataclass(frozen=True)
class Problem:
    """Articles under the same number and interval of markdowns, weeks_left falling along the articles.

    price      : (articles, rungs), falling; the first is in force
    allowed    : (articles, rungs, rungs), whether the price may move from the one rung to the other
    units      : (articles, rungs, weeks), mean demand
    touchable  : (articles, weeks), False in no-touch weeks
    left, wait : (articles,), markdowns left, weeks until the next one is allowed
    label_cost : (articles,), cost of one markdown
    others     : (articles,)
    """

    price: FloatArray
    allowed: BoolArray
    units: FloatArray
    dispersion: FloatArray
    stock: FloatArray
    salvage: FloatArray
    weeks_left: IntArray
    touchable: BoolArray
    left: IntArray
    wait: IntArray
    label_cost: FloatArray
    max_markdowns: int
    weeks_between: int

    def part(self, rows: slice) -> "Problem":
        arrays = {name: value[rows] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return Problem(**{**vars(self), **arrays})


def best_rungs(problem: Problem) -> IntArray:
    """(articles, weeks): the rung in force each week when the best policy is followed along the mean stock.

    The path is open: it is what is planned today; next Monday it is planned again from the stock there is then.
    After an article's last week its rung stays as it is.
    """
    articles, rungs, weeks = problem.units.shape
    markdowns = min(problem.max_markdowns, rungs - 1)
    path = np.zeros((articles, weeks), dtype=np.int64)
    if markdowns == 0 or weeks == 0:
        return path
    waits = min(problem.weeks_between, weeks)
    per_article = rungs * STOCK_POINTS * (STOCK_POINTS + (markdowns + 1) * waits * 3 + markdowns * weeks)
    batch = max(BATCH_NUMBERS // per_article, 1)
    for start in range(0, articles, batch):
        rows = slice(start, start + batch)
        part = problem.part(rows)
        path[rows] = _follow(part, *_policy(part, markdowns, waits))
    return path


def _policy(problem: Problem, markdowns: int, waits: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8]]:
    """Gain of the best move over waiting, and its rung, each (weeks, articles, rungs, stock points, markdowns)."""
    articles, rungs, _ = problem.units.shape
    weeks = int(problem.weeks_left.max(initial=0))
    step = _stock_step(problem.stock)
    grid = np.arange(STOCK_POINTS)
    at_price = (problem.price * step[:, np.newaxis])[:, :, np.newaxis, np.newaxis] * grid[:, np.newaxis]
    value = np.empty((articles, rungs, STOCK_POINTS, markdowns + 1, waits))
    value[:] = (problem.salvage * step)[:, np.newaxis, np.newaxis, np.newaxis, np.newaxis] * grid[
        :, np.newaxis, np.newaxis
    ]
    gain = np.full((weeks, articles, rungs, STOCK_POINTS, markdowns), FORBIDDEN, dtype=np.float32)
    target = np.zeros(gain.shape, dtype=np.int8)
    for week in reversed(range(weeks)):
        n = int(np.count_nonzero(problem.weeks_left > week))
        points = demand_points(problem.units[:n, :, week], problem.dispersion[:n, np.newaxis], DEMAND_POINTS)
        transition = _transition(points / step[:n, np.newaxis, np.newaxis])
        # Revenue is price · (stock before - stock after): taken out of the next value, it needs no term of its own.
        after = value[:n].reshape(n, rungs, STOCK_POINTS, -1) - at_price[:n]
        sold = (transition @ after + at_price[:n]).reshape(n, rungs, STOCK_POINTS, markdowns + 1, waits)
        move, to = _best_move(sold[..., :-1, -1], problem.allowed[:n])
        move -= problem.label_cost[:n, np.newaxis, np.newaxis, np.newaxis]
        move[~problem.touchable[:n, week]] = FORBIDDEN
        gain[week, :n], target[week, :n] = move - sold[..., 1:, 0], to
        value[:n, ..., 1:] = sold[..., :-1]
        value[:n, ..., 0] = sold[..., 0]
        value[:n, ..., 1:, 0] = np.maximum(sold[..., 1:, 0], move)
    return gain, target


def _stock_step(stock: FloatArray) -> FloatArray:
    return np.where(stock > 0, stock, 1.0) / (STOCK_POINTS - 1)


def _transition(demand: FloatArray) -> FloatArray:
    """Where stock goes in a week: (…, from, to) weights over the grid; demand (…, points) in steps of the grid."""
    steps = np.arange(STOCK_POINTS)
    kernel = np.zeros((*demand.shape[:-1], STOCK_POINTS))
    for point in range(demand.shape[-1]):
        kernel += np.maximum(1 - np.abs(steps - demand[..., point, np.newaxis]), 0)
    kernel /= demand.shape[-1]
    # Row i of the matrix is the kernel read backwards and shifted by i, zero above the diagonal.
    padded = np.concatenate([kernel[..., ::-1], np.zeros_like(kernel[..., 1:])], axis=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, STOCK_POINTS, axis=-1)
    transition: FloatArray = np.ascontiguousarray(windows[..., ::-1, :])
    # What demand takes beyond the stock ends at zero.
    transition[..., 0] = 1 - np.concatenate(
        [np.zeros_like(kernel[..., :1]), np.cumsum(kernel[..., :-1], axis=-1)], axis=-1
    )
    return transition


def _best_move(value: FloatArray, allowed: BoolArray) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    """The best lower rung from each rung, the higher of equals: value (articles, rungs, …) of being on a rung."""
    best = np.full(value.shape, FORBIDDEN)
    target = np.zeros(value.shape, dtype=np.int8)
    for source in range(value.shape[1] - 1):
        options = np.where(allowed[:, source, source + 1 :, np.newaxis, np.newaxis], value[:, source + 1 :], FORBIDDEN)
        best[:, source] = options.max(axis=1)
        target[:, source] = source + 1 + options.argmax(axis=1)
    return best, target


def _follow(problem: Problem, gain: npt.NDArray[np.float32], target: npt.NDArray[np.int8]) -> IntArray:
    """The policy along the mean stock; the gain is interpolated between grid points, the rung is the nearest one's."""
    articles, _, weeks = problem.units.shape
    every = np.arange(articles)
    step = _stock_step(problem.stock)
    stock, wait, left = problem.stock.copy(), problem.wait.copy(), np.minimum(problem.left, gain.shape[-1])
    rung = np.zeros(articles, dtype=np.int64)
    path = np.zeros((articles, weeks), dtype=np.int64)
    for week in range(len(gain)):
        point = np.clip(stock / step, 0, STOCK_POINTS - 1)
        below = np.minimum(point.astype(np.int64), STOCK_POINTS - 2)
        share = point - below
        state = (every, rung), np.maximum(left - 1, 0)
        low, high = (gain[week][(*state[0], at, state[1])] for at in (below, below + 1))
        moves = (wait == 0) & (left > 0) & ((1 - share) * low + share * high > LEAST_GAIN)
        to = target[week][(*state[0], np.rint(point).astype(np.int64), state[1])]
        rung = np.where(moves, to, rung)
        left = left - moves
        wait = np.where(moves, problem.weeks_between - 1, np.maximum(wait - 1, 0))
        path[:, week] = rung
        stock = stock - expected_sales(stock, problem.units[every, rung, week], problem.dispersion)
    path[:, len(gain) :] = rung[:, np.newaxis]
    return path
