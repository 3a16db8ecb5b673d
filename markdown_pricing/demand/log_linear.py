"""Constant elasticity: the baseline, the proof of the contract, and what gradient boosting starts from.

demand = article's level · age and season of its category · (price / first price)^−elasticity of its category

The level is learnt week by week from what the article sold against what its category's curve expected (a gamma prior
and Poisson sales that forget), from a guess by attributes at launch on.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from markdown_pricing.demand.level import Level, follow_level
from markdown_pricing.demand.model import most_important
from markdown_pricing.demand.pooling import Prior, fit_pooled
from markdown_pricing.training_data.features import (
    Age,
    FloatArray,
    IntArray,
    Panel,
    season_terms,
    week_number,
    week_of,
)

PRIOR_ELASTICITY = 1.8
ELASTICITY_BOUNDS = (0.3, 6.0)
LARGEST_FIT_ROWS = 300_000
"""Of more rows, whole articles are drawn until about so many are left."""
AHEAD = 3
KEEPS = (0.75, 0.85, 0.92, 0.97)
"""Candidates for the share of past sales that a level still remembers a week later."""
TERMS = ("price", "age", "life_share", "life_share_squared", "sin_1", "cos_1", "sin_2", "cos_2")
PRIOR = Prior(
    mean=np.array([-PRIOR_ELASTICITY, *[0.0] * (len(TERMS) - 1)]),
    country_sd=np.array([0.8, *[1.0] * (len(TERMS) - 1)]),
    category_sd=np.array([0.4, *[0.3] * (len(TERMS) - 1)]),
)
GUESS_TERMS = ("one", "log_launch_stock", "log_stores", "log_list_price", "log_life_weeks")


@dataclass
class LogLinear:
    """Constant elasticity by category; see the module."""

    categories: list[str] = field(default_factory=list)
    beta: FloatArray = field(default_factory=lambda: PRIOR.mean[None, :].copy())
    """(categories + 1, TERMS), the last row is the country's, for a category never seen."""
    elasticity_sd: FloatArray = field(default_factory=lambda: PRIOR.country_sd[:1].copy())
    guess: FloatArray = field(default_factory=lambda: np.zeros((1, len(GUESS_TERMS))))
    """(categories + 1, GUESS_TERMS), log of an article's level by what is known at launch."""
    spread: FloatArray = field(default_factory=lambda: np.ones(1))
    """(categories + 1,), dispersion of demand around its mean."""
    certainty: float = 1.0
    """Shape of the gamma prior of a level around its guess."""
    keep: float = 0.92

    def fit(self, history: pd.DataFrame, week: date, seed: int, threads: int = 1) -> None:
        self.learn(history, seed)

    def learn(self, history: pd.DataFrame, seed: int) -> "Learnt | None":
        """Fit; returns what the fit saw, for a model that builds on it, or None when there is nothing to learn from."""
        history = thinned(history, seed)
        if history.empty or not (history["units"] > 0).any():
            return None
        panel = Panel.of(history)
        self.categories = sorted(history["category"].unique())
        rows = Rows.of(history, panel, self.categories)
        units, censored = rows.units, rows.censored
        fit = fit_pooled(units, censored, rows.terms, panel.row, rows.category, panel.column, PRIOR)
        self.beta = np.vstack([fit.by_category, fit.country])
        self.beta[:, 0] = -np.clip(-self.beta[:, 0], *ELASTICITY_BOUNDS)
        self.elasticity_sd = np.append(fit.sd[:, 0], PRIOR.category_sd[0])
        self.spread = np.append(fit.dispersion, fit.dispersion.mean())
        self._learn_guess(panel, rows, fit.level, fit.information)
        curve = np.exp(self.curve(rows.terms, rows.category))
        self.keep = self._best_keep(panel, rows, curve)
        return Learnt(history, panel, rows, fit.demand, curve)

    def _learn_guess(self, panel: Panel, rows: "Rows", level: FloatArray, information: FloatArray) -> None:
        """Ridge of the articles' levels on what was known at launch, a level of its own for each category."""
        x, category = panel.first(rows.launch), panel.first(rows.category)
        count = len(self.categories)
        # Within-article noise of a level is about 1/information; 0.3 stands for what attributes cannot tell.
        weight = 1.0 / (0.3 + 1.0 / np.maximum(information, 1e-6))
        dummies = np.eye(count)[category]
        design = np.hstack([x, dummies])
        ridge = np.diag([1e-6, *[1.0] * (x.shape[1] - 1), *[1.0] * count])
        coefficients = np.linalg.solve(design.T @ (design * weight[:, None]) + ridge, design.T @ (weight * level))
        common, own = coefficients[: x.shape[1]], coefficients[x.shape[1] :]
        error = level - design @ coefficients
        variance = float(np.clip(np.average(error**2 - 1.0 / (information + 1.0), weights=weight), 0.05, 2.0))
        self.certainty = 1.0 / variance
        self.guess = np.tile(common, (count + 1, 1))
        self.guess[:count, 0] += own
        # exp of a mean log is a median: raise it to the mean of a log-normal.
        self.guess[:, 0] += min(variance, 1.0) / 2.0

    def _best_keep(self, panel: Panel, rows: "Rows", curve: FloatArray) -> float:
        """The memory whose levels foretell the sales AHEAD weeks later best (Poisson quasi-deviance)."""
        late = np.flatnonzero(~rows.censored & (panel.column >= AHEAD))
        losses = []
        for keep in KEEPS:
            level = self.levels(panel, rows, curve, keep).mean
            mean = level[panel.row[late], panel.column[late] - AHEAD] * curve[late]
            weight = 1.0 / (1.0 + self.spread[rows.category[late]] * mean)
            losses.append(float(np.sum(weight * (mean - rows.units[late] * np.log(mean + 1e-9)))))
        return KEEPS[int(np.argmin(losses))]

    def curve(self, terms: FloatArray, category: IntArray) -> FloatArray:
        """Log of demand relative to the article's level, (rows,)."""
        curve: FloatArray = (terms * self.beta[category]).sum(axis=1)
        return curve

    def levels(self, panel: Panel, rows: "Rows", curve: FloatArray, keep: float) -> Level:
        return follow_level(
            units=panel.grid(rows.units),
            stock=panel.grid(rows.stock),
            censored=panel.grid(rows.censored),
            curve=panel.grid(curve),
            guess=np.exp(panel.first(self._guess(rows))),
            certainty=self.certainty,
            spread=self.spread[panel.first(rows.category)],
            keep=keep,
        )

    def _guess(self, rows: "Rows") -> FloatArray:
        guess: FloatArray = np.clip((rows.launch * self.guess[rows.category]).sum(axis=1), -6.0, 10.0)
        return guess

    def state(self, articles: pd.DataFrame, history: pd.DataFrame) -> "State":
        """What is known of `articles` on the decision day, in their order."""
        past = history[history["article_id"].isin(articles["article_id"])]
        joined = pd.concat([past, articles.assign(units=np.nan)], ignore_index=True) if len(past) else articles
        joined = joined.reset_index(drop=True)
        panel = Panel.of(joined)
        rows = Rows.of(joined, panel, self.categories)
        curve = np.exp(self.curve(rows.terms, rows.category))
        level = self.levels(panel, rows, curve, self.keep)
        now = np.arange(len(joined) - len(articles), len(joined))
        return State(joined, panel, rows, curve, level, now)

    def units(
        self, articles: pd.DataFrame, history: pd.DataFrame, week: date, prices: FloatArray, weeks: int
    ) -> FloatArray:
        if articles.empty:
            return np.zeros((*prices.shape, weeks))
        state = self.state(articles, history)
        base = state.level.mean[state.cell][:, None] * np.exp(self.curves_ahead(articles, state, week, weeks))
        return self.at_prices(base, state, prices)

    def curves_ahead(self, articles: pd.DataFrame, state: "State", week: date, weeks: int) -> FloatArray:
        """Log of demand at the first price relative to the level, (articles, weeks)."""
        ahead = week_of(week) + np.arange(weeks)
        terms = age_and_season(ahead, *(week_number(articles[name])[:, None] for name in ("launch_week", "end_week")))
        beta = self.beta[state.rows.category[state.now], 1:]
        curves: FloatArray = (terms * beta[:, None, :]).sum(axis=2)
        return curves

    def at_prices(self, base: FloatArray, state: "State", prices: FloatArray) -> FloatArray:
        """(articles, weeks) at the first price -> (articles, rungs, weeks); falls with price by construction."""
        ratio = np.log(np.maximum(prices, 1e-9)) - np.log(state.rows.first_price[state.now])[:, None]
        slope = self.beta[state.rows.category[state.now], 0]
        logs = np.log(np.maximum(base, 1e-9))[:, None, :] + (slope[:, None] * ratio)[:, :, None]
        units: FloatArray = np.exp(np.clip(logs, -20.0, 16.0))
        return units

    def dispersion(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> FloatArray:
        if articles.empty:
            return np.zeros(0)
        state = self.state(articles, history)
        noise = self.spread[state.rows.category[state.now]]
        # A level that is itself uncertain adds its relative variance, as in a product of two random factors.
        uncertain = 1.0 / state.level.information[state.cell]
        widened: FloatArray = np.clip(noise + uncertain * (1.0 + noise), 0.01, 10.0)
        return widened

    def elasticity(self, articles: pd.DataFrame) -> tuple[FloatArray, FloatArray] | None:
        category = category_codes(articles["category"], self.categories)
        return -self.beta[category, 0], self.elasticity_sd[category]

    def importance(self) -> dict[str, float]:
        return most_important(dict(zip(TERMS, np.abs(self.beta).mean(axis=0).tolist(), strict=True)))

    def to_bytes(self) -> bytes:
        return json.dumps(self.to_dict()).encode()

    def to_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name).tolist() for name in _ARRAYS}
        return {"categories": self.categories, "certainty": self.certainty, "keep": self.keep, **plain}

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        return cls.from_dict(json.loads(data))

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        arrays: dict[str, Any] = {name: np.array(saved[name]) for name in _ARRAYS}
        return cls(saved["categories"], certainty=saved["certainty"], keep=saved["keep"], **arrays)


