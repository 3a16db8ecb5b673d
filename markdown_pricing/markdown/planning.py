"""Plan the best path of every article under the rules and their options.

The dynamic programme maximises revenue less label cost. Each option puts a price on something else, or compares two
solutions:

- A sell-through target is a penalty on each unit left over beyond it. A hard target takes the least that meets it.
- A markdown budget is one multiplier on what markdowns give away, the same for the whole country (the Lagrangian of the
  budget: Talluri & van Ryzin 2004, ch. 3), so that the money goes where it brings most.
- The articles of a price group are planned as one article (`price_groups.py`).
- With a least gain, a markdown now has to beat the best plan that waits a week by so much.
"""

from dataclasses import dataclass, replace

import numpy as np

from markdown_pricing.arrays import each_array
from markdown_pricing.forecast import Demand, Forecast
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.dynamic_programme import LEAST_GAIN
from markdown_pricing.markdown.ladder import FloatArray, to_price
from markdown_pricing.markdown.limits import Limits, deepest_rungs
from markdown_pricing.markdown.price_groups import PriceGroups, price_groups
from markdown_pricing.markdown.sales import demand_quantile
from markdown_pricing.markdown.season import BoolArray, Season
from markdown_pricing.markdown.task import Task
from markdown_pricing.markdown.valuation import PathValue

BISECTIONS = 10
"""How many times the range of a penalty, or of the multiplier, is halved."""
HIGHEST_PENALTY = 4.0
"""The highest penalty on a unit left over, in list prices: a higher one sells nothing more."""
MULTIPLIERS = (1e-3, 1e3)
"""The range in which the multiplier of a budget is looked for."""
REACHED = 1e-6
"""A target is met when no more units than this are left over beyond it."""


@dataclass(frozen=True)
class Plan:
    """The planned path, the two paths that it is compared with, and what decides the price of this week.

    best, keep, habit : the planned path, today's price kept, and the old habit, all valued with the same `demand`
    limits       : what the rules allow
    for_target, too_little_gain, over_budget : (articles,), whether this option is why this week's price is what it is
    out_of_reach : (articles,), whether no path that keeps the rules meets a hard sell-through target
    in_group     : (articles,), whether the article is planned as one with the others of its price group
    group_apart  : (articles,), whether it is in a price group whose articles have no rung in common
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

    def this_week(self, season: Season) -> tuple[FloatArray, FloatArray, FloatArray]:
        """This week's mean demand at the planned price, and the 10 % and 90 % quantiles of its sales, (articles,) each.

        Nothing is sold of an article whose end week is past; no more is sold than the stock.
        """
        rung = self.best.rungs[:, 0]
        mean = np.where(season.weeks_left > 0, self.demand.units[np.arange(len(rung)), rung, 0], 0.0)
        dispersion = self.demand.dispersion_in(0)
        low, high = (np.minimum(demand_quantile(share, mean, dispersion), season.stock) for share in (0.1, 0.9))
        return mean, low.astype(np.float64), high.astype(np.float64)


def plan(ladders: Ladders, forecast: Forecast) -> Plan:
    """The path that brings most under the rules. Without options it never brings less than keep or habit.

    forecast : the forecast of the articles of the ladders, which is asked for their prices and weeks
    The path is the best of the dynamic programme's, keep and habit by revenue less label cost. A markdown that does not
    earn a cent more than keeping is not planned. Raises BrokenModel.
    """
    alone = Task(ladders, Limits.of(ladders), _demand(ladders, forecast))
    groups = price_groups(alone) if (ladders.group >= 0).any() else None
    task = alone if groups is None else groups.planned
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


def _demand(ladders: Ladders, forecast: Forecast) -> Demand:
    """The demand at the prices of the ladders; at a temporary price, on all rungs, in the weeks in which that holds."""
    demand, season = forecast.at(ladders.prices, ladders.weeks), ladders.season
    if not season.temporary_weeks.any():
        return demand
    temporary = np.arange(ladders.weeks) < season.temporary_weeks[:, np.newaxis]
    at_it = forecast.at(to_price(season.current_cents)[:, np.newaxis], ladders.weeks)
    return replace(demand, units=np.where(temporary[:, np.newaxis], at_it.units, demand.units))


def _plan_of_members(planned: Plan, alone: Task, groups: PriceGroups) -> Plan:
    """A plan of groups and single articles, as one of articles."""
    return Plan(
        best=alone.value(groups.rungs_of_members(planned.best.rungs)),
        keep=alone.keep,
        habit=alone.habit,
        limits=alone.limits,
        demand=alone.demand,
        for_target=planned.for_target[groups.place],
        too_little_gain=planned.too_little_gain[groups.place],
        over_budget=planned.over_budget[groups.place],
        out_of_reach=planned.out_of_reach[groups.place],
        in_group=groups.joined,
        group_apart=groups.apart,
    )


def _chosen(where: BoolArray, yes: PathValue, no: PathValue) -> PathValue:
    """The rows of `yes` for the articles for which `where` holds, and the rows of `no` for the others."""

    def pick(left: FloatArray, right: FloatArray) -> FloatArray:
        picked: FloatArray = np.where(where[:, np.newaxis] if left.ndim > 1 else where, left, right)
        return picked

    return each_array(pick, yes, no)


def _for_target(task: Task, best: PathValue) -> tuple[PathValue, FloatArray, BoolArray]:
    """Paths that meet the sell-through targets.

    returns the paths, the penalties that led to them, (articles,), and whether a target is out of reach, (articles,)
    """
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
    """Paths whose markdowns of this week gain enough over the best plan that waits until next week."""
    least = task.ladders.per_article([own.least_gain_pct / 100 for own in task.ladders.rules])
    asked = (least > 0) & (best.rungs[:, :1] > 0).any(axis=1)
    if not asked.any():
        return best
    waiting = task.solve(penalty, rows=asked, wait=True)
    gain = task.worth(best, penalty) - task.worth(waiting, penalty)
    too_little = asked & (gain < least * np.maximum(best.revenue, LEAST_GAIN))
    return _chosen(too_little, waiting, best)


def _within_budget(task: Task, best: PathValue, penalty: FloatArray) -> PathValue:
    """Paths that together give away no more than the country's budget, which is spent where it brings most."""
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
        # An article that was not worth a markdown now does not become worth one because money is short.
        tried = _chosen((tried.rungs[:, 0] > 0) & (best.rungs[:, 0] == 0), task.keep, tried)
        if task.given_away(tried).sum() <= budget:
            spent, high = tried, middle
        else:
            low = middle
    # Paths change in steps, so that a multiplier leaves some of the budget. The best of the other paths use the rest.
    more = task.given_away(best) - task.given_away(spent)
    gain = task.worth(best, penalty) - task.worth(spent, penalty)
    order = np.argsort(-gain / np.maximum(more, 1e-9), kind="stable")
    order = order[(more[order] > 0) & (gain[order] > 0)]
    rest, taken = budget - float(task.given_away(spent).sum()), np.zeros(len(more), dtype=np.bool_)
    for article in order:
        if more[article] <= rest:
            taken[article], rest = True, rest - more[article]
    return _chosen(taken, best, spent)
