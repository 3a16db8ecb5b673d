"""What both examples know of an article on the Monday of a decision: how fast it sold lately, and at which price.

A model on top of this learns the factor by which a week to come differs. An article is therefore compared with itself,
so that customers do not look indifferent to the price because a manager marked down slow sellers.
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.training_data.features import Age, Panel, lag, season_terms, stock_per_store, week_number, week_of

PRICE_CHANGE, CATEGORY = 0, 10
FEATURES = (
    "price_change",
    "weeks_ahead",
    "age_weeks",
    "life_share",
    "season_sin",
    "season_cos",
    "known_weeks",
    "trend",
    "log_shelf",
    "log_list_price",
    "category",
)
MEMORY_WEEKS = 6
"""The running rate is over the last so many weeks."""
BUYERS_WEEKS = 1.5
"""The buyer's order counts as much as so many weeks of sales."""
BUYERS_ERROR = 0.6
"""How far the sales may be from what the order says, as the standard deviation of their log."""
LONGEST_HORIZON = 20
HORIZONS_A_TARGET = 3
LARGEST_TRAINING_ROWS = 40_000
LEAST_ELASTICITY = 0.8
"""The elasticity that is always assumed. What a model learns comes on top; where prices never moved, it learns none."""
DISPERSION_BOUNDS = (0.05, 3.0)


@dataclass(frozen=True)
class Decisions:
    """What is known at some decisions. Every array has the shape (decisions,).

    rate      : units a week ; log_price : mean log of the price at which they were sold
    weeks     : from how many weeks of sales the rate is known
    trend     : last week's units over the rate, in logs ; log_shelf : log of 1 + units a store
    """

    rate: FloatArray
    log_price: FloatArray
    weeks: FloatArray
    trend: FloatArray
    log_shelf: FloatArray

    def take(self, rows: IntArray) -> "Decisions":
        return Decisions(**{name: values[rows] for name, values in vars(self).items()})


