"""Policies that need no demand model: never mark down, the old habit, and a rule on sell-through."""

from dataclasses import dataclass

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.habit import habit_rungs
from markdown_pricing.markdown.limits import Limits, deepest_of
from markdown_pricing.markdown.simulation import MarketView, WeekPrices


def hold(view: MarketView) -> WeekPrices:
    """Never mark down."""
    return WeekPrices(view.articles["price"].to_numpy(dtype=np.float64))


def fixed_ladder(view: MarketView) -> WeekPrices:
    """The old habit, each step when the rules first allow it."""
    ladders = view.ladders()
    return WeekPrices(ladders.prices_in(habit_rungs(ladders, Limits.of(ladders)))[:, 0])


@dataclass(frozen=True)
class SellThroughRule:
    """Goes one rung down in a week in which the stock would not be sold by the end at the rate of the last weeks.

    youngest_weeks : an article is not marked down before this age, in weeks
    rate_weeks     : the rate is the mean of so many last weeks on the shelf
    slowing        : the share of its rate that an article is taken to lose from week to week
    slow           : from this ratio of stock to coming sales on the article goes down
    """

    youngest_weeks: int = 2
    rate_weeks: int = 2
    slowing: float = 0.102
    slow: float = 2.21

    def __call__(self, view: MarketView) -> WeekPrices:
        ladders = view.ladders()
        season = ladders.season
        rate = _recent_rate(view, self.rate_weeks)
        coming = rate * (1 - (1 - self.slowing) ** season.weeks_left) / self.slowing
        slow = season.supply >= self.slow * np.maximum(coming, 0.1)
        due = slow & (season.age_weeks >= self.youngest_weeks)
        return WeekPrices(allowed_prices(ladders, due.astype(np.int64)))


TUNED_RULE = SellThroughRule()
"""The best of 179 settings that were drawn at random, the last 28 of them near the best of the others, in all demand
families on seeds 100 to 104. The peer was chosen on these seeds, too, and nothing is measured on them. Some of the
settings went down several rungs at once and earned less."""


def _recent_rate(view: MarketView, weeks: int) -> FloatArray:
    """The mean weekly units of the last `weeks` weeks with stock, (articles,); 0 when there are none."""
    history = view.history[view.history["stock"] > 0]
    last = history.groupby("article_id").tail(weeks).groupby("article_id")["units"].mean()
    rate: FloatArray = view.articles["article_id"].map(last).fillna(0.0).to_numpy(dtype=np.float64)
    return np.maximum(rate, 0.0)


def allowed_prices(ladders: Ladders, wanted: IntArray) -> FloatArray:
    """The prices of the wanted rungs, or of the lowest rungs above them that the rules allow this week, (articles,)."""
    limits = Limits.of(ladders)
    allowed = limits.may_move(limits.start, 0) & (ladders.season.stock > 0)[:, np.newaxis]
    allowed &= np.arange(allowed.shape[1]) <= wanted[:, np.newaxis]
    rung = deepest_of(allowed, limits.start.rung)
    prices: FloatArray = np.take_along_axis(ladders.prices, rung[:, np.newaxis], axis=1)[:, 0]
    return prices
