"""What is to be planned, and the best paths when left-over units and markdowns are given a price."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from markdown_pricing.arrays import rows_of
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.dynamic_programme import LEAST_GAIN, Problem, best_rungs
from markdown_pricing.markdown.habit import habit_rungs
from markdown_pricing.markdown.ladder import FloatArray, IntArray, to_price
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.season import BoolArray
from markdown_pricing.markdown.shelf import Shelf
from markdown_pricing.markdown.valuation import PathValue, evaluate_path


@dataclass(frozen=True)
class Task:
    """What `plan` is asked for, with the two paths that it is always compared with."""

    ladders: Ladders
    limits: Limits
    demand: Demand

    @cached_property
    def keep(self) -> PathValue:
        """Today's price to the end."""
        return self.value(np.zeros_like(self.limits.touchable, dtype=np.int64))

    @cached_property
    def habit(self) -> PathValue:
        """The fixed ladder of the old habit."""
        return self.value(habit_rungs(self.ladders, self.limits))

    def value(self, rungs: IntArray) -> PathValue:
        """What the path `rungs`, (articles, weeks), is expected to bring."""
        return evaluate_path(self.ladders, rungs, self.demand)

    @property
    def tolerated(self) -> FloatArray:
        """The units that may be left over under the sell-through target, (articles,)."""
        target = self.ladders.per_article([own.sell_through_target for own in self.ladders.rules])
        tolerated: FloatArray = (1 - target) * self.ladders.season.stock
        return tolerated

    def given_away(self, path: PathValue) -> FloatArray:
        """What the path takes off today's price, summed over the units sold at it, in local currency, (articles,)."""
        price = self.ladders.prices_in(path.rungs)
        today = self.ladders.prices_in(np.zeros_like(path.rungs))
        given: FloatArray = ((today - price) * path.units).sum(axis=1)
        return given

    def worth(self, path: PathValue, penalty: FloatArray, multiplier: float = 0.0) -> FloatArray:
        """Revenue less label cost, less penalties, less the multiplier times what is given away, (articles,).

        penalty : (articles,), on each unit left over beyond `tolerated`, in local currency
        """
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
        """The best of the dynamic programme's path, keep and habit, by `worth`.

        rows : (articles,), the articles to solve; all others keep their price ; wait : allow no markdown this week
        """
        count = len(self.demand.units)
        penalty = np.zeros(count) if penalty is None else penalty
        rungs = self._rungs(penalty, multiplier, np.ones(count, dtype=np.bool_) if rows is None else rows, wait)
        best, keep = self.value(rungs), self.worth(self.keep, penalty, multiplier)
        planned, habit = (self.worth(path, penalty, multiplier) for path in (best, self.habit))
        if wait:
            habit = np.where(self.habit.rungs[:, 0] > 0, -np.inf, habit)
        rungs = np.where((habit > planned)[:, np.newaxis], self.habit.rungs, best.rungs)
        pays = np.maximum(habit, planned) - keep >= LEAST_GAIN
        return self.value(rungs * pays[:, np.newaxis])

    def _rungs(self, penalty: FloatArray, multiplier: float, chosen: BoolArray, wait: bool) -> IntArray:
        ladders, limits, season, demand = self.ladders, self.limits, self.ladders.season, self.demand
        prices = (1 + multiplier) * ladders.prices - multiplier * ladders.prices[:, :1]
        temporary = to_price(season.current_cents)
        if wait:
            limits = limits.without_this_week()
        shelves = None if demand.shelf is None else Shelf.of(demand.shelf)
        path = np.zeros(limits.touchable.shape, dtype=np.int64)
        for index in range(len(ladders.rules)):
            rows = np.flatnonzero((ladders.rule_of == index) & chosen)
            path[rows] = best_rungs(
                Problem(
                    price=prices[rows],
                    temporary_price=temporary[rows],
                    limits=rows_of(limits, rows),
                    units=demand.units[rows],
                    dispersion=demand.dispersion[rows],
                    stock=season.stock[rows].astype(np.float64),
                    salvage=season.salvage_price[rows],
                    penalty=penalty[rows],
                    tolerated=self.tolerated[rows],
                    shelf=None if shelves is None else rows_of(shelves, rows),
                    level_sd=None if demand.level_sd is None else demand.level_sd[rows],
                )
            )
        return path
