"""Plan articles that must have the same price as one article.

Their units and stock are added up, the limits are those of the strictest member, and the rungs are those that all
members have. A member that has nothing to sell and awaits nothing stays out. One that awaits stock has the group's
price from this week on, as it would come back at another one; it sells nothing this week, and no price waits for it.
Each member takes the prices of the group's path until its own end.
"""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, each_array, rows_of
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.policy import Solution
from markdown_pricing.markdown.task import Task


@dataclass(frozen=True)
class PriceGroups:
    """How articles and their price groups are planned.

    planned : what is planned instead: each group is one article, after the single articles
    place   : (articles,), the row of each article, or of its group, in it
    rung_of : (articles, planned rungs), the article's own rung for each planned rung
    joined  : (articles,), whether the article is planned with its group
    apart   : (articles,), whether it is in a group whose articles have no rung in common
    """

    planned: Task
    place: IntArray
    rung_of: IntArray
    joined: BoolArray
    apart: BoolArray

    @property
    def takes_new_price(self) -> BoolArray:
        """Whether an article that has nothing to sell this week takes a new price with its group, (articles,)."""
        takes: BoolArray = self.joined & (self.planned.ladders.season.stock[self.place] > 0)
        return takes

    @property
    def _real(self) -> BoolArray:
        """Which of the planned rungs are different prices, (articles, planned rungs)."""
        real: BoolArray = np.arange(self.rung_of.shape[1]) < self.planned.ladders.rungs[self.place, np.newaxis]
        return real

    @property
    def is_common(self) -> BoolArray:
        """The article's own rungs that its group has, (articles, rungs); all of an article that is planned alone."""
        common = ~np.broadcast_to(self.joined[:, np.newaxis], self.rung_of.shape)
        article, rung = np.nonzero(self._real)
        common[article, self.rung_of[article, rung]] = True
        return common

    def if_any_member(self, flags: BoolArray) -> BoolArray:
        """Whether the flag is set of any article of the group at this price, (articles, rungs), by their own rungs."""
        article, rung = np.nonzero(self._real)
        planned = np.zeros(self.planned.ladders.cents.shape, dtype=np.bool_)
        np.logical_or.at(planned, (self.place[article], rung), flags[article, self.rung_of[article, rung]])
        any_has: BoolArray = self._own(planned, np.zeros(flags.shape, dtype=np.bool_))
        return any_has

    def solution_of_members(self, solution: Solution, revenue: FloatArray) -> Solution:
        """The solution of each article by its own rungs, from that of `planned`.

        revenue : (articles,), expected revenue at the recommended price; in its shares a group's values are split
        """
        total = np.bincount(self.place, revenue, minlength=len(solution.value))[self.place]
        members = np.bincount(self.place, minlength=len(solution.value))[self.place]
        share = np.where(total > 0, revenue / np.where(total > 0, total, 1.0), 1.0 / members)
        count, rungs = self.rung_of.shape
        own_rungs = self.rung_of[:, np.newaxis, :]
        after = self._own(solution.after, np.zeros((count, rungs, solution.after.shape[2]), dtype=np.int64))
        by_level = self._own(solution.by_level, np.full((count, rungs, solution.by_level.shape[2]), np.nan))
        return Solution(
            value=self._own(solution.value, np.full((count, rungs), np.nan)) * share[:, np.newaxis],
            by_level=by_level * share[:, np.newaxis, np.newaxis],
            rungs=self.rungs_of_members(solution.rungs),
            after=np.take_along_axis(np.broadcast_to(own_rungs, (count, rungs, rungs)), after, axis=2),
            tolerance=solution.tolerance[self.place] * share,
        )

    def _own(self, planned: Any, fill: Any) -> Any:
        """Values by the articles' own rungs, (articles, rungs, …), from those of planned rungs; else `fill`."""
        article, rung = np.nonzero(self._real)
        own = fill.copy()
        own[article, self.rung_of[article, rung]] = planned[self.place[article], rung]
        return own

    def rungs_of_members(self, rungs: IntArray) -> IntArray:
        """The rungs of each article, (articles, weeks), from the planned ones, (rows of `planned`, weeks)."""
        return np.take_along_axis(self.rung_of, rungs[self.place], axis=1)


