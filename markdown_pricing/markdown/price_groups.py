"""Plan articles that must have the same price as one article.

Their units and stock are added up, the limits are those of the strictest member, and the rungs are those that all
members have. A member that has nothing to sell stays out. Each member takes the prices of the group's path until its
own end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from markdown_pricing.arrays import arrays_of
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.ladder import FloatArray, IntArray
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.season import BoolArray
from markdown_pricing.markdown.task import Task


@dataclass(frozen=True)
class PriceGroups:
    """How articles and their price groups are planned.

    planned_as : the arguments of the Task in which each group is one article, after the single articles
    place      : (articles,), the row of each article, or of its group, in that Task
    rung_of    : (articles, planned rungs), the article's own rung for each planned rung
    joined     : (articles,), whether the article is planned with its group
    apart      : (articles,), whether it is in a group whose articles have no rung in common
    """

    planned_as: Mapping[str, Any]
    place: IntArray
    rung_of: IntArray
    joined: BoolArray
    apart: BoolArray

    def rungs_of_members(self, rungs: IntArray) -> IntArray:
        """The rungs of each article, (articles, weeks), from the planned ones, (rows of the Task, weeks)."""
        return np.take_along_axis(self.rung_of, rungs[self.place], axis=1)


def price_groups(alone: Task) -> PriceGroups:
    """Join each group of at least two articles that still sell into one article."""
    ladders, season = alone.ladders, alone.ladders.season
    count, rungs = ladders.cents.shape
    sells = (season.stock > 0) & (season.weeks_left > 0) & (ladders.group >= 0)
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
    return PriceGroups(_planned_as(alone, single, groups), place, rung_of, joined, apart)


def _planned_as(alone: Task, single: IntArray, groups: list[tuple[IntArray, IntArray]]) -> dict[str, Any]:
    ladders = alone.ladders
    one = [_as_one(alone, members, own) for members, own in groups]

    def rows(name: str, values: Any) -> Any:
        """The single articles' rows of an array, then the groups'."""
        return np.concatenate([values[single], *[group[name][np.newaxis] for group in one]])

    def parts(of: Any) -> dict[str, Any]:
        return {name: rows(name, value) for name, value in arrays_of(of).items()}

    season = replace(ladders.season, **parts(ladders.season))
    return {
        "ladders": replace(ladders, season=season, **parts(ladders)),
        "limits": Limits(**parts(alone.limits)),
        "demand": Demand(**parts(alone.demand)),
    }


def _as_one(alone: Task, members: IntArray, own: IntArray) -> dict[str, Any]:
    """The values of a group as one article, by the names of the fields of its parts.

    members : (members,), rows of the articles ; own : (members, rungs), each member's rung for the group's rungs
    """
    ladders, limits, season, demand = alone.ladders, alone.limits, alone.ladders.season, alone.demand
    first, stock = members[0], season.stock[members]
    by_stock = stock / stock.sum()
    each = np.arange(len(members))[:, np.newaxis]
    selling = np.arange(demand.units.shape[2]) < season.weeks_left[members, np.newaxis]
    units = demand.units[members][each, own] * selling[:, np.newaxis]
    now = np.maximum(units[:, 0].sum(axis=1), 1e-9)
    cents = ladders.cents[first, own[0]].copy()
    # Until their first markdown together members may have different prices; their mean stands for them.
    cents[0] = max(round(float(by_stock @ ladders.cents[members, 0])), cents[1] if own.any() else 0)
    repeated = np.r_[False, own[0, 1:] == own[0, :-1]]
    moves = np.logical_and.reduce([limits.moves[row][np.ix_(at, at)] for row, at in zip(members, own, strict=True)])
    shared = {
        "current_cents": cents[0],
        "stock": stock.sum(),
        "stores": season.stores[members].sum(),
        "salvage_price": by_stock @ season.salvage_price[members],
        "weeks_left": season.weeks_left[members].max(),
        "cents": np.minimum.accumulate(cents),
        "rungs": np.int64((~repeated).sum()),
        "habit_cents": np.full_like(ladders.habit_cents[first], -1),
        "left": limits.left[members].min(),
        "wait": limits.wait[members].max(),
        "full_price": _held_longest_by_most(limits.full_price[members], stock),
        "touchable": limits.touchable[members].all(axis=0),
        "moves": moves & ~repeated,
        "label_cost": limits.label_cost[members].sum(),
        "units": units.sum(axis=0),
        "dispersion": _dispersion_of_sum(demand.dispersion[members], now),
    }
    if demand.shelf is not None:
        shared["shelf"] = by_stock @ demand.shelf[members]
    if demand.level_sd is not None:
        shared["level_sd"] = by_stock @ demand.level_sd[members]
    first_member = {name: value[first] for part in (season, ladders, limits) for name, value in arrays_of(part).items()}
    return {name: np.asarray(value) for name, value in {**first_member, **shared}.items()}


def _held_longest_by_most(weeks: IntArray, stock: IntArray) -> int:
    """The number of weeks for which the full price is still held for more than half of the stock."""
    return max((int(week) for week in weeks if 2 * stock[weeks >= week].sum() > stock.sum()), default=0)


def _dispersion_of_sum(dispersion: FloatArray, mean: FloatArray) -> float:
    """Dispersion of a sum of independent demands: its variance less its mean, over the mean squared."""
    return float((dispersion * mean**2).sum() / mean.sum() ** 2)
