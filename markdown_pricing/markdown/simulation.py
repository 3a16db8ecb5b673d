"""Play a season week by week with any policy, in the contract's form. Nothing in this module knows the truth.

>>> from markdown_pricing.backtest.twin import Setting, twin_of
>>> from markdown_pricing.countries import Country
>>> from markdown_pricing.markdown.simple_policies import hold
>>> market = twin_of(Setting("constant_elasticity", Country("MLT"), articles=8, weeks=4, seed=0))
>>> played = play("hold", market, hold, book=RuleBook(), weeks=4)
>>> played.revenue() > 0                        # of the seasons that ended within the run, salvage included
True

Each week the market shows its articles and its history, the policy asks a price for every article, and the market
sells. A price that the rules do not allow is noted and not corrected: the article is sold at it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Protocol, Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.codes import OptionRule
from markdown_pricing.countries import Country
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.ladder import to_cents
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.rules import RuleBook


class SimulatedMarket(Protocol):
    """A market that can be played: it shows itself in the form of training data, and sells a week at given prices."""

    @property
    def country(self) -> Country:
        """The country that it plays, with its price endings."""

    @property
    def week(self) -> date:
        """The Monday of the week that is to be sold next."""

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The articles of this week and the rows before it, both as checked training frames."""

    def sell(self, prices: FloatArray) -> tuple[Self, IntArray]:
        """The market one week later, and the units sold, (articles,). `prices` has the same shape, in their order."""


@dataclass(frozen=True)
class MarketView:
    """What a policy sees of its market in one week. Only the planner who knows the truth looks at the market itself."""

    week: date
    country: Country
    articles: pd.DataFrame
    history: pd.DataFrame
    book: RuleBook
    market: SimulatedMarket

    def ladders(self) -> Ladders:
        """The prices that each article may have under the rules."""
        return candidate_prices(self.articles, self.history, self.country, self.book, self.week)


@dataclass(frozen=True)
class WeekPrices:
    """The prices of a week, and what the policy expects to sell at them. Every array has the shape (articles,).

    prices          : in local currency; NaN where the policy gives none
    units, q10, q90 : expected sales of the week and their quantiles, limited by the stock; None when the policy does
                      not forecast
    """

    prices: FloatArray
    units: FloatArray | None = None
    q10: FloatArray | None = None
    q90: FloatArray | None = None


Policy = Callable[[MarketView], WeekPrices]


@dataclass(frozen=True)
class Played:
    """What a policy has made of a market.

    articles  : a row for each article that could be sold: article_id, category, launch_week, end_week, stock (at its
                start in the run and delivered since), sold, leftover (at the end of its season or of the run), revenue
                with salvage, markdowns in the run, and whether it ended and was launched within the run
    forecasts : a row for each article and week with stock, when the policy forecasts: week, article_id, price, cut (the
                price is below last week's), stock, actual, expected, q10, q90
    broken    : a line for each rule that was broken: article, week, prices and the rule's word
    unpriced  : how many times an article had no price, over all weeks
    seconds   : (weeks,), how long the policy took
    """

    policy: str
    articles: pd.DataFrame
    forecasts: pd.DataFrame
    broken: tuple[str, ...]
    unpriced: int
    seconds: FloatArray

    def seasons(self, launched: bool = False) -> pd.DataFrame:
        """The articles whose season ended within the run; with `launched` only those whose season also began in it."""
        return self.articles[self.articles["ended"] & (self.articles["launched"] | (not launched))]

    def revenue(self, launched: bool = False) -> float:
        """The revenue of the seasons that `seasons` gives, in local currency, salvage included."""
        return float(self.seasons(launched)["revenue"].sum())

    def sell_through(self) -> float:
        """The share of the stock that was sold, over all seasons that ended within the run."""
        seasons = self.seasons()
        return 1 - float(seasons["leftover"].sum()) / max(float(seasons["stock"].sum()), 1.0)


