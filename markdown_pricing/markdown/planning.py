"""The best path of every article, as the rules and their options want it.

The dynamic programme maximises revenue less label cost. An option is a price put on something else, or a comparison
of two solutions:

- sell-through target: a penalty on each unit left over beyond it; when it is hard, the least that reaches it.
- markdown budget: one multiplier on what markdowns give away, the same for the whole country (the Lagrangian of the
  budget: Talluri & van Ryzin 2004, ch. 3), so that the money goes where it brings most.
- least gain: a markdown now has to beat the best plan that waits a week.
"""

from dataclasses import dataclass, field

import numpy as np

from markdown_pricing.markdown.dynamic_programme import LEAST_GAIN, Problem, best_rungs
from markdown_pricing.markdown.ladder import FloatArray, IntArray
from markdown_pricing.markdown.price_path import (
    Ladders,
    Limits,
    PathValue,
    check_units,
    deepest_rungs,
    evaluate_path,
    habit_rungs,
)
from markdown_pricing.markdown.season import BoolArray
from markdown_pricing.markdown.shelf import Shelf

BISECTIONS = 10
HIGHEST_PENALTY = 4.0
"""On a unit left over, in list prices: beyond it nothing more is sold."""
MULTIPLIERS = (1e-3, 1e3)
REACHED = 1e-6


@dataclass(frozen=True)
class Plan:
    """The planned path and its two reference points, all valued alike, and what holds the price this week.

    for_target, too_little_gain, over_budget : (articles,), an option is why this week's price is what it is
    out_of_reach : (articles,), no path that keeps the rules meets a hard sell-through target
    """

    best: PathValue
    keep: PathValue
    habit: PathValue
    limits: Limits
    for_target: BoolArray
    too_little_gain: BoolArray
    over_budget: BoolArray
    out_of_reach: BoolArray


def plan(
    ladders: Ladders,
    units: FloatArray,
    dispersion: FloatArray,
    shelf: FloatArray | None = None,
    level_sd: FloatArray | None = None,
) -> Plan:
    """The path that brings most under the rules; with no option on, never less than keep or habit.

    units      : (articles, rungs, weeks), mean demand at each of ladders.prices with today's stock, >= 0
    dispersion : (articles,), demand's variance is mean + dispersion · mean²
    shelf      : (articles, 33), demand relative to today's when SHELF_SHARES of today's stock are left, in (0, 1],
                 rising to 1 at the whole stock; None when demand does not fall with the stock
    level_sd   : (articles, weeks), how unsure the units are, as standard deviation of their log, the same luck in all
                 weeks; None when they are certain
    raises BadUnits when a shape is wrong or a number is not finite or below 0
    The best of the dynamic programme's path, keep and habit by revenue less label cost. A markdown that does not earn
    a cent more than keeping is not planned.
    """
    units, dispersion = np.asarray(units, dtype=np.float64), np.asarray(dispersion, dtype=np.float64)
    check_units(ladders, units, dispersion, shelf)
    task = Task(ladders, Limits.of(ladders), units, dispersion, shelf, level_sd)
    none = np.zeros(len(units), dtype=np.bool_)
    best = task.solve()
    with_target, penalty, out_of_reach = _for_target(task, best)
    worth_it = _worth_it(task, with_target, penalty)
    affordable = _within_budget(task, worth_it, penalty)
    moves, *steps = (
        (value.rungs[:, 0] > 0 for value in (with_target, worth_it, affordable)) if len(units) else [none] * 3
    )
    return Plan(
        best=affordable,
        keep=task.keep,
        habit=task.habit,
        limits=task.limits,
        for_target=steps[1] & ~(best.rungs[:, 0] > 0),
        too_little_gain=moves & ~steps[0],
        over_budget=steps[0] & ~steps[1],
        out_of_reach=out_of_reach,
    )


