"""What a price was worth by the menu of its week, and how many steps of the menu lie between two prices."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from markdown_pricing.outcomes.states import ROUNDING, FloatArray

IntArray = npt.NDArray[np.int64]
HALF_A_CENT = 0.005
ABOVE_THE_MENU = -1
"""The step of a price above the one of the snapshot, however far: the menu has none there."""


@dataclass(frozen=True)
class Menus:
    """The menus of articles: prices falling from today's, and their values, (articles, prices); NaN fills up.

    A value is NaN, too, where a rule forbids the price.
    """

    prices: FloatArray
    values: FloatArray

    @classmethod
    def of(cls, options: pd.DataFrame, ids: "pd.Series[str]") -> Self:
        """The menus of these articles, in their order, from rows of markdown_options; empty for one without rows."""
        own = options[options["article_id"].isin(ids)].sort_values(["article_id", "step"])
        article = pd.Index(ids).get_indexer(pd.Index(own["article_id"]))
        place = own.groupby("article_id").cumcount().to_numpy()
        shape = len(ids), int(place.max(initial=0)) + 1
        prices, values = np.full(shape, np.nan), np.full(shape, np.nan)
        prices[article, place], values[article, place] = own["price"], own["value"]
        return cls(prices, values)

    def value_of(self, price: FloatArray) -> FloatArray:
        """What asking the price is worth, (articles,).

        Between two neighbours that have a value it is interpolated. It is NaN above today's price, below the lowest
        one, and where one of the neighbours has no value.
        """
        found = np.full(len(price), np.nan)
        known = np.isfinite(price) & np.isfinite(self.prices[:, 0])
        for row in np.flatnonzero(known):
            found[row] = self._between(int(row), float(price[row]))
        return found

    def _between(self, row: int, price: float) -> float:
        prices = self.prices[row]
        equal = np.flatnonzero(np.abs(prices - price) < HALF_A_CENT)
        if len(equal):
            return float(self.values[row, equal[0]])
        below = int((prices > price).sum())  # the place of the next lower price
        if below == 0 or below == len(prices) or np.isnan(prices[below]):
            return float("nan")
        upper, lower = prices[below - 1], prices[below]
        share = (upper - price) / (upper - lower)
        return float((1 - share) * self.values[row, below - 1] + share * self.values[row, below])

    def step_of(self, price: FloatArray, near: FloatArray) -> FloatArray:
        """The step of the menu's price that is nearest, (articles,); NaN where price or menu is not known.

        near : (articles,), by so much a price may lie above today's and still count as that
        """
        known = np.isfinite(price) & np.isfinite(self.prices[:, 0])
        apart = np.where(np.isnan(self.prices), np.inf, np.abs(self.prices - price[:, np.newaxis]))
        step = apart.argmin(axis=1).astype(np.float64)
        step[price > self.prices[:, 0] + near + ROUNDING] = ABOVE_THE_MENU
        return np.where(known, step, np.nan)
