"""What is to be planned, and what its prices are worth when left-over units and markdowns are given a price."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, each_array, rows_of
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.dynamic_programme import Problem
from markdown_pricing.markdown.habit import habit_rungs
from markdown_pricing.markdown.ladder import to_price
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.policy import Solution, solve
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
        tolerated: FloatArray = (1 - target) * self.ladders.season.supply
        return tolerated

    def given_away(self, path: PathValue) -> FloatArray:
        """What the path takes off today's price, summed over the units sold at it, in local currency, (articles,)."""
        price = self.ladders.prices_in(path.rungs)
        today = self.ladders.prices_in(np.zeros_like(path.rungs))
        given: FloatArray = ((today - price) * path.units).sum(axis=1)
        return given

    def worth(self, path: PathValue, penalty: FloatArray) -> FloatArray:
        """Revenue less label cost and penalties, (articles,).

        penalty : (articles,), on each unit left over beyond `tolerated`, in local currency
        """
        beyond = np.maximum(path.leftover - self.tolerated, 0.0)
        worth: FloatArray = path.gain - penalty * beyond
        return worth

    def solve(self, penalty: FloatArray, rows: BoolArray | None = None) -> Solution:
        """What each price of this week is worth with this penalty, and the path after each of them.

        penalty : (articles,), as in `worth`
        rows    : (articles,), the articles to solve; all others have no values and keep their price
        An article that has no choice in any week is worth what its price brings to the end.
        """
        solution = self._solved(penalty, 0.0, rows, each_price=True)
        keeps = self.worth(self.keep, penalty)
        unsolved = np.isnan(solution.value[:, 0])
        solution.value[unsolved, 0], solution.by_level[unsolved, 0] = keeps[unsolved], keeps[unsolved, np.newaxis]
        return solution

    def path(self, penalty: FloatArray, multiplier: float = 0.0, rows: BoolArray | None = None) -> PathValue:
        """The best path with this penalty and this multiplier of what is given away; the arrays are as in `solve`."""
        return self.value(self._solved(penalty, multiplier, rows, each_price=False).rungs)

    def _solved(self, penalty: FloatArray, multiplier: float, rows: BoolArray | None, each_price: bool) -> Solution:
        ladders, season, demand = self.ladders, self.ladders.season, self.demand
        prices = (1 + multiplier) * ladders.prices - multiplier * ladders.prices[:, :1]
        temporary = to_price(season.current_cents)
        shelves = None if demand.shelf is None else Shelf.of(demand.shelf)
        solved = np.ones(len(prices), dtype=np.bool_) if rows is None else rows
        under = [np.flatnonzero((ladders.rule_of == own) & solved) for own in range(len(ladders.rules))]
        rest = np.flatnonzero(~solved)
        shape = demand.units.shape[1], demand.units.shape[2]
        parts = [Solution.without_choice(len(rest), shape, demand.level_sd is not None, each_price)]
        for chosen in under:
            problem = Problem(
                price=prices[chosen],
                temporary_price=temporary[chosen],
                limits=rows_of(self.limits, chosen),
                units=demand.units[chosen],
                dispersion=demand.dispersion[chosen],
                stock=season.stock[chosen].astype(np.float64),
                stock_to_come=season.stock_to_come[chosen].astype(np.float64),
                salvage=season.salvage_price[chosen],
                penalty=penalty[chosen],
                tolerated=self.tolerated[chosen],
                shelf=None if shelves is None else rows_of(shelves, chosen),
                level_sd=None if demand.level_sd is None else demand.level_sd[chosen],
            )
            parts.append(solve(problem, each_price))
        together = each_array(lambda *arrays: np.concatenate(arrays), *parts)
        return rows_of(together, np.argsort(np.concatenate([rest, *under])))
