"""LightGBM on top of the log-linear model: trees learn what level, curve and elasticity leave unexplained.

One tree ensemble for all horizons: a training row is (article, week of decision, weeks ahead), its features what that
decision could know, its offset the log-linear forecast at the price the target week was sold at. The price decided on
is no feature, so that the answer moves with price by the elasticity alone, however the manager chose his markdowns.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd

from markdown_pricing.demand.level import Level
from markdown_pricing.demand.log_linear import Learnt, LogLinear, Rows, State, age_and_season, category_codes
from markdown_pricing.demand.model import most_important
from markdown_pricing.training_data.features import (
    Age,
    FloatArray,
    IntArray,
    Panel,
    attribute_columns,
    lag,
    stock_per_store,
    week_number,
    weeks_since_change,
)

LARGEST_TRAINING_ROWS = 60_000
HORIZONS_A_TARGET = 4
LONGEST_HORIZON = 20
ROUNDS = 70
LARGEST_CORRECTION = 1.2
"""In logs: what trees may add to or take from the log-linear forecast."""
PARAMETERS: dict[str, Any] = {
    "objective": "poisson",
    "learning_rate": 0.07,
    "num_leaves": 12,
    "min_data_in_leaf": 60,
    "lambda_l2": 10.0,
    "feature_fraction": 0.7,
    "max_bin": 63,
    "max_cat_threshold": 16,
    "cat_smooth": 30.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass
class GradientBoosting:
    """See the module; `trees` is None when there was nothing to learn from, and the log-linear forecast stands."""

    base: LogLinear = field(default_factory=LogLinear)
    trees: lgb.Booster | None = None
    features: list[str] = field(default_factory=list)
    attributes: dict[str, list[str] | None] = field(default_factory=dict)
    """Each attr_* column learnt from: its values in code order, or None for a number."""

    def fit(self, history: pd.DataFrame, week: date, seed: int, threads: int = 1) -> None:
        learnt = self.base.learn(history, seed)
        self.trees, self.features = None, []
        self.attributes = {} if learnt is None else learn_attributes(learnt.history)
        if learnt is None:
            return
        origin, target = _draw_targets(learnt, seed)
        if len(origin) < 2 * int(PARAMETERS["min_data_in_leaf"]):
            return
        level = self.base.levels(learnt.panel, learnt.rows, learnt.curve, self.base.keep)
        known = Known.of(learnt.history, learnt.panel, learnt.rows, learnt.curve, level)
        cell = (learnt.panel.row[origin], learnt.panel.column[origin])
        ahead = learnt.panel.column[target] - learnt.panel.column[origin]
        columns = {**known.at(cell), **self._attribute_values(learnt.history.iloc[origin])}
        columns |= _ahead(learnt.history.iloc[target], ahead)
        columns["category"] = learnt.rows.category[origin].astype(np.float64)
        foreseen = level.mean[cell] * learnt.curve[target]
        spread = self.base.spread[learnt.rows.category[target]]
        self.features = list(columns)
        data = lgb.Dataset(
            np.column_stack(list(columns.values())).astype(np.float32),
            label=learnt.demand[target],
            weight=1.0 / (1.0 + spread * foreseen),
            init_score=np.log(foreseen),
            feature_name=self.features,
            categorical_feature=self._categorical(),
            params=PARAMETERS,
            free_raw_data=True,
        )
        self.trees = lgb.train({**PARAMETERS, "seed": seed, "num_threads": threads}, data, num_boost_round=ROUNDS)

    def _categorical(self) -> list[str]:
        return ["category", *[name for name, values in self.attributes.items() if values is not None]]

    def units(
        self, articles: pd.DataFrame, history: pd.DataFrame, week: date, prices: FloatArray, weeks: int
    ) -> FloatArray:
        if articles.empty:
            return np.zeros((*prices.shape, weeks))
        state = self.base.state(articles, history)
        logs = self.base.curves_ahead(articles, state, week, weeks) + self._correction(articles, state, week, weeks)
        return self.base.at_prices(state.level.mean[state.cell][:, None] * np.exp(logs), state, prices)

    def _correction(self, articles: pd.DataFrame, state: State, week: date, weeks: int) -> FloatArray:
        """What the trees add to the log of demand, (articles, weeks)."""
        if self.trees is None:
            return np.zeros((len(articles), weeks))
        known = Known.of(state.frame, state.panel, state.rows, state.curve, state.level)
        row = np.repeat(np.arange(len(articles)), weeks)
        ahead = np.tile(np.arange(weeks), len(articles))
        asked = articles.iloc[row]
        asked = asked.assign(week=asked["week"].to_numpy() + ahead * np.timedelta64(7, "D"))
        columns = {**known.at(state.cell), **self._attribute_values(articles)}
        columns = {name: values[row] for name, values in columns.items()} | _ahead(asked, ahead)
        columns["category"] = state.rows.category[state.now][row].astype(np.float64)
        x = np.column_stack([columns[name] for name in self.features]).astype(np.float32)
        added = np.asarray(self.trees.predict(x, raw_score=True, num_threads=1)).reshape(len(articles), weeks)
        correction: FloatArray = np.clip(added, -LARGEST_CORRECTION, LARGEST_CORRECTION)
        return correction

    def _attribute_values(self, frame: pd.DataFrame) -> dict[str, FloatArray]:
        return {name: attribute_values(frame, name, values) for name, values in self.attributes.items()}

    def dispersion(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> FloatArray:
        return self.base.dispersion(articles, history, week)

    def elasticity(self, articles: pd.DataFrame) -> tuple[FloatArray, FloatArray] | None:
        return self.base.elasticity(articles)

    def importance(self) -> dict[str, float]:
        if self.trees is None:
            return self.base.importance()
        gains = self.trees.feature_importance(importance_type="gain")
        return most_important(dict(zip(self.features, gains.tolist(), strict=True)))

    def to_bytes(self) -> bytes:
        trees = None if self.trees is None else self.trees.model_to_string()
        saved = {"base": self.base.to_dict(), "trees": trees, "features": self.features, "attributes": self.attributes}
        return json.dumps(saved).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = json.loads(data)
        trees = None if saved["trees"] is None else lgb.Booster(model_str=saved["trees"])
        return cls(LogLinear.from_dict(saved["base"]), trees, saved["features"], saved["attributes"])


def _draw_targets(learnt: Learnt, seed: int) -> tuple[IntArray, IntArray]:
    """Row numbers of (decision, target): each target from its own week and from earlier ones drawn at random.

    A decision without stock has nothing to decide; a target without a row was never offered.
    """
    panel, rng = learnt.panel, np.random.default_rng(seed)
    row_at = panel.grid(np.arange(len(learnt.history)), -1.0).astype(np.int64)
    count = len(learnt.history)
    share = min(1.0, LARGEST_TRAINING_ROWS / (HORIZONS_A_TARGET * count))
    drawn = np.flatnonzero(rng.random(count) < share)
    target = np.repeat(drawn, HORIZONS_A_TARGET)
    # Near weeks matter most, because every week is planned anew: the square of a uniform leans to them.
    ahead = (rng.random(len(target)) ** 2 * (LONGEST_HORIZON + 1)).astype(np.int64)
    ahead[::HORIZONS_A_TARGET] = 0
    column = panel.column[target] - ahead
    origin = np.where(column >= 0, row_at[panel.row[target], np.maximum(column, 0)], -1)
    use = (origin >= 0) & (learnt.rows.stock[np.maximum(origin, 0)] > 0)
    pairs = np.unique(np.stack([origin[use], target[use]], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


@dataclass(frozen=True)
class Known:
    """Features of every article as of every week, each (articles, weeks): nothing of a column looks right of it."""

    grids: dict[str, FloatArray]

    @classmethod
    def of(cls, frame: pd.DataFrame, panel: Panel, rows: Rows, curve: FloatArray, level: Level) -> "Known":
        mean, information = level.mean[:, : panel.weeks], level.information[:, : panel.weeks]
        stock, price = panel.grid(rows.stock), panel.grid(rows.terms[:, 0])
        stores = panel.grid(frame["stores"])
        sold = panel.grid(np.maximum(rows.units, 0.0))
        foreseen = mean * panel.grid(curve)
        surprise = np.log((sold + 1.0) / (foreseen + 1.0))
        last_price = _last_known(lag(price, 1))
        first_stores = panel.first(frame["stores"].to_numpy(dtype=np.float64))[:, None]
        return cls(
            {
                "log_level": np.log(mean),
                "level_certainty": np.log(information),
                "surprise_1": lag(surprise, 1),
                "surprise_2": lag(surprise, 2),
                "surprise_4": _mean_of_lags(surprise, 4),
                "log_price_before": np.nan_to_num(last_price),
                "weeks_since_change": lag(weeks_since_change(price), 1),
                "log_stock_per_store": np.log1p(stock_per_store(stock, stores)),
                "log_cover": np.log1p(stock) - np.log1p(mean),
                "stores_share": stores / np.maximum(first_stores, 1.0),
                "sold_out_share": _mean_of_lags(panel.grid(rows.censored), 4),
                "log_list_price": np.log(panel.grid(frame["list_price"])),
            }
        )

    def at(self, cell: tuple[IntArray, IntArray]) -> dict[str, FloatArray]:
        return {name: grid[cell] for name, grid in self.grids.items()}


def _last_known(grid: FloatArray) -> FloatArray:
    filled = grid.copy()
    for week in range(1, grid.shape[1]):
        unknown = np.isnan(filled[:, week])
        filled[unknown, week] = filled[unknown, week - 1]
    return filled


def _mean_of_lags(grid: FloatArray, weeks: int) -> FloatArray:
    """Mean of the known among the last `weeks` weeks, NaN when none is."""
    lags = [lag(grid, back) for back in range(1, weeks + 1)]
    known = np.sum([~np.isnan(values) for values in lags], axis=0)
    total = np.sum([np.nan_to_num(values) for values in lags], axis=0)
    return np.where(known > 0, total / np.maximum(known, 1), np.nan)


def _ahead(target: pd.DataFrame, ahead: IntArray) -> dict[str, FloatArray]:
    """What is known of a week to come: `target` are its rows, of which only dates are read."""
    week, launch, end = (week_number(target[name]) for name in ("week", "launch_week", "end_week"))
    age, terms = Age.of(week, launch, end), age_and_season(week, launch, end)
    return {
        "weeks_ahead": np.minimum(ahead, LONGEST_HORIZON).astype(np.float64),
        "age_weeks": age.age_weeks,
        "weeks_to_end": age.weeks_to_end,
        "life_share": age.life_share,
        "season_sin": terms[:, 3],
        "season_cos": terms[:, 4],
    }


def learn_attributes(history: pd.DataFrame) -> dict[str, list[str] | None]:
    """How each attr_* column becomes a number: None as it is, or its values in code order."""
    learnt: dict[str, list[str] | None] = {}
    for name in attribute_columns(history):
        numeric = pd.api.types.is_numeric_dtype(history[name]) or pd.api.types.is_bool_dtype(history[name])
        learnt[name] = None if numeric else sorted(history[name].dropna().astype("str").unique())
    return learnt


def attribute_values(frame: pd.DataFrame, name: str, values: list[str] | None) -> FloatArray:
    """The column as numbers, NaN where it is missing or was never seen, (rows,)."""
    if name not in frame:
        return np.full(len(frame), np.nan)
    if values is None:
        numbers: FloatArray = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers
    codes = category_codes(frame[name], values).astype(np.float64)
    return np.where((codes >= len(values)) | frame[name].isna().to_numpy(), np.nan, codes)
