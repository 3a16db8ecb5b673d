"""Where each article stands in its season: what is left to sell, until when, and which markdowns it has had."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.codes import ON_HABIT
from markdown_pricing.columns import PRICE_UNTIL, SET_ASIDE, STOCK_TO_COME
from markdown_pricing.markdown.ladder import to_cents
from markdown_pricing.markdown.markdowns import PriceHistory, find_markdowns

ARM = "arm"
"""The column of how an article is priced in a comparison; empty, or not there, for one that is in none."""
LOCKED_UNTIL = "locked_until"
"""The column of the Monday until which somebody has locked an article's price; NaT without a lock."""
NEVER = 10_000
"""This stands for the weeks since the last markdown of an article that has had none."""
FARTHEST_END_WEEKS = 104
"""An end further ahead is planned as if it were so many weeks ahead, as the contract has it."""


@dataclass(frozen=True)
class Season:
    """The articles to price, in the order of the snapshot's rows. Every array has the shape (articles,)."""

    week: date
    current_cents: IntArray
    list_cents: IntArray
    salvage_price: FloatArray
    stock: IntArray
    """The units that can be sold this week."""
    stock_to_come: IntArray
    """The units on their way, which are stock from next week on."""
    stores: IntArray
    weeks_left: IntArray
    """The selling weeks that are planned: from this one to end_week, both included; 0 when end_week is past."""
    age_weeks: IntArray
    """The weeks since launch_week; below 0 before it."""
    life_weeks: IntArray
    """The selling weeks from launch_week to end_week, both included; at least 1."""
    markdowns_taken: IntArray
    weeks_since_markdown: IntArray
    """It is 0 when the price fell at the start of this week, and NEVER when there was no markdown."""
    has_history: BoolArray
    far_end: BoolArray
    """Whether end_week lies further ahead than is planned."""
    temporary_weeks: IntArray
    """For how many weeks today's price still holds, because it is a temporary one; 0 when it is not."""
    regular_cents: IntArray
    """The price afterwards: that before the temporary one, and the current one where there is none."""
    locked_weeks: IntArray
    """For how many weeks from this one on somebody has locked the price; 0 when nobody has."""
    on_habit: BoolArray
    """Whether the article is held on the old habit, for a comparison."""
    set_aside: BoolArray
    """Whether the intake found a fault in the article's data, so that it keeps its price."""

    @property
    def supply(self) -> IntArray:
        """All units that are to be sold by the end: today's stock and what is on its way, (articles,)."""
        return self.stock + self.stock_to_come

    @property
    def awaits_stock(self) -> BoolArray:
        """Whether there is nothing to sell this week and something from the next on, (articles,)."""
        awaits: BoolArray = (self.stock == 0) & (self.stock_to_come > 0) & (self.weeks_left > 1)
        return awaits

    @property
    def price_is_fixed(self) -> BoolArray:
        """Whether no other price can be asked this week, whatever the rules say, (articles,)."""
        fixed: BoolArray = (self.stock == 0) | (self.weeks_left == 0) | (self.temporary_weeks > 0) | self.set_aside
        return fixed

    @property
    def floor_cents(self) -> IntArray:
        """The lowest whole cent that is not below salvage_price, (articles,)."""
        floor: IntArray = np.ceil(np.round(self.salvage_price * 100, 6)).astype(np.int64)
        return floor


