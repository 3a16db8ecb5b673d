"""The best path of every article, as the rules and their options want it.

The dynamic programme maximises revenue less label cost. An option is a price put on something else, or a comparison
of two solutions:

- sell-through target: a penalty on each unit left over beyond it; when it is hard, the least that reaches it.
- markdown budget: one multiplier on what markdowns give away, the same for the whole country (the Lagrangian of the
  budget: Talluri & van Ryzin 2004, ch. 3), so that the money goes where it brings most.
- price groups: planned as one article (`price_groups.py`).
- least gain: a markdown now has to beat the best plan that waits a week.
"""

from dataclasses import dataclass

import numpy as np

from markdown_pricing.arrays import each_array
from markdown_pricing.forecast import Demand, Forecast
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.dynamic_programme import LEAST_GAIN
from markdown_pricing.markdown.ladder import FloatArray
from markdown_pricing.markdown.limits import Limits, deepest_rungs
from markdown_pricing.markdown.price_groups import PriceGroups, price_groups
from markdown_pricing.markdown.season import BoolArray
from markdown_pricing.markdown.task import Task
from markdown_pricing.markdown.valuation import PathValue

BISECTIONS = 10
HIGHEST_PENALTY = 4.0
"""On a unit left over, in list prices: beyond it nothing more is sold."""
MULTIPLIERS = (1e-3, 1e3)
REACHED = 1e-6


@dataclass(frozen=True)
class Plan:
    """The planned path and its two reference points, all valued alike, and what holds the price this week.

    demand : what the paths are valued by
    for_target, too_little_gain, over_budget : (articles,), an option is why this week's price is what it is
    out_of_reach : (articles,), no path that keeps the rules meets a hard sell-through target
    in_group, group_apart : (articles,), planned as one with the others of its price group; or of one that can't be
    """

    best: PathValue
    keep: PathValue
    habit: PathValue
    limits: Limits
    demand: Demand
    for_target: BoolArray
    too_little_gain: BoolArray
    over_budget: BoolArray
    out_of_reach: BoolArray
    in_group: BoolArray
    group_apart: BoolArray


def plan(ladders: Ladders, forecast: Forecast) -> Plan:
    """The path that brings most under the rules; with no option on, never less than keep or habit.

    forecast : of the articles of the ladders, asked for the prices and weeks there; raises BrokenModel
    The best of the dynamic programme's path, keep and habit by revenue less label cost. A markdown that does not earn
    a cent more than keeping is not planned.
    """
    alone = Task(ladders, Limits.of(ladders), forecast.at(ladders.prices, ladders.weeks))
    groups = price_groups(alone) if (ladders.group >= 0).any() else None
    task = alone if groups is None else Task(**groups.planned_as)
    best = task.solve()
    with_target, penalty, out_of_reach = _for_target(task, best)
    worth_it = _worth_it(task, with_target, penalty)
    affordable = _within_budget(task, worth_it, penalty)
    anyway, moves, pays, goes = (path.rungs[:, 0] > 0 for path in (best, with_target, worth_it, affordable))
    no = np.zeros(len(goes), dtype=np.bool_)
    planned = Plan(
        best=affordable,
        keep=task.keep,
        habit=task.habit,
        limits=task.limits,
        demand=task.demand,
        for_target=goes & ~anyway,
        too_little_gain=moves & ~pays,
        over_budget=pays & ~goes,
        out_of_reach=out_of_reach,
        in_group=no,
        group_apart=no,
    )
    return planned if groups is None else _plan_of_members(planned, alone, groups)


def _plan_of_members(planned: Plan, alone: Task, groups: PriceGroups) -> Plan:
    """A plan of groups and single articles, as one of articles."""
    flags = ("for_target", "too_little_gain", "over_budget", "out_of_reach")
    return Plan(
        best=alone.value(groups.rungs_of_members(planned.best.rungs)),
        keep=alone.keep,
        habit=alone.habit,
        limits=alone.limits,
        demand=alone.demand,
        in_group=groups.joined,
        group_apart=groups.apart,
        **{flag: getattr(planned, flag)[groups.place] for flag in flags},
    )


def _chosen(where: BoolArray, yes: PathValue, no: PathValue) -> PathValue:
    """Article by article: the one value or the other."""

    def pick(left: FloatArray, right: FloatArray) -> FloatArray:
        picked: FloatArray = np.where(where[:, np.newaxis] if left.ndim > 1 else where, left, right)
        return picked

    return each_array(pick, yes, no)


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
    closest, deepest = task.solve(high, rows=seeking), task.value(deepest_rungs(task.limits))
    closest = _chosen(
        seeking & (deepest.leftover < closest.leftover) & (closest.leftover > task.tolerated), deepest, closest
    )
    out_of_reach = seeking & (closest.leftover > task.tolerated + REACHED)
    for _ in range(BISECTIONS):
        open_rows = seeking & ~out_of_reach
        if not open_rows.any():
            break
        middle = (low + high) / 2
        tried = task.solve(middle * open_rows, rows=open_rows)
        reached = open_rows & (tried.leftover <= task.tolerated + REACHED)
        closest = _chosen(reached, tried, closest)
        high, low = np.where(reached, middle, high), np.where(open_rows & ~reached, middle, low)
    return _chosen(seeking, closest, best), np.where(seeking, high, penalty), out_of_reach


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
