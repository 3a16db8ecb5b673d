"""Where each article stands in its season: what is left to sell, until when, and which markdowns it has had."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from markdown_pricing.markdown.ladder import FloatArray, IntArray, to_cents

BoolArray = npt.NDArray[np.bool_]
NEVER = 10_000
"""This stands for the weeks since the last markdown of an article that has had none."""


@dataclass(frozen=True)
class Season:
    """The articles to price, in the order of the snapshot's rows. Every array has the shape (articles,)."""

    week: date
    current_cents: IntArray
    list_cents: IntArray
    salvage_price: FloatArray
    stock: IntArray
    stores: IntArray
    weeks_left: IntArray
    """The selling weeks from this one to end_week, both included; 0 when end_week is past."""
    age_weeks: IntArray
    """The weeks since launch_week; below 0 before it."""
    life_weeks: IntArray
    """The selling weeks from launch_week to end_week, both included; at least 1."""
    markdowns_taken: IntArray
    weeks_since_markdown: IntArray
    """It is 0 when the price fell at the start of this week, and NEVER when there was no markdown."""
    has_history: BoolArray

    @property
    def floor_cents(self) -> IntArray:
        """The lowest whole cent that is not below salvage_price."""
        floor: IntArray = np.ceil(np.round(self.salvage_price * 100, 6)).astype(np.int64)
        return floor


def read_season(articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Season:
    """The season of each of the articles.

    articles : the snapshot's rows ; history : the rows of earlier weeks, sorted by article and week
    """
    now = pd.Timestamp(week)
    taken, weeks_since, rows_before = _markdowns(articles, history, now)
    launch, end = (_whole_weeks(articles[column], now) for column in ("launch_week", "end_week"))
    return Season(
        week=week,
        current_cents=to_cents(articles["price"]),
        list_cents=to_cents(articles["list_price"]),
        salvage_price=articles["salvage_price"].to_numpy(dtype=np.float64),
        stock=articles["stock"].to_numpy(dtype=np.int64),
        stores=articles["stores"].to_numpy(dtype=np.int64),
        weeks_left=np.maximum(end + 1, 0),
        age_weeks=-launch,
        life_weeks=np.maximum(end - launch + 1, 1),
        markdowns_taken=taken,
        weeks_since_markdown=weeks_since,
        has_history=rows_before > 0,
    )


def _whole_weeks(days: pd.Series, now: pd.Timestamp) -> IntArray:
    weeks: IntArray = ((days - now).dt.days // 7).to_numpy(dtype=np.int64)
    return weeks


def _markdowns(articles: pd.DataFrame, history: pd.DataFrame, now: pd.Timestamp) -> tuple[IntArray, IntArray, IntArray]:
    """The markdowns that each article has had, the weeks since the last one, and its rows of history, each (articles,).

    A fall of the price counts in the latest week in which it can have happened. That is the week of the later row. If
    this is the snapshot's row and the row of the week before is missing, it is the week before the snapshot. A first
    row below its list price is a fall, too: the markdown was taken in the launch week, or in rows that are missing.
    """
    columns = ["article_id", "week", "price", "list_price", "launch_week"]
    rows = pd.concat([history.loc[history["article_id"].isin(articles["article_id"]), columns], articles[columns]])
    article = pd.Index(articles["article_id"]).get_indexer(pd.Index(rows["article_id"]))
    weeks = _whole_weeks(rows["week"], now)
    order = np.lexsort((weeks, article))
    article, weeks = article[order], weeks[order]
    price, list_price = to_cents(rows["price"])[order], to_cents(rows["list_price"])[order]
    launched = weeks <= _whole_weeks(rows["launch_week"], now)[order]

    first = np.r_[True, article[1:] != article[:-1]][: len(article)]
    before = np.where(first, list_price, np.roll(price, 1))
    gap = np.where(first, ~launched, weeks - np.roll(weeks, 1) > 1)
    fell = price < before
    fell_in = np.where((weeks == 0) & gap, -1, weeks)

    taken = np.bincount(article[fell], minlength=len(articles)).astype(np.int64)
    last = np.full(len(articles), -NEVER, dtype=np.int64)
    np.maximum.at(last, article[fell], fell_in[fell])
    rows_before = np.bincount(article, minlength=len(articles)).astype(np.int64) - 1
    return taken, -last, rows_before