def read_season(articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Season:
    """The season of each of the articles.

    articles : the snapshot's rows ; history : the rows of earlier weeks, sorted by article and week
    """
    now = pd.Timestamp(week)
    launch, end = (_whole_weeks(articles[column], now) for column in ("launch_week", "end_week"))
    current, list_price = to_cents(articles["price"]), to_cents(articles["list_price"])
    temporary, prices = _temporary_weeks(articles, now), _prices(articles, history, now)
    markdowns = find_markdowns(prices, np.where(temporary > 0, temporary, NEVER), NEVER)
    regular = np.maximum(np.rint(markdowns.counted * list_price).astype(np.int64), current)
    temporary = np.where(regular > current, temporary, 0)
    return Season(
        week=week,
        current_cents=current,
        list_cents=list_price,
        salvage_price=articles["salvage_price"].to_numpy(dtype=np.float64),
        stock=articles["stock"].to_numpy(dtype=np.int64),
        stock_to_come=_stock_to_come(articles),
        stores=articles["stores"].to_numpy(dtype=np.int64),
        weeks_left=np.clip(end + 1, 0, FARTHEST_END_WEEKS + 1),
        age_weeks=-launch,
        life_weeks=np.maximum(end - launch + 1, 1),
        markdowns_taken=markdowns.taken,
        weeks_since_markdown=-markdowns.last,
        has_history=prices.rows > 1,
        far_end=end > FARTHEST_END_WEEKS,
        temporary_weeks=temporary,
        regular_cents=np.where(temporary > 0, regular, current),
        locked_weeks=_locked_weeks(articles, now),
        on_habit=_on_habit(articles),
        set_aside=_set_aside(articles),
    )


def _stock_to_come(articles: pd.DataFrame) -> IntArray:
    if STOCK_TO_COME not in articles:
        return np.zeros(len(articles), dtype=np.int64)
    to_come: IntArray = articles[STOCK_TO_COME].to_numpy(dtype=np.int64)
    return to_come


def _temporary_weeks(articles: pd.DataFrame, now: pd.Timestamp) -> IntArray:
    """How many weeks from this one on today's price is temporary, (articles,)."""
    if PRICE_UNTIL not in articles:
        return np.zeros(len(articles), dtype=np.int64)
    until = articles[PRICE_UNTIL]
    return np.where(until.isna(), 0, np.maximum(_whole_weeks(until.fillna(now), now) + 1, 0))


def _locked_weeks(articles: pd.DataFrame, now: pd.Timestamp) -> IntArray:
    """For how many weeks from this one on the price is locked, (articles,): the Monday of the column is free again."""
    if LOCKED_UNTIL not in articles:
        return np.zeros(len(articles), dtype=np.int64)
    until = articles[LOCKED_UNTIL]
    return np.where(until.isna(), 0, np.maximum(_whole_weeks(until.fillna(now), now), 0))


def _on_habit(articles: pd.DataFrame) -> BoolArray:
    if ARM not in articles:
        return np.zeros(len(articles), dtype=np.bool_)
    on_habit: BoolArray = (articles[ARM] == ON_HABIT).to_numpy(dtype=np.bool_)
    return on_habit


def _set_aside(articles: pd.DataFrame) -> BoolArray:
    if SET_ASIDE not in articles:
        return np.zeros(len(articles), dtype=np.bool_)
    aside: BoolArray = (articles[SET_ASIDE] != "").to_numpy(dtype=np.bool_)
    return aside


def _whole_weeks(days: pd.Series, now: pd.Timestamp) -> IntArray:
    weeks: IntArray = ((days - now).dt.days // 7).to_numpy(dtype=np.int64)
    return weeks


def _prices(articles: pd.DataFrame, history: pd.DataFrame, now: pd.Timestamp) -> PriceHistory:
    """The prices of the articles, from their rows of history and then the snapshot's."""
    columns = ["article_id", "week", "price", "list_price", "launch_week"]
    rows = pd.concat([history.loc[history["article_id"].isin(articles["article_id"]), columns], articles[columns]])
    article = pd.Index(articles["article_id"]).get_indexer(pd.Index(rows["article_id"])).astype(np.int64)
    weeks = _whole_weeks(rows["week"], now)
    order = np.lexsort((weeks, article))
    return PriceHistory.of(
        article[order],
        weeks[order],
        to_cents(rows["price"])[order],
        to_cents(rows["list_price"])[order],
        _whole_weeks(rows["launch_week"], now)[order],
        len(articles),
    )
