"""Plan the best path of every article under the rules and their options.

The dynamic programme maximises revenue less label cost, and its values decide this week's price. Each option puts a
price on something else, or compares two values:

- A sell-through target is a penalty on each unit left over beyond it. A hard target takes the least that meets it.
- A markdown budget is one multiplier on what markdowns give away, the same for the whole country (`budget.py`).
- The articles of a price group are planned as one article (`price_groups.py`).
- With a least gain, a markdown now has to be worth so much more than waiting a week.

A price that somebody has locked is held whatever the values say, and so is one that is held on the old habit for a
comparison. The values are found as without that, so that they tell what it costs this week. A budget is for the others.
"""

from dataclasses import dataclass, replace

import numpy as np

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, rows_where
from markdown_pricing.codes import OptionRule
from markdown_pricing.forecast import Demand, Forecast
from markdown_pricing.markdown.budget import BISECTIONS, within_budget
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.habit import habit_rungs
from markdown_pricing.markdown.ladder import to_price
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.menu import Menu, menu_of
from markdown_pricing.markdown.policy import LEAST_GAIN, Solution
from markdown_pricing.markdown.price_groups import price_groups
from markdown_pricing.markdown.sales import demand_quantile
from markdown_pricing.markdown.season import Season
from markdown_pricing.markdown.shelf import Shelf
from markdown_pricing.markdown.stake import Stake, stake_of
from markdown_pricing.markdown.task import Task
from markdown_pricing.markdown.valuation import PathValue

HIGHEST_PENALTY = 4.0
"""The highest penalty on a unit left over, in list prices: a higher one sells nothing more."""
REACHED = 1e-6
"""A target is met when no more units than this are left over beyond it."""


@dataclass(frozen=True)
class Plan:
    """The planned path, the two paths that it is compared with, and what decides the price of this week.

    best, keep, habit : the planned path, today's price kept, and the old habit, all valued with the same `demand`
    menu, stake  : what each price of this week is worth, and what the decision is
    limits       : what the rules allow
    for_target, too_little_gain, over_budget : (articles,), whether this option is why this week's price is what it is
    out_of_reach : (articles,), whether no path that keeps the rules meets a hard sell-through target
    in_group     : (articles,), whether the article is planned as one with the others of its price group
    group_apart  : (articles,), whether it is in a price group whose articles have no rung in common
    locked       : (articles,), for how many weeks from now its price, or that of its group, is locked
    on_habit     : (articles,), whether its price, or that of its group, is held on the old habit for a comparison
    """

    best: PathValue
    keep: PathValue
    habit: PathValue
    menu: Menu
    stake: Stake
    limits: Limits
    demand: Demand
    for_target: BoolArray
    too_little_gain: BoolArray
    over_budget: BoolArray
    out_of_reach: BoolArray
    in_group: BoolArray
    group_apart: BoolArray
    locked: IntArray
    on_habit: BoolArray

    def this_week(self, season: Season) -> tuple[FloatArray, FloatArray, FloatArray]:
        """This week's mean demand at the planned price, and the 10 % and 90 % quantiles of its sales, (articles,) each.

        Nothing is sold of an article whose end week is past; no more is sold than the stock.
        """
        rung = self.best.rungs[:, 0]
        mean = np.where(season.weeks_left > 0, self.demand.units[np.arange(len(rung)), rung, 0], 0.0)
        if self.demand.shelf is not None:  # the units are those on shelves with what is on its way
            on_shelf = Shelf.of(self.demand.shelf).demand_left(season.stock / np.maximum(season.supply, 1))
            mean = np.where(season.stock_to_come > 0, mean * on_shelf, mean)
        dispersion = self.demand.dispersion_in(0)
        low, high = (np.minimum(demand_quantile(share, mean, dispersion), season.stock) for share in (0.1, 0.9))
        return mean, low.astype(np.float64), high.astype(np.float64)


def plan(ladders: Ladders, forecast: Forecast) -> Plan:
    """The path that brings most under the rules, and what each price of this week is worth.

    forecast : the forecast of the articles of the ladders, which is asked for their prices and weeks
    The price of this week is the one of the highest value by the dynamic programme, and the path is the one that its
    policy takes from there along the mean stock. Such a path counts neither luck nor what sales teach, so that keep or
    habit may show more revenue. Raises BrokenModel.
    """
    alone = Task(ladders, Limits.of(ladders), demand_at(ladders, forecast))
    groups = price_groups(alone)
    task = groups.planned
    free = task.solve(np.zeros(len(task.demand.units)))
    with_target, penalty, out_of_reach = meet_targets(task, free)
    worth_it = _worth_it(task, with_target, penalty)
    held, rungs = _with_locks(task, worth_it.rungs, penalty)
    is_locked, on_habit = task.limits.locked > 0, task.ladders.season.on_habit
    best = _with_habit(held, within_budget(held, rungs, penalty), on_habit)
    anyway, moves, pays, goes = (rungs[:, 0] for rungs in (free.rungs, with_target.rungs, worth_it.rungs, best))
    for_target, too_little_gain = (goes > 0) & (anyway == 0) & ~on_habit, (moves != pays) & ~is_locked & ~on_habit
    over_budget = (pays != goes) & ~is_locked & ~on_habit
    held_by = np.full(len(goes), None, dtype=object)
    held_by[over_budget], held_by[too_little_gain] = OptionRule.BUDGET.value, OptionRule.LEAST_GAIN.value
    held_by[on_habit], held_by[is_locked] = OptionRule.ARM.value, OptionRule.LOCKED.value
    path = alone.value(groups.rungs_of_members(best))
    solution = groups.solution_of_members(worth_it, path.revenue)
    place = groups.place
    menu = menu_of(alone, groups, solution, path, held_by[place], (is_locked | on_habit)[place])
    return Plan(
        best=path,
        keep=alone.keep,
        habit=alone.habit,
        menu=menu,
        stake=stake_of(alone, menu, solution, path, forecast.elasticity),
        limits=alone.limits,
        demand=alone.demand,
        for_target=for_target[place],
        too_little_gain=too_little_gain[place],
        over_budget=over_budget[place] & (goes == 0)[place],
        out_of_reach=out_of_reach[place],
        in_group=groups.joined,
        group_apart=groups.apart,
        locked=task.limits.locked[place],
        on_habit=on_habit[place],
    )