def price_groups(alone: Task) -> PriceGroups:
    """Join each group of at least two articles that still sell, or will, into one article."""
    ladders, season = alone.ladders, alone.ladders.season
    count, rungs = ladders.cents.shape
    sells = ((season.stock > 0) | season.awaits_stock) & (season.weeks_left > 0) & (ladders.group >= 0)
    place, rung_of = np.full(count, -1), np.tile(np.arange(rungs), (count, 1))
    joined, apart = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    groups: list[tuple[IntArray, IntArray]] = []
    for number in np.unique(ladders.group[sells]):
        members = np.flatnonzero(sells & (ladders.group == number))
        if len(members) < 2:
            continue
        lower = [ladders.cents[row, 1 : ladders.rungs[row]] for row in members]
        common = reduce(np.intersect1d, lower)[::-1]
        if len(common) == 0 and np.ptp(ladders.cents[members, 0]) > 0:
            apart[members] = True
            continue
        own = np.zeros((len(members), rungs), dtype=np.int64)
        for at, row in enumerate(members):
            common_rungs = 1 + np.searchsorted(-ladders.cents[row, 1 : ladders.rungs[row]], -common)
            own[at, 1 : len(common_rungs) + 1] = common_rungs
            own[at, len(common_rungs) + 1 :] = common_rungs[-1] if len(common_rungs) else 0
        rung_of[members], joined[members] = own, True
        groups.append((members, own))
    single = np.flatnonzero(~joined)
    place[single] = np.arange(len(single))
    for at, (members, _) in enumerate(groups):
        place[members] = len(single) + at
    planned = _planned(alone, single, groups) if groups else alone
    return PriceGroups(planned, place, rung_of, joined, apart)


def _planned(alone: Task, single: IntArray, groups: list[tuple[IntArray, IntArray]]) -> Task:
    one = [_as_one(alone, members, own) for members, own in groups]
    return each_array(lambda *rows: np.concatenate(rows), rows_of(alone, single), *one)


def _as_one(alone: Task, members: IntArray, own: IntArray) -> Task:
    """A group as a single article.

    members : (members,), rows of the articles ; own : (members, rungs), each member's rung for the group's rungs
    """
    season, demand = alone.ladders.season, alone.demand
    stock, first = season.stock[members], members[:1]
    supply = season.supply[members]
    by_stock = supply / supply.sum()
    # Until their first markdown together members may have different prices; their mean stands for them.
    cents = alone.ladders.cents[members[0], own[0]].copy()
    cents[0] = max(round(float(by_stock @ alone.ladders.cents[members, 0])), cents[1] if own.any() else 0)
    joined_season = replace(
        rows_of(season, first),
        current_cents=cents[:1].copy(),
        regular_cents=cents[:1].copy(),
        stock=stock.sum(keepdims=True),
        stock_to_come=season.stock_to_come[members].sum(keepdims=True),
        stores=season.stores[members].sum(keepdims=True),
        salvage_price=np.array([by_stock @ season.salvage_price[members]]),
        weeks_left=season.weeks_left[members].max(keepdims=True),
        on_habit=np.array([season.on_habit[members].any()]),
    )
    ladders = replace(
        rows_of(alone.ladders, first),
        season=joined_season,
        cents=np.minimum.accumulate(cents)[np.newaxis],
        rungs=np.array([1 + np.count_nonzero(own[0, 1:] != own[0, :-1])]),
        # The rungs of a group are prices that all its articles have; of their habits the dearest one holds.
        habit_cents=alone.ladders.habit_cents[members].max(axis=0, keepdims=True),
    )
    each = np.arange(len(members))[:, np.newaxis]
    selling = np.arange(demand.units.shape[2]) < season.weeks_left[members, np.newaxis]
    if stock.any():
        selling[stock == 0, 0] = False
    units = demand.units[members][each, own] * selling[:, np.newaxis]
    now = np.maximum(units[:, 0].sum(axis=1), 1e-9)
    joined_demand = Demand(
        units=units.sum(axis=0, keepdims=True),
        dispersion=np.array([_dispersion_of_sum(demand.dispersion[members], now)]),
        shelf=None if demand.shelf is None else (by_stock @ demand.shelf[members])[np.newaxis],
        level_sd=None if demand.level_sd is None else (by_stock @ demand.level_sd[members])[np.newaxis],
    )
    return Task(ladders, alone.limits.for_group(members, own, stock), joined_demand)


def _dispersion_of_sum(dispersion: FloatArray, mean: FloatArray) -> float:
    """Dispersion of a sum of independent demands: its variance less its mean, over the mean squared."""
    return float((dispersion * mean**2).sum() / mean.sum() ** 2)
