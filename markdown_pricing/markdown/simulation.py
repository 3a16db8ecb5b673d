"""A season played week by week by any policy, in the contract's form, and what it earned; nothing here knows a truth.

>>> from markdown_pricing.backtest.twin import Setting, twin_of
>>> from markdown_pricing.countries import Country
>>> market = twin_of(Setting("constant_elasticity", Country("MLT"), articles=8, weeks=4, seed=0))
>>> played = play("hold", market, hold, book=RuleBook(), weeks=4)
>>> played.revenue() > 0                        # of the seasons that ended within the run, salvage included
True

Each week the market shows its articles and its history, the policy asks a price for every article, the market sells.
A price that the rules do not allow is noted, not corrected: the article is sold at it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Protocol, Self

import numpy as np
import pandas as pd

from markdown_pricing.countries import Country
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.ladder import HABIT, FloatArray, IntArray, to_cents
from markdown_pricing.markdown.limits import Limits, deepest_of
from markdown_pricing.markdown.rules import RuleBook


class SimulatedMarket(Protocol):
    """What can be played: a market that shows itself in the training data's form and sells a week."""

    @property
    def country(self) -> Country: ...

    @property
    def week(self) -> date: ...

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The articles of this week and the rows before it, checked training frames."""

    def sell(self, prices: FloatArray) -> tuple[Self, IntArray]:
        """The market one week later, and the units sold; both arrays in the order of the articles."""


@dataclass(frozen=True)
class Situation:
    """What a policy decides on; only a planner who knows the truth looks at the market behind it."""

    week: date
    country: Country
    articles: pd.DataFrame
    history: pd.DataFrame
    book: RuleBook
    market: SimulatedMarket

    def ladders(self) -> Ladders:
        return candidate_prices(self.articles, self.history, self.country, self.book, self.week)


@dataclass(frozen=True)
class Decision:
    """Prices of a week, and what the policy expects to sell at them; every array is (articles,), NaN: no price.

    units, q10, q90 : expected sales of the week and their quantiles, cut by stock; None when it expects nothing
    """

    prices: FloatArray
    units: FloatArray | None = None
    q10: FloatArray | None = None
    q90: FloatArray | None = None


Policy = Callable[[Situation], Decision]


@dataclass(frozen=True)
class Played:
    """What a policy made of a market.

    articles  : one row per article seen while it could be sold: article_id, category, launch_week, end_week, stock at
                its start in the run, sold, leftover (at the end of its season or of the run), revenue with salvage,
                markdowns in the run, ended and launched within the run
    forecasts : one row per article and week with stock, when the policy said what it expects: week, article_id, price,
                cut (price below last week's), stock, actual, expected, q10, q90
    broken    : the rules that were broken, a line each: article, week, prices and the rule's word
    unpriced  : articles without a price, in all weeks
    seconds   : (weeks,), that the policy took
    """

    policy: str
    articles: pd.DataFrame
    forecasts: pd.DataFrame
    broken: tuple[str, ...]
    unpriced: int
    seconds: FloatArray

    def seasons(self, launched: bool = False) -> pd.DataFrame:
        """Articles whose season ended within the run; `launched`: only those that began in it, too."""
        return self.articles[self.articles["ended"] & (self.articles["launched"] | (not launched))]

    def revenue(self, launched: bool = False) -> float:
        return float(self.seasons(launched)["revenue"].sum())

    def sell_through(self) -> float:
        seasons = self.seasons()
        return 1 - float(seasons["leftover"].sum()) / max(float(seasons["stock"].sum()), 1.0)


def play(policy_name: str, market: SimulatedMarket, policy: Policy, book: RuleBook, weeks: int) -> Played:
    """Play `weeks` weeks; a price that is missing (NaN) leaves the price as it was, and is counted."""
    first = pd.Timestamp(market.week)
    broken, sold, forecasts, seconds, unpriced = list[str](), [], [], [], 0
    for _ in range(weeks):
        articles, history = market.frames()
        situation = Situation(market.week, market.country, articles, history, book, market)
        started = time.perf_counter()
        decision = policy(situation)
        seconds.append(time.perf_counter() - started)
        current = articles["price"].to_numpy(dtype=np.float64)
        missing = ~np.isfinite(decision.prices)
        asked = np.where(missing, current, decision.prices)
        unpriced += int(missing.sum())
        broken += _broken_rules(situation, asked)
        market, units = market.sell(asked)
        row = articles.assign(price=asked, cut=asked < current - 1e-9, units=units)
        sold.append(row)
        forecasts.append(_forecast(row, decision))
    last = first + pd.Timedelta(weeks=weeks - 1)
    return Played(
        policy_name,
        _by_article(pd.concat(sold, ignore_index=True), first, last),
        pd.concat(forecasts, ignore_index=True),
        tuple(broken),
        unpriced,
        np.array(seconds),
    )


def _forecast(row: pd.DataFrame, decision: Decision) -> pd.DataFrame:
    if decision.units is None:
        return pd.DataFrame(columns=["week", "article_id", "price", "cut", "stock", "actual", "expected", "q10", "q90"])
    known = row[["week", "article_id", "price", "cut", "stock"]].assign(
        actual=row["units"],
        expected=decision.units,
        q10=np.nan if decision.q10 is None else decision.q10,
        q90=np.nan if decision.q90 is None else decision.q90,
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
        stock=("stock", "first"),
        sold=("units", "sum"),
        leftover=("leftover", "last"),
        revenue=("revenue", "sum"),
        markdowns=("cut", "sum"),
    )
    ended, launched = by_article["end_week"] <= last, by_article["launch_week"] >= first
    return by_article.assign(ended=ended, launched=launched).reset_index()


def _broken_rules(situation: Situation, asked: FloatArray) -> list[str]:
    """A line for each rule that a price asked this week breaks."""
    before, after = to_cents(situation.articles["price"]), to_cents(asked)
    changed = before != after
    if not changed.any():
        return []
    ladders = situation.ladders()
    limits = Limits.of(ladders)
    at_rung = ladders.cents == after[:, np.newaxis]
    flags = {
        "raised": after > before,
        "below_salvage": after < ladders.season.floor_cents,
        "no_rung": ~at_rung.any(axis=1),
        "max_step": at_rung.any(axis=1) & ~(at_rung & limits.moves[:, 0]).any(axis=1),
        **limits.holds(limits.start, 0),
    }
    where, articles = f"{situation.country.code} in {situation.week}", situation.articles["article_id"].tolist()
    return [
        f"{where}: {articles[row]} from {before[row]} to {after[row]} cents, against the rule {rule}"
        for row in np.flatnonzero(changed)
        for rule, broken in flags.items()
        if broken[row]
    ]


def hold(situation: Situation) -> Decision:
    """Never mark down."""
    return Decision(situation.articles["price"].to_numpy(dtype=np.float64))


def fixed_ladder(situation: Situation) -> Decision:
    """30 % off from 60 % of the season on, 50 % from 80 % on, when the rules first allow it."""
    ladders = situation.ladders()
    season = ladders.season
    lived = season.age_weeks / season.life_weeks
    rung = np.zeros(len(lived), dtype=np.int64)
    for (share, _), cents in zip(HABIT, ladders.habit_cents.T, strict=True):
        at = ladders.cents == cents[:, np.newaxis]
        rung = np.where((lived >= share) & at.any(axis=1), at.argmax(axis=1), rung)
    return Decision(_prices(ladders, rung))


@dataclass(frozen=True)
class SellThroughRule:
    """Each week: does what is left sell by the end at the rate of the last weeks? If not, go down.

    youngest_weeks : no markdown before this age
    rate_weeks     : the rate is the mean of so many last weeks on the shelf
    slowing        : the share of its rate that an article is reckoned to lose from week to week
    slow           : stock ÷ coming sales from which it goes one rung down
    """

    youngest_weeks: int = 2
    rate_weeks: int = 2
    slowing: float = 0.102
    slow: float = 2.21

    def __call__(self, situation: Situation) -> Decision:
        ladders = situation.ladders()
        season = ladders.season
        rate = _recent_rate(situation, self.rate_weeks)
        coming = rate * (1 - (1 - self.slowing) ** season.weeks_left) / self.slowing
        slow = season.stock >= self.slow * np.maximum(coming, 0.1)
        due = slow & (season.age_weeks >= self.youngest_weeks)
        return Decision(_prices(ladders, due.astype(np.int64)))


TUNED_RULE = SellThroughRule()
"""The best of 179 drawn at random, the last 28 near the best of the others, in all demand families, on seeds 100 to
104, where the peer was chosen, too, and nothing is measured. Several rungs at once were among them and earned less."""


def _recent_rate(situation: Situation, weeks: int) -> FloatArray:
    """Mean weekly units of the last weeks with stock, (articles,); 0 without any."""
    history = situation.history[situation.history["stock"] > 0]
    last = history.groupby("article_id").tail(weeks).groupby("article_id")["units"].mean()
    rate: FloatArray = situation.articles["article_id"].map(last).fillna(0.0).to_numpy(dtype=np.float64)
    return np.maximum(rate, 0.0)


def _prices(ladders: Ladders, wanted: IntArray) -> FloatArray:
    """Prices of the rungs wanted, or of the lowest above them that the rules allow this week."""
    limits = Limits.of(ladders)
    allowed = limits.may_move(limits.start, 0) & (ladders.season.stock > 0)[:, np.newaxis]
    allowed &= np.arange(allowed.shape[1]) <= wanted[:, np.newaxis]
    rung = deepest_of(allowed, limits.start.rung)
    prices: FloatArray = np.take_along_axis(ladders.prices, rung[:, np.newaxis], axis=1)[:, 0]
    return prices
