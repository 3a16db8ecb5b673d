"""The peer to beat: LightGBM as a good data scientist sets it up in a day, with the same plan on top.

Its trees are the best of five settings, chosen on the seeds on which the rule to beat was tuned, too (docs/adr/0015).
The other numbers below were chosen by judgement on 2026-11-24, as defaults that a good data scientist would begin with.

Its features are lags and rolling means of units, age, calendar, weeks to the end, stock, attributes and weeks ahead,
with the running rate as offset. The logs of price over list price and over the price of the last weeks each have a
monotone constraint, so that the price response is what the trees find in the history. There is no elasticity and no
pooling. Weeks that began without stock are left out, and other sold-out weeks are not corrected.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.design import MOST_VALUES
from markdown_pricing.demand.model import DemandModel, most_important
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.trees import added_by, grow, matrix_of
from markdown_pricing.forecast import SHELF_SHARES, Forecast
from markdown_pricing.training_data.features import (
    Age,
    Panel,
    attribute_columns,
    lag,
    mean_of_lags,
    season_terms,
    stock_per_store,
    week_number,
    week_of_year,
)

HORIZONS_A_TARGET = 4
"""Each target is forecast from its own week and from up to three earlier ones."""
LONGEST_HORIZON = 24
"""The trees see no more weeks ahead than this; a longer horizon counts as this one."""
PRICE, CHANGE, LAST_PRICE = "log_price_ratio", "log_price_change", "log_ratio_4"
LEAST_RATE = 0.3
"""Units a week: an article's running rate counts as at least this, so that its log stays finite."""
PARAMETERS: dict[str, Any] = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.2,
    "learning_rate": 0.08,
    "num_leaves": 48,
    "min_data_in_leaf": 30,
    "lambda_l2": 1.0,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 127,
}
LEAST_DISPERSION, MOST_DISPERSION, UNTRAINED_DISPERSION = 0.02, 3.0, 0.3
"""The bounds of an estimated dispersion, and the dispersion of a model that has learnt from no sales."""


@dataclass(frozen=True)
class Setup:
    """What a peer of this form may choose: its memory of past weeks, its trees, and from how many rows they learn.

    lags, means   : the units of each of these last weeks, and their mean over so many weeks; 4 must be among the means
    training_rows : about so many are drawn at most
    """

    lags: tuple[int, ...] = (1, 2, 3, 4)
    means: tuple[int, ...] = (4, 8)
    trees: int = 150
    training_rows: int = 30_000
    parameters: Mapping[str, Any] = field(default_factory=lambda: PARAMETERS)


