"""What a price was worth by the menu of its week, and how many steps of the menu lie between two prices."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray
from markdown_pricing.outcomes.states import ROUNDING

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
        every, asked = np.arange(len(price)), price[:, np.newaxis]
        equal = np.abs(self.prices - asked) < HALF_A_CENT
        lower = np.minimum((self.prices > asked).sum(axis=1), self.prices.shape[1] - 1)
        upper = np.maximum(lower - 1, 0)
        low, high = self.prices[every, lower], self.prices[every, upper]
        is_between = (low < price) & (price < high)
        share = np.where(is_between, high - price, 0.0) / np.where(is_between, high - low, 1.0)
        between = (1 - share) * self.values[every, upper] + share * self.values[every, lower]
        on_it = self.values[every, equal.argmax(axis=1)]
        return np.where(equal.any(axis=1), on_it, np.where(is_between, between, np.nan))

    def step_of(self, price: FloatArray, near: FloatArray) -> FloatArray:
        """The step of the menu's price that is nearest, (articles,); NaN where price or menu is not known.

        near : (articles,), by so much a price may lie above today's and still count as that
        """
        known = np.isfinite(price) & np.isfinite(self.prices[:, 0])
        apart = np.where(np.isnan(self.prices), np.inf, np.abs(self.prices - price[:, np.newaxis]))
        step = apart.argmin(axis=1).astype(np.float64)
        step[price > self.prices[:, 0] + near + ROUNDING] = ABOVE_THE_MENU
        return np.where(known, step, np.nan)
