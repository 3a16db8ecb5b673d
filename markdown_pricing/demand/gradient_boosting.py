"""LightGBM on top of the log-linear model: trees learn what level, curve and elasticity leave unexplained.

One ensemble of trees serves all horizons. A training row is an article, the week of a decision and a target some weeks
ahead. Its features are what that decision could know, and its offset is the log-linear forecast at the price at which
the target week was sold. That price is no feature, so that the answer moves with the price by the elasticity alone,
however the manager chose his markdowns.

The parameters of the trees and the limits below were chosen by judgement from 2026-11-23 to 2026-11-25, and none of
them on the seeds that docs/pricing.md reports: shallow trees and few rounds, because little is left for them to learn.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.design import DesignRows, attribute_values, dates_of
from markdown_pricing.demand.drawn import JUDGED_ROWS
from markdown_pricing.demand.log_linear import Learnt, LogLinear
from markdown_pricing.demand.model import DemandModel, most_important
from markdown_pricing.demand.near import Near, learn_near
from markdown_pricing.demand.planned import PlannedValues
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.skill import weights_ahead
from markdown_pricing.demand.state import State, level_above_median
from markdown_pricing.demand.terms import PRICE
from markdown_pricing.demand.tree_features import LONGEST_HORIZON, known_at, week_features
from markdown_pricing.demand.trees import Matrix, added_by, grow, matrix_of
from markdown_pricing.forecast import Forecast
from markdown_pricing.training_data.features import Age

LARGEST_TRAINING_ROWS = 60_000
"""About so many training rows are drawn at most, so that trees take no longer in a large country."""
HORIZONS_A_TARGET = 4
"""Each target is forecast from its own week and from up to three earlier ones."""
ROUNDS = 40
"""How many trees there are."""
LARGEST_CORRECTION = 1.2
"""Trees may add at most this to the log-linear forecast, or take it away, in logs."""
PARAMETERS: dict[str, Any] = {
    "objective": "poisson",
    "learning_rate": 0.07,
    "num_leaves": 6,
    "min_data_in_leaf": 60,
    "lambda_l2": 10.0,
    "feature_fraction": 0.7,
    "max_bin": 63,
    "max_cat_threshold": 16,
    "cat_smooth": 30.0,
}


@dataclass
class GradientBoosting(DemandModel):
    """The log-linear model and the trees that correct its forecast.

    `trees` is None when there was too little to learn from. The log-linear forecast then stands as it is.
    """

    base: LogLinear = field(default_factory=LogLinear)
    trees: lgb.Booster | None = None
    features: list[str] = field(default_factory=list)
    near: Near | None = None
    assortment: pd.DataFrame | None = None

    judged_rows: ClassVar[int | None] = JUDGED_ROWS

    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        learnt = self.base.learn(history, seed, shared)
        self.trees, self.features, self.near = None, [], None
        if learnt is None:
            return
        self.near = learn_near(self.base, learnt, history, seed, threads)
        origin, target = _draw_targets(learnt, seed)
        if len(origin) < 2 * int(PARAMETERS["min_data_in_leaf"]):
            return
        rows, panel = learnt.rows, learnt.panel
        cell, ahead = (panel.row[origin], panel.column[origin]), panel.column[target] - panel.column[origin]
        columns = known_at(learnt.history, panel, rows, learnt.curve, learnt.level, origin)
        columns |= self._article_columns(learnt.history.iloc[origin])
        columns |= week_features(dates_of(learnt.history.iloc[target]), ahead)
        curve = self._curve_at(rows, target, ahead)
        life_share = Age.of(*dates_of(learnt.history)).life_share
        level, variance = learnt.level.at(cell, life_share[target], rows.terms[target, PRICE], ahead)
        # The curve has seen these weeks and their luck, so that only the level is unsure.
        foreseen = np.exp(curve + level + level_above_median(variance))
        # With stock, a week that had none would have sold what the article's whole life says.
        demand = np.where(rows.stock[target] > 0, learnt.demand[target], np.exp(learnt.log_level[cell[0]] + curve))
        self.features = list(columns)
        weight = 1.0 / (1.0 + self.base.dispersion[rows.category[target]] * foreseen)
        codes = [self.features.index(name) for name in self._categorical()]
        given = PARAMETERS, ROUNDS, seed, threads
        self.trees = grow(matrix_of(columns), demand, np.log(foreseen), *given, weight, codes)

    def among(self, articles: pd.DataFrame) -> Self:
        return replace(self, assortment=articles)

    def knowing(self, planned: pd.DataFrame | None) -> Self:
        return replace(self, base=self.base.knowing(planned))

    def _curve_at(self, rows: DesignRows, target: IntArray, ahead: IntArray) -> FloatArray:
        """The base's log curve at the target's price and shelf, (targets,), without the attributes of weeks to come.

        It includes the luck of the target's week, because two years of luck look like a season and trees would learn
        it.
        """
        terms, category, week = rows.terms[target].copy(), rows.category[target], rows.week[target]
        terms[ahead > 0, self.base.design.attribute_terms] = 0.0
        return self.base.curve(terms, category, rows.country, week) + self.base.luck(category, week)

    def _article_columns(self, frame: pd.DataFrame) -> dict[str, FloatArray]:
        attributes = self.base.design.attributes
        category = self.base.design.category_of(frame).astype(np.float64)
        return {"category": category} | {name: attribute_values(frame, name, attributes[name]) for name in attributes}

    def _categorical(self) -> list[str]:
        return ["category", *[name for name, values in self.base.design.attributes.items() if values is not None]]

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        if articles.empty:
            return Forecast.for_no_articles(type(self).__name__)
        state = self.base.state(articles, history, week)
        if self.near is None:
            return state.forecast(
                type(self).__name__,
                lambda weeks: state.ahead(weeks) + self._correction(state, weeks, state.planned(weeks)),
            )
        correction, weights = self.near.correction(self.base, state, history, self.assortment)

        def log_mean(weeks: int) -> FloatArray:
            weight = weights_ahead(weights, weeks) * np.isfinite(correction)[:, None]
            planned = state.planned(weeks)
            # What is made of today's promotions has no place in a week for which something is planned.
            for said in planned.said.values():
                weight = np.where(said, 0.0, weight)
            near = np.nan_to_num(correction)[:, None]
            by_trees = self._correction(state, weeks, planned)
            mixed: FloatArray = state.ahead(weeks) + (1.0 - weight) * by_trees + weight * near
            return mixed

        return state.forecast(type(self).__name__, log_mean)

    def _correction(self, state: State, weeks: int, planned: PlannedValues) -> FloatArray:
        """What the trees add to the log of demand, (articles, weeks), within LARGEST_CORRECTION."""
        articles = state.articles
        if self.trees is None:
            return np.zeros((len(articles), weeks))
        columns = known_at(state.frame, state.panel, state.rows, state.curve, state.level, state.now)
        columns |= self._article_columns(articles)
        row, ahead = np.repeat(np.arange(len(articles)), weeks), np.tile(np.arange(weeks), len(articles))
        week, launch, end = dates_of(articles.iloc[row])
        columns = {name: values[row] for name, values in columns.items()}
        columns |= week_features((week + ahead, launch, end), ahead)
        added = added_by(self.trees, self._matrix(columns))
        said = np.logical_or.reduce([said.ravel() for name, said in planned.said.items() if name in self.features])
        if np.any(said):
            at = np.flatnonzero(said)
            there = {name: values[at] for name, values in columns.items()}
            usual, as_planned = self._usual_and_planned(there, planned, at)
            this_week = {"weeks_ahead": np.zeros(len(at))}
            later, own, none = (
                added_by(self.trees, self._matrix(known))
                for known in (usual, as_planned | this_week, usual | this_week)
            )
            added[at] = later + own - none
        correction: FloatArray = np.clip(added.reshape(len(articles), weeks), -LARGEST_CORRECTION, LARGEST_CORRECTION)
        return correction

    def _matrix(self, columns: Mapping[str, FloatArray]) -> Matrix:
        return matrix_of({name: columns[name] for name in self.features})

    def _usual_and_planned(
        self, columns: Mapping[str, FloatArray], planned: PlannedValues, at: IntArray
    ) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        """The features of the cells `at` of articles × weeks, with usual values of attributes and with planned ones.

        What trees have learnt of an attribute some weeks ahead is what today's value says of later weeks, such as the
        dip after a promotion. It has no place in a week for which a value is planned: that week takes what the trees
        know of the value in its own week, beside a usual one, which is the mean, or no text.
        """
        usual, as_planned = dict(columns), dict(columns)
        for name in planned.said.keys() & set(self.features):
            said = planned.said[name].ravel()[at]
            mean, _ = self.base.design.scale.get(name, (np.nan, 0.0))
            usual[name] = np.where(said, mean, columns[name])
            as_planned[name] = np.where(said, planned.values[name].ravel()[at], columns[name])
        return usual, as_planned

    def importance(self) -> dict[str, float]:
        if self.trees is None:
            return self.base.importance()
        gains = self.trees.feature_importance(importance_type="gain")
        return most_important(dict(zip(self.features, gains.tolist(), strict=True)))

    def to_bytes(self) -> bytes:
        trees = None if self.trees is None else self.trees.model_to_string()
        near = None if self.near is None else self.near.to_dict()
        return json.dumps(
            {"base": self.base.to_dict(), "trees": trees, "features": self.features, "near": near}
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = json.loads(data)
        trees = None if saved["trees"] is None else lgb.Booster(model_str=saved["trees"])
        near = None if saved["near"] is None else Near.from_dict(saved["near"])
        return cls(LogLinear.from_dict(saved["base"]), trees, saved["features"], near)


def _draw_targets(learnt: Learnt, seed: int) -> tuple[IntArray, IntArray]:
    """The row numbers of decisions and of their targets, both (training rows,).

    Each target is forecast from its own week and from earlier weeks that are drawn at random. Decisions without stock
    are left out, because there is nothing to decide, and so are weeks without a row, in which the article was not
    offered.
    """
    panel, rng = learnt.panel, np.random.default_rng(seed)
    row_at = panel.grid(np.arange(len(learnt.history)), -1.0).astype(np.int64)
    count = len(learnt.history)
    share = min(1.0, LARGEST_TRAINING_ROWS / (HORIZONS_A_TARGET * count))
    drawn = np.flatnonzero(rng.random(count) < share)
    target = np.repeat(drawn, HORIZONS_A_TARGET)
    # Near weeks matter most, because every week is planned anew. The square of a uniform number favours them.
    ahead = (rng.random(len(target)) ** 2 * (LONGEST_HORIZON + 1)).astype(np.int64)
    ahead[::HORIZONS_A_TARGET] = 0
    column = panel.column[target] - ahead
    origin = np.where(column >= 0, row_at[panel.row[target], np.maximum(column, 0)], -1)
    use = (origin >= 0) & (learnt.rows.stock[np.maximum(origin, 0)] > 0)
    pairs = np.unique(np.stack([origin[use], target[use]], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]