@dataclass
class PlainBoosting(DemandModel):
    """Trees that answer the demand, with the running rate as offset.

    `trees` is None when there was too little to learn from. The answer is then the mean sale.

    features : the names of the trees' inputs, in their order
    values   : the known values of `category` and of each attribute that is text
    usual    : the mean sale of an article in a week in stock, in units
    """

    setup: ClassVar[Setup] = Setup()

    trees: lgb.Booster | None = None
    features: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    dispersion: float = UNTRAINED_DISPERSION
    usual: float = 0.0

    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        self.trees, self.features, self.dispersion = None, [], UNTRAINED_DISPERSION
        self.values = _known_values(history)
        offered = history["stock"].to_numpy(dtype=np.float64) > 0
        units = np.maximum(history["units"].to_numpy(dtype=np.float64), 0.0)
        self.usual = float(units[offered].mean()) if offered.any() else 0.0
        if self.usual <= 0:
            return
        panel = Panel.of(history)
        origin, target = _draw_targets(panel, offered, seed, self.setup.training_rows)
        if len(target) < 4 * int(self.setup.parameters["min_data_in_leaf"]):
            return
        columns = _known_at(history, panel, origin, self.setup)
        columns |= self._article_columns(history.iloc[origin])
        columns |= _week_columns(
            history.iloc[target], week_number(history["week"].iloc[target]), panel.column[target] - panel.column[origin]
        )
        columns[PRICE] = _log_ratio(history.iloc[target]["price"], history.iloc[target]["list_price"])
        columns[CHANGE] = columns[PRICE] - columns[LAST_PRICE]
        self.features = list(columns)
        falling = {"monotone_constraints": [-1 if name in (PRICE, CHANGE) else 0 for name in self.features]}
        x, y, rate = matrix_of(columns), units[target], self._log_rate(columns["mean_4"])
        codes = [self.features.index(name) for name in self.values]
        given = {**self.setup.parameters, **falling}
        self.trees = grow(x, y, rate, given, self.setup.trees, seed, threads, categorical=codes)
        near = panel.column[target] == panel.column[origin]
        mean = np.exp(rate[near] + added_by(self.trees, x[near]))
        excess = ((y[near] - mean) ** 2 - mean).sum() / max((mean**2).sum(), 1e-9)
        self.dispersion = float(np.clip(excess, LEAST_DISPERSION, MOST_DISPERSION))

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        # That the stock has no effect and that the level is certain is said in arrays, and not by leaving them out. The
        # plan then takes the same grids as for the other models, so that only the demand differs between them.
        count = len(articles)
        return Forecast(
            type(self).__name__,
            units=lambda prices, weeks: self._units(articles, history, prices, weeks),
            dispersion=self.dispersion,
            shelf=np.ones((count, len(SHELF_SHARES))),
            level_sd=lambda weeks: np.zeros((count, weeks)),
        )

    def _units(self, articles: pd.DataFrame, history: pd.DataFrame, prices: FloatArray, weeks: int) -> FloatArray:
        if self.trees is None or articles.empty:
            return np.full((*prices.shape, weeks), self.usual)
        past = history[history["article_id"].isin(articles["article_id"])]
        frame = pd.concat([past, articles])
        panel = Panel.of(frame)
        now = _known_at(frame, panel, np.arange(len(past), len(frame)), self.setup) | self._article_columns(articles)
        rungs = prices.shape[1]
        row = np.repeat(np.arange(len(articles)), weeks)
        ahead = np.tile(np.arange(weeks), len(articles))
        asked = articles.iloc[row]
        columns = {name: values[row] for name, values in now.items()}
        columns |= _week_columns(asked, week_number(asked["week"]) + ahead, ahead)
        columns |= {PRICE: np.zeros(len(row)), CHANGE: np.zeros(len(row))}
        x = matrix_of({name: columns[name] for name in self.features})
        x = np.repeat(x[:, np.newaxis], rungs, axis=1)
        ratio = _log_ratio(prices, articles["list_price"].to_numpy()[:, np.newaxis])
        x[:, :, self.features.index(PRICE)] = ratio[row]
        x[:, :, self.features.index(CHANGE)] = (ratio - now[LAST_PRICE][:, np.newaxis])[row]
        logs = added_by(self.trees, x.reshape(-1, x.shape[2])).reshape(len(articles), weeks, rungs).swapaxes(1, 2)
        units: FloatArray = np.exp(logs + self._log_rate(now["mean_4"])[:, np.newaxis, np.newaxis])
        return units

    def _log_rate(self, mean_4: FloatArray) -> FloatArray:
        """The log of the running rate, or of the mean sale where an article has no rate yet, shaped as `mean_4`."""
        rate: FloatArray = np.log(np.maximum(np.where(np.isnan(mean_4), self.usual, mean_4), LEAST_RATE))
        return rate

    def importance(self) -> dict[str, float]:
        if self.trees is None:
            return {}
        gains = self.trees.feature_importance(importance_type="gain")
        return most_important(dict(zip(self.features, gains.tolist(), strict=True)))

    def to_bytes(self) -> bytes:
        trees = None if self.trees is None else self.trees.model_to_string()
        kept = {"features": self.features, "values": self.values, "dispersion": self.dispersion, "usual": self.usual}
        return json.dumps({"trees": trees, **kept}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = json.loads(data)
        trees = None if saved["trees"] is None else lgb.Booster(model_str=saved["trees"])
        return cls(trees, saved["features"], saved["values"], saved["dispersion"], saved["usual"])

    def _article_columns(self, frame: pd.DataFrame) -> dict[str, FloatArray]:
        """The codes of the article's category and attributes, by name; NaN for a value that was never seen."""
        return {name: _codes(frame, name, known) for name, known in self.values.items()}


def _known_values(history: pd.DataFrame) -> dict[str, list[str]]:
    known = {}
    for name in ["category", *attribute_columns(history)]:
        if name == "category" or not pd.api.types.is_numeric_dtype(history[name]):
            values = sorted(history[name].dropna().astype(str).unique())
            if len(values) <= MOST_VALUES:
                known[name] = values
    return known


def _codes(frame: pd.DataFrame, name: str, known: list[str]) -> FloatArray:
    if name not in frame:
        return np.full(len(frame), np.nan)
    codes = pd.Index(known, dtype="str").get_indexer(frame[name].where(frame[name].notna(), "").astype(str))
    return np.where(codes < 0, np.nan, codes)


def _draw_targets(panel: Panel, offered: "np.ndarray[Any, Any]", seed: int, most: int) -> tuple[IntArray, IntArray]:
    """The row numbers of about `most` decisions and their targets: its own week, and earlier weeks drawn at random."""
    rng = np.random.default_rng(seed)
    row_at = panel.grid(np.arange(len(offered)), -1.0).astype(np.int64)
    targets = np.flatnonzero(offered)
    share = min(1.0, most / (HORIZONS_A_TARGET * max(len(targets), 1)))
    target = np.repeat(targets[rng.random(len(targets)) < share], HORIZONS_A_TARGET)
    ahead = rng.integers(0, LONGEST_HORIZON + 1, len(target))
    ahead[::HORIZONS_A_TARGET] = 0
    ahead[1::HORIZONS_A_TARGET] %= 5
    column = panel.column[target] - ahead
    origin = np.where(column >= 0, row_at[panel.row[target], np.maximum(column, 0)], -1)
    use = origin >= 0
    use &= offered[np.maximum(origin, 0)]
    return origin[use], target[use]


def _known_at(frame: pd.DataFrame, panel: Panel, at: IntArray, setup: Setup) -> dict[str, FloatArray]:
    """What was known on the Monday of the decisions in the rows `at`, by name, without what the week itself sold."""
    cell, decided = (panel.row[at], panel.column[at]), frame.iloc[at]
    units, ratio = panel.grid(frame["units"]), panel.grid(_log_ratio(frame["price"], frame["list_price"]))
    stock, stores, list_price = (decided[name].to_numpy(np.float64) for name in ("stock", "stores", "list_price"))
    return {
        **{f"units_{back}": lag(units, cell, back) for back in setup.lags},
        **{f"mean_{weeks}": mean_of_lags(units, cell, weeks) for weeks in setup.means},
        "log_ratio_1": lag(ratio, cell, 1),
        "log_ratio_2": lag(ratio, cell, 2),
        LAST_PRICE: mean_of_lags(ratio, cell, 4),
        "stock": stock,
        "stores": stores,
        "stock_per_store": stock_per_store(stock, stores),
        "list_price": list_price,
    }


def _week_columns(frame: pd.DataFrame, week: IntArray, ahead: IntArray) -> dict[str, FloatArray]:
    age = Age.of(week, week_number(frame["launch_week"]), week_number(frame["end_week"]))
    season = season_terms(week, harmonics=1)
    return {
        "weeks_ahead": np.minimum(ahead, LONGEST_HORIZON).astype(np.float64),
        "age_weeks": age.age_weeks,
        "weeks_to_end": age.weeks_to_end,
        "life_share": age.life_share,
        "week_of_year": week_of_year(week).astype(np.float64),
        "season_sin": season[:, 0],
        "season_cos": season[:, 1],
    }


def _log_ratio(price: Any, list_price: Any) -> FloatArray:
    ratio: FloatArray = np.log(np.asarray(price, dtype=np.float64) / np.asarray(list_price, dtype=np.float64))
    return ratio