@dataclass
class RunningRate:
    """What is remembered of the history.

    order_share : weekly sales as a share of what the buyer ordered for a week
    dispersion  : that of a week's demand ; usual : the mean sale of a week in stock, in units
    """

    order_share: float = 0.5
    dispersion: float = 0.4
    usual: float = 0.0
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, history: pd.DataFrame) -> Self:
        offered = history[history["stock"] > 0]
        if offered.empty:
            return cls()
        ordered = _ordered_a_week(offered, Panel.of(offered))
        units = np.maximum(offered["units"].to_numpy(), 0.0)
        categories = tuple(sorted(offered["category"].unique()))
        return cls(float(units.sum() / ordered.sum()), 0.4, float(units.mean()), categories)

    def known(self, frame: pd.DataFrame, panel: Panel, rows: IntArray) -> Decisions:
        """What is known at the decisions in these rows of the frame: the weeks before them, and not their own sales."""
        cell = panel.row[rows], panel.column[rows]
        stock, stores = frame["stock"].to_numpy(dtype=np.float64), frame["stores"].to_numpy(dtype=np.float64)
        units = panel.grid(np.where(stock > 0, np.maximum(frame["units"].to_numpy(dtype=np.float64), 0.0), np.nan))
        price = panel.grid(np.log(frame["price"].to_numpy(dtype=np.float64)))
        sold = np.stack([lag(units, cell, back) for back in range(1, MEMORY_WEEKS + 1)])
        at = np.where(np.isnan(sold), 0.0, [lag(price, cell, back) for back in range(1, MEMORY_WEEKS + 1)])
        weeks = (~np.isnan(sold)).sum(axis=0).astype(np.float64)
        list_price = np.log(frame["list_price"].to_numpy(dtype=np.float64))[rows]
        ordered = self.order_share * _ordered_a_week(frame, panel)[rows]
        rate = (np.nansum(sold, axis=0) + BUYERS_WEEKS * ordered) / (weeks + BUYERS_WEEKS)
        return Decisions(
            rate=np.maximum(rate, 0.01),
            log_price=(at.sum(axis=0) + BUYERS_WEEKS * list_price) / (weeks + BUYERS_WEEKS),
            weeks=weeks,
            trend=np.where(np.isnan(sold[0]), 0.0, np.log((np.nan_to_num(sold[0]) + 1.0) / (rate + 1.0))),
            log_shelf=np.log1p(stock_per_store(stock, stores))[rows],
        )

    def features(
        self, known: Decisions, asked: pd.DataFrame, week: IntArray, ahead: IntArray, log_price: FloatArray
    ) -> FloatArray:
        """The features, (rows, FEATURES), of decisions and of the weeks and prices that they are about.

        Each argument has one entry, or one row, for each of the rows.
        """
        age = Age.of(week, week_number(asked["launch_week"]), week_number(asked["end_week"]))
        season = season_terms(week, harmonics=1)
        code = pd.Index(self.categories, dtype="str").get_indexer(asked["category"].astype("str"))
        columns = [
            log_price - known.log_price,
            np.minimum(ahead, LONGEST_HORIZON),
            np.minimum(age.age_weeks, 60.0),
            age.life_share,
            season[:, 0],
            season[:, 1],
            known.weeks,
            known.trend,
            known.log_shelf,
            np.log(asked["list_price"].to_numpy(dtype=np.float64)),
            np.where(code < 0, np.nan, code),
        ]
        return np.column_stack(columns).astype(np.float64)

    def training_rows(self, history: pd.DataFrame, seed: int) -> tuple[FloatArray, FloatArray, pd.DataFrame]:
        """The features, the rate at the target's price, and the targets' rows of the history.

        Each target is forecast from its own week and from earlier weeks that are drawn at random.
        """
        panel, rng = Panel.of(history), np.random.default_rng(seed)
        offered = np.flatnonzero(history["stock"].to_numpy() > 0)
        drawn = min(1.0, LARGEST_TRAINING_ROWS / max(HORIZONS_A_TARGET * len(offered), 1))
        target = np.repeat(offered[rng.random(len(offered)) < drawn], HORIZONS_A_TARGET)
        ahead = rng.integers(0, LONGEST_HORIZON + 1, len(target))
        ahead[::HORIZONS_A_TARGET] = 0
        row_at = panel.grid(np.arange(len(history)), -1.0).astype(np.int64)
        column = panel.column[target] - ahead
        origin = np.where(column >= 0, row_at[panel.row[target], np.maximum(column, 0)], -1)
        use = np.isin(origin, offered)
        origin, target, ahead = origin[use], target[use], ahead[use]
        known = self.known(history, panel, origin)
        asked = history.iloc[target]
        week = panel.first_week + panel.column[target]
        x = self.features(known, asked, week, ahead, np.log(asked["price"].to_numpy(dtype=np.float64)))
        return x, known.rate * np.exp(-LEAST_ELASTICITY * x[:, PRICE_CHANGE]), asked

    def asked(
        self, known: Decisions, articles: pd.DataFrame, week: date, prices: FloatArray, weeks: int
    ) -> tuple[FloatArray, FloatArray]:
        """The features, (articles · weeks · rungs, FEATURES), rungs fastest, and the rate at each of these prices."""
        count, rungs = len(articles), prices.shape[1]
        row = np.repeat(np.arange(count), weeks * rungs)
        ahead = np.tile(np.repeat(np.arange(weeks), rungs), count)
        rung = np.tile(np.arange(rungs), count * weeks)
        at, asked = known.take(row), articles.iloc[row]
        x = self.features(at, asked, week_of(week) + ahead, ahead, np.log(np.maximum(prices, 0.001))[row, rung])
        return x, at.rate * np.exp(-LEAST_ELASTICITY * x[:, PRICE_CHANGE])

    def now(self, articles: pd.DataFrame, history: pd.DataFrame) -> Decisions:
        """What is known of the articles to price, in their order."""
        past = history[history["article_id"].isin(articles["article_id"])]
        frame = pd.concat([past, articles.assign(units=np.nan)]) if len(past) else articles.assign(units=np.nan)
        return self.known(frame, Panel.of(frame), np.arange(len(past), len(frame)))

    def level_sd(self, known: Decisions) -> FloatArray:
        """How unsure the rate is, as the standard deviation of its log, (decisions,).

        It is the buyer's error, which counts less with each week that is known.
        """
        return BUYERS_ERROR * np.sqrt(BUYERS_WEEKS / (known.weeks + BUYERS_WEEKS))

    def learn_dispersion(self, units: FloatArray, mean: FloatArray) -> None:
        excess = ((units - mean) ** 2 - mean).sum() / max(float((mean**2).sum()), 1e-9)
        self.dispersion = float(np.clip(excess, *DISPERSION_BOUNDS))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        return cls(**{**saved, "categories": tuple(saved["categories"])})


def _ordered_a_week(frame: pd.DataFrame, panel: Panel) -> FloatArray:
    """The stock of the article's first row over the weeks that the article has from there on, (rows,)."""
    stock = np.maximum(panel.first(frame["stock"].to_numpy(dtype=np.float64)), 1.0)[panel.row]
    week, end = week_number(frame["week"]), week_number(frame["end_week"])
    life = np.clip(panel.first(end)[panel.row] - panel.first(week)[panel.row] + 1, 1, 60)
    ordered: FloatArray = stock / life
    return ordered
