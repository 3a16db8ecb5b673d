"""What both examples know of an article on the Monday of a decision: how fast it sold lately, and at which price.

A model on top of it learns by what factor a week to come differs. So an article is compared with itself, and a manager
who marked down slow sellers because they were slow does not make customers look indifferent to price.
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd

from markdown_pricing.training_data.features import (
    Age,
    FloatArray,
    IntArray,
    Panel,
    lag,
    season_terms,
    stock_per_store,
    week_number,
    week_of,
)

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
BUYERS_WEEKS = 1.5
"""The buyer's order counts as so many weeks of sales."""
BUYERS_ERROR = 0.6
"""Of what an order says of sales, as standard deviation of the log."""
LONGEST_HORIZON = 20
HORIZONS_A_TARGET = 3
LARGEST_TRAINING_ROWS = 40_000
LEAST_ELASTICITY = 0.8
"""Nobody's customers respond less; what the model learns comes on top, and stands where prices never moved."""
DISPERSION_BOUNDS = (0.05, 3.0)


@dataclass(frozen=True)
class Decisions:
    """What is known at some decisions; arrays are (decisions,).

    rate : units a week ; log_price : mean log of the price they sold at ; weeks : how many weeks it rests on
    trend : last week against the rate, in logs ; log_shelf : log of 1 + units a store
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

    order_share : weekly sales over what the buyer ordered for a week ; dispersion : of a week's demand
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
        """At the decisions of these rows of the frame: what weeks before them sold, nothing of their own."""
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
        """(rows, FEATURES) of decisions and the weeks and prices they are about, all arguments a row each."""
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
        """Features, the rate at the target's price, and the target's rows: each from its own week and earlier ones."""
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
        """Features (articles · weeks · rungs, FEATURES), rungs fastest, and the rate at each of these prices."""
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
        """How unsure the rate is, as standard deviation of its log: the buyer's error, less with each week known."""
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
    """(rows,): the stock of the article's first row, spread over the life it has from there on."""
    stock = np.maximum(panel.first(frame["stock"].to_numpy(dtype=np.float64)), 1.0)[panel.row]
    week, end = week_number(frame["week"]), week_number(frame["end_week"])
    life = np.clip(panel.first(end)[panel.row] - panel.first(week)[panel.row] + 1, 1, 60)
    ordered: FloatArray = stock / life
    return ordered