def play(policy_name: str, market: SimulatedMarket, policy: Policy, book: RuleBook, weeks: int) -> Played:
    """Play `weeks` weeks. Where a price is missing (NaN), the price stays as it was, and the miss is counted."""
    first = pd.Timestamp(market.week)
    broken, sold, forecasts, seconds, unpriced = list[str](), [], [], [], 0
    for _ in range(weeks):
        articles, history = market.frames()
        view = MarketView(market.week, market.country, articles, history, book, market)
        started = time.perf_counter()
        chosen = policy(view)
        seconds.append(time.perf_counter() - started)
        current = articles["price"].to_numpy(dtype=np.float64)
        missing = ~np.isfinite(chosen.prices)
        asked = np.where(missing, current, chosen.prices)
        unpriced += int(missing.sum())
        broken += _broken_rules(view, asked)
        market, units = market.sell(asked)
        row = articles.assign(price=asked, cut=asked < current - 1e-9, units=units)
        sold.append(row)
        forecasts.append(_forecast(row, chosen))
    last = first + pd.Timedelta(weeks=weeks - 1)
    return Played(
        policy_name,
        _by_article(pd.concat(sold, ignore_index=True), first, last),
        pd.concat(forecasts, ignore_index=True),
        tuple(broken),
        unpriced,
        np.array(seconds),
    )


def _forecast(row: pd.DataFrame, chosen: WeekPrices) -> pd.DataFrame:
    if chosen.units is None:
        return pd.DataFrame(columns=["week", "article_id", "price", "cut", "stock", "actual", "expected", "q10", "q90"])
    known = row[["week", "article_id", "price", "cut", "stock"]].assign(
        actual=row["units"],
        expected=chosen.units,
        q10=np.nan if chosen.q10 is None else chosen.q10,
        q90=np.nan if chosen.q90 is None else chosen.q90,
    )
    return known[((row["stock"] > 0) & (row["end_week"] >= row["week"])).to_numpy()]


def _by_article(rows: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    rows = rows[rows["end_week"] >= rows["week"]]
    left = rows["stock"] - rows["units"]
    over = rows["week"] == rows["end_week"]
    rows = rows.assign(revenue=rows["units"] * rows["price"] + left * rows["salvage_price"] * over, leftover=left)
    by_article = rows.groupby("article_id", sort=True).agg(
        category=("category", "last"),
        launch_week=("launch_week", "last"),
        end_week=("end_week", "last"),
        sold=("units", "sum"),
        leftover=("leftover", "last"),
        revenue=("revenue", "sum"),
        markdowns=("cut", "sum"),
    )
    by_article.insert(by_article.columns.get_loc("sold"), "stock", by_article["sold"] + by_article["leftover"])
    ended, launched = by_article["end_week"] <= last, by_article["launch_week"] >= first
    return by_article.assign(ended=ended, launched=launched).reset_index()


def _broken_rules(view: MarketView, asked: FloatArray) -> list[str]:
    """A line for each rule that one of this week's prices breaks."""
    before, after = to_cents(view.articles["price"]), to_cents(asked)
    changed = before != after
    if not changed.any():
        return []
    ladders = view.ladders()
    limits = Limits.of(ladders)
    at_rung = ladders.cents == after[:, np.newaxis]
    flags = {
        "raised": after > before,
        OptionRule.BELOW_SALVAGE: after < ladders.season.floor_cents,
        "no_rung": ~at_rung.any(axis=1),
        OptionRule.MAX_STEP: at_rung.any(axis=1) & ~(at_rung & limits.moves[:, 0]).any(axis=1),
        **limits.holds(limits.start, 0),
    }
    where, articles = f"{view.country.code} in {view.week}", view.articles["article_id"].tolist()
    return [
        f"{where}: {articles[row]} from {before[row]} to {after[row]} cents, against the rule {rule}"
        for row in np.flatnonzero(changed)
        for rule, broken in flags.items()
        if broken[row]
    ]
