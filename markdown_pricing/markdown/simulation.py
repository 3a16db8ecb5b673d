"""A season played week by week by any policy, in the contract's form, and what it earned; nothing here knows a truth.

>>> from markdown_pricing.backtest.twin import Setting, twin_of
>>> from markdown_pricing.countries import Country
>>> market = twin_of(Setting("constant_elasticity", Country("MLT"), articles=8, weeks=4, seed=0))
>>> played = play("hold", market, hold, book=RuleBook(), weeks=4)
>>> played.revenue() > 0                        # of the seasons that ended within the run, salvage included
True

Each week the market shows its articles and its history, the policy asks a price for every article, the market sells.
The rules are counted here on their own, from the prices asked: a policy that breaks one is seen, not corrected.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, Self

import numpy as np
import pandas as pd

from markdown_pricing.countries import Country
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.ladder import HABIT, FloatArray, IntArray, ladder_cents, to_cents
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.season import BoolArray


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
    broken    : the rules that were broken, a sentence each
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
    watch, sold, forecasts, seconds, unpriced = _RuleWatch(), [], [], [], 0
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
        watch.look(situation, asked)
        market, units = market.sell(asked)
        row = articles.assign(price=asked, cut=asked < current - 1e-9, units=units)
        sold.append(row)
        forecasts.append(_forecast(row, decision))
    last = first + pd.Timedelta(weeks=weeks - 1)
    return Played(
        policy_name,
        _by_article(pd.concat(sold, ignore_index=True), first, last),
        pd.concat(forecasts, ignore_index=True),
        tuple(watch.broken),
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


class _RuleWatch:
    """Looks at the prices asked, week by week, with a memory of its own."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self._fell_in: dict[str, list[pd.Timestamp]] = {}

    def look(self, situation: Situation, asked: FloatArray) -> None:
        articles, now = situation.articles, pd.Timestamp(situation.week)
        before, after = to_cents(articles["price"]), to_cents(asked)
        unseen = [identity for identity in articles["article_id"] if identity not in self._fell_in]
        if unseen:
            self._fell_in |= _falls_before(articles, situation.history, unseen, now)
        for place in np.flatnonzero(before != after):
            article = articles.iloc[int(place)]
            fell_in = self._fell_in[article["article_id"]]
            for fault in _faults(situation, article, int(before[place]), int(after[place]), fell_in, now):
                self.broken.append(f"{situation.country.code} {article['article_id']} in {situation.week}: {fault}")
            fell_in.append(now)


def _faults(
    situation: Situation,
    article: "pd.Series[object]",
    before: int,
    after: int,
    fell_in: Sequence[pd.Timestamp],
    now: pd.Timestamp,
) -> Sequence[str]:
    rules = situation.book.rules_for(situation.country.code, str(article["category"]))
    list_cents = to_cents([article["list_price"]])
    rungs = ladder_cents(list_cents, rules.discounts_pct, situation.country.price_endings)[0]
    found = {
        f"raised from {before} to {after}": after > before,
        f"{after} is no rung of {rungs.tolist()}": after not in rungs,
        f"{after} is below the salvage price": after < round(100 * float(str(article["salvage_price"]))),
        f"markdown number {len(fell_in) + 1}": len(fell_in) >= rules.max_markdowns,
        "too soon after the last markdown": bool(fell_in)
        and (now - max(fell_in)).days < 7 * rules.weeks_between_markdowns,
        "a no-touch week": situation.week in rules.no_touch_weeks,
    }
    return [fault for fault, broken in found.items() if broken]


def _falls_before(
    articles: pd.DataFrame, history: pd.DataFrame, identities: Sequence[str], now: pd.Timestamp
) -> dict[str, list[pd.Timestamp]]:
    """When prices fell before the run: in the later row's week, or last week when that row is the snapshot's."""
    fell_in: dict[str, list[pd.Timestamp]] = {identity: [] for identity in identities}
    columns = ["article_id", "week", "price", "list_price", "launch_week"]
    rows = pd.concat([history.loc[history["article_id"].isin(identities), columns], articles[columns]])
    for identity, own in rows[rows["article_id"].isin(identities)].sort_values("week").groupby("article_id"):
        weeks, cents = own["week"].tolist(), to_cents(own["price"]).tolist()
        at_launch = weeks[0] <= own["launch_week"].iloc[0]
        earlier = [cents[0] if at_launch else int(to_cents(own["list_price"].iloc[:1])[0]), *cents[:-1]]
        for place, week in enumerate(weeks):
            if cents[place] < earlier[place]:
                unseen = place == 0 or week - weeks[place - 1] > pd.Timedelta(weeks=1)
                fell_in[str(identity)].append(week - pd.Timedelta(weeks=1) if week == now and unseen else week)
    return fell_in


def may_mark_down(ladders: Ladders) -> BoolArray:
    """(articles,): the rules allow a lower price this week."""
    season, rules = ladders.season, ladders.rules
    most = ladders.per_article([own.max_markdowns for own in rules])
    between = ladders.per_article([own.weeks_between_markdowns for own in rules])
    touchable = ladders.per_article([float(season.week not in own.no_touch_weeks) for own in rules]) > 0
    allowed: BoolArray = (
        (season.markdowns_taken < most)
        & (season.weeks_since_markdown >= between)
        & (season.weeks_left > 0)
        & (season.stock > 0)
        & touchable
    )
    return allowed


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
    return Decision(_prices(ladders, np.where(may_mark_down(ladders), rung, 0)))


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
        may = may_mark_down(ladders) & (season.age_weeks >= self.youngest_weeks)
        return Decision(_prices(ladders, np.where(may & slow, np.minimum(1, ladders.rungs - 1), 0)))


TUNED_RULE = SellThroughRule()
"""The best of 179 drawn at random, the last 28 near the best of the others, in all demand families, on seeds 100 to
104, where the peer was chosen, too, and nothing is measured. Several rungs at once were among them and earned less."""


def _recent_rate(situation: Situation, weeks: int) -> FloatArray:
    """Mean weekly units of the last weeks with stock, (articles,); 0 without any."""
    history = situation.history[situation.history["stock"] > 0]
    last = history.groupby("article_id").tail(weeks).groupby("article_id")["units"].mean()
    rate: FloatArray = situation.articles["article_id"].map(last).fillna(0.0).to_numpy(dtype=np.float64)
    return np.maximum(rate, 0.0)


def _prices(ladders: Ladders, rung: IntArray) -> FloatArray:
    """Prices of the rungs, or of the lowest above them that the largest step allows."""
    step = (ladders.cents[:, :1] - ladders.cents) * 100 / ladders.season.list_cents[:, np.newaxis]
    most = ladders.per_article([own.max_step_pct for own in ladders.rules])[:, np.newaxis]
    within = (np.floor(step + 0.5) <= most) | (most >= 100)
    rung = np.minimum(rung, within.sum(axis=1) - 1)
    prices: FloatArray = np.take_along_axis(ladders.prices, rung[:, np.newaxis], axis=1)[:, 0]
    return prices