def demand_at(ladders: Ladders, forecast: Forecast) -> Demand:
    """The demand at the prices of the ladders; at a temporary price, on all rungs, in the weeks in which that holds."""
    demand, season = forecast.at(ladders.prices, ladders.weeks), ladders.season
    if not season.temporary_weeks.any():
        return demand
    temporary = np.arange(ladders.weeks) < season.temporary_weeks[:, np.newaxis]
    at_it = forecast.at(to_price(season.current_cents)[:, np.newaxis], ladders.weeks)
    return replace(demand, units=np.where(temporary[:, np.newaxis], at_it.units, demand.units))


def meet_targets(task: Task, free: Solution) -> tuple[Solution, FloatArray, BoolArray]:
    """The solution that meets the sell-through targets, from the one without any.

    returns the solution, the penalties that led to it, (articles,), and whether a target is out of reach, (articles,)
    """
    rules, list_price = task.ladders.rules, task.ladders.season.list_cents / 100
    target = task.ladders.per_article([own.sell_through_target for own in rules])
    hard = task.ladders.per_article([float(own.sell_through == "hard") for own in rules]) > 0
    none = np.zeros(len(target), dtype=np.bool_)
    if not (target > 0).any():
        return free, np.zeros(len(target)), none
    short = (target > 0) & (task.value(free.rungs).leftover > task.tolerated + REACHED)
    soft_penalty = task.ladders.per_article([own.left_over_penalty_pct / 100 for own in rules]) * list_price
    penalty = np.where(short & ~hard, soft_penalty, 0.0)
    least, out_of_reach = _least_penalty(task, short & hard, HIGHEST_PENALTY * list_price)
    penalty = np.where(short & hard, least, penalty)
    again = penalty > 0
    if not again.any():
        return free, penalty, out_of_reach
    return rows_where(again, task.solve(penalty, again), free), penalty, out_of_reach


def _least_penalty(task: Task, seeking: BoolArray, highest: FloatArray) -> tuple[FloatArray, BoolArray]:
    """The least penalty that meets the target of the articles in `seeking`, and whether none does, (articles,) both.

    highest : (articles,), the highest penalty, which stands for those that none does
    """
    low, high = np.zeros(len(highest)), highest * seeking

    def reaches(penalty: FloatArray, rows: BoolArray) -> BoolArray:
        met: BoolArray = task.path(penalty, rows=rows).leftover <= task.tolerated + REACHED
        return met

    if not seeking.any():
        return high, seeking
    out_of_reach = seeking & ~reaches(high, seeking)
    open_rows = seeking & ~out_of_reach
    for _ in range(BISECTIONS if open_rows.any() else 0):
        middle = (low + high) / 2
        met = reaches(middle, open_rows)
        high, low = np.where(open_rows & met, middle, high), np.where(open_rows & ~met, middle, low)
    return high, out_of_reach


def _worth_it(task: Task, solution: Solution, penalty: FloatArray) -> Solution:
    """The solution in which a markdown of this week is worth enough more than waiting; else the price is kept.

    A hard target is met all the same: the least penalty that meets it makes the markdown worth hardly more.
    """
    hard = task.ladders.per_article([float(own.sell_through == "hard") for own in task.ladders.rules]) > 0
    least = task.ladders.per_article([own.least_gain_pct / 100 for own in task.ladders.rules])
    chosen = solution.rungs[:, 0]
    asked = (least > 0) & (chosen > 0) & ~(hard & (penalty > 0))
    if not asked.any():
        return solution
    gain = solution.value[np.arange(len(chosen)), chosen] - solution.value[:, 0]
    too_little = asked & (gain < least * np.maximum(task.value(solution.rungs).revenue, LEAST_GAIN))
    return replace(solution, rungs=np.where(too_little[:, np.newaxis], solution.after[:, 0], solution.rungs))


def _with_locks(task: Task, best_rungs: IntArray, penalty: FloatArray) -> tuple[Task, IntArray]:
    """The task in which locked prices are held, and the paths with theirs, (articles, weeks); as given without a lock.

    best_rungs : (articles, weeks), the paths without locks
    """
    locked = task.limits.locked > 0
    if not locked.any():
        return task, best_rungs
    held = replace(task, limits=task.limits.held())
    return held, np.where(locked[:, np.newaxis], held.path(penalty, rows=locked).rungs, best_rungs)


def _with_habit(task: Task, rungs: IntArray, on_habit: BoolArray) -> IntArray:
    """The paths, (articles, weeks), in which those that are held on the old habit follow it; as given without any.

    task : with locked prices held, which the habit keeps, too
    An article whose price cannot change this week has nothing to follow, except a temporary price that ends.
    """
    season = task.ladders.season
    follows = on_habit & (~season.price_is_fixed | (season.temporary_weeks > 0))
    return np.where(follows[:, np.newaxis], habit_rungs(task.ladders, task.limits), rungs) if follows.any() else rungs
