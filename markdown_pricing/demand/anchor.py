"""Trees that know the week's own price: they say how much sells at the price that is asked, and at no other.

A regression of logs goes on in a line where a price is lower than any before, and trees do not; what a display adds to
a price, and how one shop differs from another, they find without being told. Half of them add to the mean of an
article's past. The others do not start from that mean: they forecast units from units, as one would who tries
LightGBM on such sales for the first time. They err elsewhere, and by less after the largest cuts, so that both
together err less.

At other prices they are not to be trusted, because the manager's price tells them what he knew. So they move the
forecast at the price that is asked, and all other prices move along with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.local_terms import ADDED_UNITS, SPEED, past_mean
from markdown_pricing.demand.seen import SeenFrame
from markdown_pricing.demand.trees import OF_SAMPLES, NamedTrees, grow, matrix_of
from markdown_pricing.training_data.features import lag, mean_of_lags, week_of_year

SHARE = 0.5
"""How much the anchor counts beside trees that do not see the price. A mean of two forecasts that is not weighed by
their errors is hard to beat (Smith & Wallis 2009). With two thirds, a third for each kind of trees, one
panel is .005 better and another .007 worse after rises (docs/adr/0030)."""
ROUNDS = 120
"""How many trees there are of each kind."""
ABOVE_PAST: dict[str, Any] = {
    **OF_SAMPLES,
    "objective": "poisson",  # a plan needs the mean; tweedie is as near and further below it after cuts
    "learning_rate": 0.05,
    "num_leaves": 31,
}
OF_UNITS: dict[str, Any] = {
    **OF_SAMPLES,
    "objective": "tweedie",
    "tweedie_variance_power": 1.3,
    "learning_rate": 0.1,
    "num_leaves": 31,
}
"""400 trees at a third of the rate forecast as well on the panels and the groceries, and take three times as long."""


@dataclass(frozen=True)
class Anchor:
    """The trees of both kinds.

    above_past : they add to the mean of the past what a week at its price sells ; of_units : they forecast the whole
    """

    above_past: NamedTrees
    of_units: NamedTrees

    @classmethod
    def grow(
        cls,
        seen: SeenFrame,
        columns: Mapping[str, FloatArray],
        log_linear: FloatArray,
        at: IntArray,
        demand: FloatArray,
        seed: int,
        threads: int,
    ) -> Self:
        """The trees that learn from the rows `at`.

        columns    : what the trees without the price know of these rows, by name, each (at,) ; demand : (at,), units
        log_linear : (rows,), the regression's log of demand at the week's own price
        """
        more, plain = {**columns, **price_features(seen, log_linear, at)}, unit_features(seen, at)
        codes = [place for place, name in enumerate(plain) if name in seen.groups]
        above_past = grow(matrix_of(more), demand, seen.local.past[at], ABOVE_PAST, ROUNDS, seed, threads)
        of_units = grow(matrix_of(plain), demand, None, OF_UNITS, ROUNDS, seed, threads, categorical=codes)
        return cls(NamedTrees(above_past, tuple(more)), NamedTrees(of_units, tuple(plain)))

    def log_mean(
        self, seen: SeenFrame, columns: Mapping[str, FloatArray], log_linear: FloatArray, at: IntArray
    ) -> FloatArray:
        """The log of mean demand in the rows `at` at their own prices, (at,): the mean of both kinds of trees."""
        above = seen.local.past[at] + self.above_past.added({**columns, **price_features(seen, log_linear, at)})
        return (above + self.of_units.added(unit_features(seen, at))) / 2.0

    def to_dict(self) -> dict[str, Any]:
        return {"above_past": self.above_past.to_dict(), "of_units": self.of_units.to_dict()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        return cls(NamedTrees.from_dict(saved["above_past"]), NamedTrees.from_dict(saved["of_units"]))


def price_features(seen: SeenFrame, log_linear: FloatArray, at: IntArray) -> dict[str, FloatArray]:
    """What the trees above the past know of the rows `at` beside those without the price, by name, each (at,).

    log_linear : (rows,), the regression's log of demand at the week's own price, from which trees learn how far to go
    """
    local, panel = seen.local, seen.panel
    cell, price = (panel.row[at], panel.column[at]), panel.grid(local.values[:, 0])
    now = local.values[at, 0]
    return {
        "price": now,
        "price_to_last_week": now - lag(price, cell, 1),
        "price_to_past": now - past_mean(price, SPEED)[cell],
        "price_to_lowest": now - lag(np.fmin.accumulate(price, axis=1), cell, 1),
        "price_to_others": now - local.values[at, 2 * local.own],
        "log_linear": log_linear[at] - local.past[at],
    }


def unit_features(seen: SeenFrame, at: IntArray) -> dict[str, FloatArray]:
    """What the trees of units know of the rows `at`, by name, each (at,): nothing of the week's own sales.

    It is what such a forecast usually has: units of past weeks, their means, prices, promotions and what an article is.
    """
    local, panel = seen.local, seen.panel
    cell = panel.row[at], panel.column[at]
    units = np.maximum(np.exp(panel.grid(local.log_demand)) - ADDED_UNITS, 0.0)
    columns = {f"units_{back}": lag(units, cell, back) for back in (1, 2, 3, 4, 8)}
    columns |= {f"units_of_{weeks}_weeks": mean_of_lags(units, cell, weeks) for weeks in (4, 8, 13)}
    columns["units_of_all_weeks"] = past_mean(units, 0.0)[cell]
    price, now = panel.grid(local.values[:, 0]), local.values[at, 0]
    columns["price"] = now
    columns["price_to_last_week"] = now - lag(price, cell, 1)
    columns["price_to_8_weeks"] = now - mean_of_lags(price, cell, 8)
    columns["price_to_highest"] = now - np.fmax.accumulate(price, axis=1)[cell]
    columns |= {f"attribute_{number}": local.values[at, number] for number in range(1, local.own)}
    columns["week_of_year"] = week_of_year(seen.week[at]).astype(np.float64)
    return columns | {name: codes[at].astype(np.float64) for name, codes in seen.groups.items()}