_ARRAYS = ("beta", "elasticity_sd", "guess", "spread")


@dataclass(frozen=True)
class Rows:
    """What the model sees of each row; every array is (rows, …), in the order of the frame."""

    units: FloatArray
    stock: FloatArray
    censored: NDArray[np.bool_]
    category: IntArray
    terms: FloatArray
    launch: FloatArray
    first_price: FloatArray

    @classmethod
    def of(cls, frame: pd.DataFrame, panel: Panel, categories: list[str]) -> "Rows":
        week, launch, end = (week_number(frame[name]) for name in ("week", "launch_week", "end_week"))
        first_price = panel.first(frame["list_price"].to_numpy(dtype=np.float64))[panel.row]
        price = np.log(frame["price"].to_numpy(dtype=np.float64) / first_price)
        return cls(
            units=frame["units"].to_numpy(dtype=np.float64),
            stock=frame["stock"].to_numpy(dtype=np.float64),
            censored=frame["censored"].to_numpy(dtype=np.bool_),
            category=category_codes(frame["category"], categories),
            terms=np.column_stack([price, age_and_season(week, launch, end)]),
            launch=_known_at_launch(frame, panel, first_price, end - launch),
            first_price=first_price,
        )


@dataclass(frozen=True)
class Learnt:
    """What a fit saw: `demand` is units with sold-out weeks filled, `curve` demand relative to the level."""

    history: pd.DataFrame
    panel: Panel
    rows: Rows
    demand: FloatArray
    curve: FloatArray