@dataclass(frozen=True)
class Task:
    """What `plan` is asked, and the two paths that are always there; arguments as `plan` takes them."""

    ladders: Ladders
    limits: Limits
    units: FloatArray
    dispersion: FloatArray
    shelf: FloatArray | None
    level_sd: FloatArray | None
    keep: PathValue = field(init=False)
    habit: PathValue = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", self.value(np.zeros_like(self.limits.touchable, dtype=np.int64)))
        object.__setattr__(self, "habit", self.value(habit_rungs(self.ladders, self.limits)))

    def value(self, rungs: IntArray) -> PathValue:
        return evaluate_path(self.ladders, rungs, self.units, self.dispersion, self.shelf)

    @property
    def tolerated(self) -> FloatArray:
        """(articles,): units that may be left over."""
        target = self.ladders.per_article([own.sell_through_target for own in self.ladders.rules])
        tolerated: FloatArray = (1 - target) * self.ladders.season.stock
        return tolerated

    def given_away(self, path: PathValue) -> FloatArray:
        """(articles,): what the path's markdowns take off today's price, over what is sold at them."""
        price = np.take_along_axis(self.ladders.prices, path.rungs, axis=1)
        given: FloatArray = ((self.ladders.prices[:, :1] - price) * path.units).sum(axis=1)
        return given

    def worth(self, path: PathValue, penalty: FloatArray, multiplier: float = 0.0) -> FloatArray:
        """(articles,): revenue less label cost, penalty and what is given away times the multiplier."""
        beyond = np.maximum(path.leftover - self.tolerated, 0.0)
        worth: FloatArray = path.gain - penalty * beyond
        return worth - multiplier * self.given_away(path) if multiplier else worth

    def solve(
        self,
        penalty: FloatArray | None = None,
        multiplier: float = 0.0,
        rows: BoolArray | None = None,
        wait: bool = False,
    ) -> PathValue:
        """The best of the dynamic programme's path, keep and habit; `rows` alone are solved, the others keep.

        penalty : (articles,), on each unit left over beyond `tolerated` ; wait : no markdown this week
        """
        penalty = np.zeros(len(self.units)) if penalty is None else penalty
        rungs = self._rungs(
            penalty, multiplier, np.ones(len(self.units), dtype=np.bool_) if rows is None else rows, wait
        )
        best, keep = self.value(rungs), self.worth(self.keep, penalty, multiplier)
        planned, habit = (self.worth(path, penalty, multiplier) for path in (best, self.habit))
        if wait:
            habit = np.where(self.habit.rungs[:, 0] > 0, -np.inf, habit)
        rungs = np.where((habit > planned)[:, np.newaxis], self.habit.rungs, best.rungs)
        pays = np.maximum(habit, planned) - keep >= LEAST_GAIN
        return self.value(rungs * pays[:, np.newaxis])

    def _rungs(self, penalty: FloatArray, multiplier: float, chosen: BoolArray, wait: bool) -> IntArray:
        ladders, limits, season = self.ladders, self.limits, self.ladders.season
        prices = (1 + multiplier) * ladders.prices - multiplier * ladders.prices[:, :1]
        touchable = limits.touchable.copy()
        if wait:
            touchable[:, :1] = False
        shelves = None if self.shelf is None else Shelf.of(np.asarray(self.shelf, dtype=np.float64))
        path = np.zeros(touchable.shape, dtype=np.int64)
        for index, own in enumerate(ladders.rules):
            rows = np.flatnonzero((ladders.rule_of == index) & chosen)
            rows = rows[np.argsort(-season.weeks_left[rows], kind="stable")]
            path[rows] = best_rungs(
                Problem(
                    price=prices[rows],
                    allowed=limits.moves[rows],
                    units=self.units[rows],
                    dispersion=self.dispersion[rows],
                    stock=season.stock[rows].astype(np.float64),
                    salvage=season.salvage_price[rows],
                    weeks_left=season.weeks_left[rows],
                    touchable=touchable[rows],
                    left=limits.left[rows],
                    wait=limits.wait[rows],
                    label_cost=limits.label_cost[rows],
                    penalty=penalty[rows],
                    tolerated=self.tolerated[rows],
                    max_markdowns=own.max_markdowns,
                    weeks_between=own.weeks_between_markdowns,
                    shelf=None if shelves is None else shelves.part(rows),
                    level_sd=None if self.level_sd is None else self.level_sd[rows],
                )
            )
        return path


def _chosen(where: BoolArray, yes: PathValue, no: PathValue) -> PathValue:
    """Article by article: the one value or the other."""

    def pick(name: str) -> FloatArray:
        left, right = getattr(yes, name), getattr(no, name)
        picked: FloatArray = np.where(where[:, np.newaxis] if left.ndim > 1 else where, left, right)
        return picked

    return PathValue(**{name: pick(name) for name in vars(yes)})  # type: ignore[arg-type]