@dataclass(frozen=True)
class State:
    """Articles and their past in one frame; `now` are the rows to price."""

    frame: pd.DataFrame
    panel: Panel
    rows: Rows
    curve: FloatArray
    level: Level
    now: IntArray

    @property
    def cell(self) -> tuple[IntArray, IntArray]:
        """Where the rows to price stand in the panel."""
        return self.panel.row[self.now], self.panel.column[self.now]


def _known_at_launch(frame: pd.DataFrame, panel: Panel, first_price: FloatArray, life: IntArray) -> FloatArray:
    """GUESS_TERMS of each row's article, from its earliest row; centred so that a ridge pulls to sensible values."""
    stock = np.maximum(panel.first(frame["stock"].to_numpy()), 1)[panel.row]
    stores = np.maximum(panel.first(frame["stores"].to_numpy()), 1)[panel.row]
    logs = np.log(np.column_stack([stock, stores, first_price, np.maximum(life + 1, 1)]))
    return np.column_stack([np.ones(len(frame)), logs - np.array([5.0, 3.0, 3.0, 3.0])])


def age_and_season(week: IntArray, launch: IntArray, end: IntArray) -> FloatArray:
    """TERMS without the price, of week numbers that broadcast: (…, terms)."""
    age = Age.of(week, launch, end)
    life = age.life_share - 0.5
    shape = np.broadcast_shapes(np.shape(week), np.shape(launch))
    seasons = np.broadcast_to(season_terms(week), (*shape, 4))
    return np.concatenate([np.stack([np.log1p(age.age_weeks) - 1.5, life, life**2], axis=-1), seasons], axis=-1)


def category_codes(category: pd.Series, categories: list[str]) -> IntArray:
    """Index into `categories`; one past the last for a category never seen."""
    codes = pd.Index(categories, dtype="str").get_indexer(category.astype("str"))
    known: IntArray = np.where(codes < 0, len(categories), codes).astype(np.int64)
    return known


def thinned(history: pd.DataFrame, seed: int) -> pd.DataFrame:
    """`history`, or the rows of articles drawn from it, so that a fit takes no longer in a large country."""
    if len(history) <= LARGEST_FIT_ROWS:
        return history.reset_index(drop=True)
    codes, ids = pd.factorize(history["article_id"], sort=True)
    drawn = np.random.default_rng(seed).random(len(ids)) < LARGEST_FIT_ROWS / len(history)
    return history[drawn[codes]].reset_index(drop=True)