def _for_target(task: Task, best: PathValue) -> tuple[PathValue, FloatArray, BoolArray]:
    """Paths for the sell-through targets, the penalties (articles,) that brought them, and which stay out of reach."""
    rules, list_price = task.ladders.rules, task.ladders.season.list_cents / 100
    target = task.ladders.per_article([own.sell_through_target for own in rules])
    hard = task.ladders.per_article([float(own.sell_through == "hard") for own in rules]) > 0
    soft_penalty = task.ladders.per_article([own.left_over_penalty_pct / 100 for own in rules]) * list_price
    none = np.zeros(len(target), dtype=np.bool_)
    short = (target > 0) & (best.leftover > task.tolerated + REACHED)
    penalty = np.where(short & ~hard, soft_penalty, 0.0)
    if (penalty > 0).any():
        best = _chosen(penalty > 0, task.solve(penalty, rows=penalty > 0), best)
    seeking = short & hard
    if not seeking.any():
        return best, penalty, none
    low, high = np.zeros(len(target)), HIGHEST_PENALTY * list_price * seeking
    found, deepest = task.solve(high, rows=seeking), task.value(deepest_rungs(task.ladders, task.limits))
    found = _chosen(seeking & (deepest.leftover < found.leftover) & (found.leftover > task.tolerated), deepest, found)
    out_of_reach = seeking & (found.leftover > task.tolerated + REACHED)
    for _ in range(BISECTIONS):
        open_rows = seeking & ~out_of_reach
        if not open_rows.any():
            break
        middle = (low + high) / 2
        tried = task.solve(middle * open_rows, rows=open_rows)
        reached = open_rows & (tried.leftover <= task.tolerated + REACHED)
        found = _chosen(reached, tried, found)
        high, low = np.where(reached, middle, high), np.where(open_rows & ~reached, middle, low)
    return _chosen(seeking, found, best), np.where(seeking, high, penalty), out_of_reach


def _worth_it(task: Task, best: PathValue, penalty: FloatArray) -> PathValue:
    """Markdowns of this week stand when they gain enough over the best plan that waits until next week."""
    least = task.ladders.per_article([own.least_gain_pct / 100 for own in task.ladders.rules])
    asked = (least > 0) & (best.rungs[:, :1] > 0).any(axis=1)
    if not asked.any():
        return best
    waiting = task.solve(penalty, rows=asked, wait=True)
    gain = task.worth(best, penalty) - task.worth(waiting, penalty)
    too_little = asked & (gain < least * np.maximum(best.revenue, LEAST_GAIN))
    return _chosen(too_little, waiting, best)


def _within_budget(task: Task, best: PathValue, penalty: FloatArray) -> PathValue:
    """Paths that together give away no more than the country's budget, spent where a unit of it brings most."""
    budget = min(own.markdown_budget for own in task.ladders.rules)
    if task.given_away(best).sum() <= budget:
        return best
    low, high = MULTIPLIERS
    spent = task.keep
    if budget == 0:
        return spent
    for _ in range(BISECTIONS):
        middle = float(np.sqrt(low * high))
        tried = task.solve(penalty, middle)
        # What was not worth a markdown now is not so because money is short.
        tried = _chosen((tried.rungs[:, 0] > 0) & (best.rungs[:, 0] == 0), task.keep, tried)
        if task.given_away(tried).sum() <= budget:
            spent, high = tried, middle
        else:
            low = middle
    # Paths are steps, so a multiplier leaves some of the budget: the best of the other paths fills the rest.
    more = task.given_away(best) - task.given_away(spent)
    gain = task.worth(best, penalty) - task.worth(spent, penalty)
    order = np.argsort(-gain / np.maximum(more, 1e-9), kind="stable")
    order = order[(more[order] > 0) & (gain[order] > 0)]
    rest, taken = budget - float(task.given_away(spent).sum()), np.zeros(len(more), dtype=np.bool_)
    for article in order:
        if more[article] <= rest:
            taken[article], rest = True, rest - more[article]
    return _chosen(taken, best, spent)
