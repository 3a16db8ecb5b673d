"""Constant elasticity: the baseline, the proof of the contract, and what gradient boosting starts from.

demand = article's level · age, season and shelf of its category · (price / first price)^−elasticity of its category

The level is followed week by week: what the article sold against what its category's curve expected, from a guess by
attributes at launch on.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd

from markdown_pricing.demand.design import (
    PRICE,
    SHELF,
    Design,
    Rows,
    dates_of,
    shelf,
    stock_ahead,
    terms_of,
)
from markdown_pricing.demand.level import Level, follow_level
from markdown_pricing.demand.model import most_important
from markdown_pricing.demand.pooling import CALENDAR_WEEKS, PooledFit, fit_pooled
from markdown_pricing.training_data.features import FloatArray, IntArray, Panel, week_of, week_of_year

ELASTICITY_BOUNDS = (0.3, 6.0)
SHELF_BOUNDS = (0.0, 2.0)
LARGEST_FIT_ROWS = 300_000
"""Of more rows, whole articles are drawn until about so many are left."""
AHEAD = 3
KEEPS = (0.75, 0.85, 0.92, 0.97)
"""Candidates for the share of past sales that a level still remembers a week later."""


@dataclass(frozen=True)
class Learnt:
    """What a fit saw: `demand` is units with sold-out weeks filled, `curve` demand relative to the level.

    log_level : (articles,), from an article's whole life, where `levels` know what came before a week
    """

    history: pd.DataFrame
    panel: Panel
    rows: Rows
    demand: FloatArray
    curve: FloatArray
    log_level: FloatArray


@dataclass(frozen=True)
class State:
    """Articles and their past in one frame; `now` are the rows to price, in the order asked."""

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


def _default_beta() -> FloatArray:
    return Design().prior.mean[None, :].copy()


@dataclass
class LogLinear:
    """See the module. Arrays by category end with the country's row, for a category never seen.

    beta : (categories + 1, terms) ; guess : (categories + 1, launch terms), log of the level by what is known at launch
    calendar : (53,), log effect of the week of the year ; spread : (categories + 1,), dispersion of demand
    certainty : shape of the gamma prior of a level around its guess ; keep : see KEEPS
    """

    design: Design = field(default_factory=Design)
    beta: FloatArray = field(default_factory=_default_beta)
    elasticity_sd: FloatArray = field(default_factory=lambda: np.ones(1))
    calendar: FloatArray = field(default_factory=lambda: np.zeros(CALENDAR_WEEKS))
    guess: FloatArray = field(default_factory=lambda: np.zeros((1, Design().launch_terms)))
    spread: FloatArray = field(default_factory=lambda: np.ones(1))
    certainty: float = 1.0
    keep: float = 0.92

    def fit(self, history: pd.DataFrame, week: date, seed: int, threads: int = 1) -> None:
        self.learn(history, seed)

    def learn(self, history: pd.DataFrame, seed: int) -> Learnt | None:
        """Fit; returns what the fit saw, for a model that builds on it, or None when there is nothing to learn from."""
        history = thinned(history, seed)
        if history.empty or not (history["units"] > 0).any():
            return None
        panel = Panel.of(history)
        self.design = Design.of(history)
        rows = Rows.of(history, panel, self.design)
        fit = fit_pooled(
            rows.units,
            rows.censored,
            rows.stock > 0,
            rows.terms,
            article=panel.row,
            category=rows.category,
            week=panel.column,
            calendar=rows.calendar,
            prior=self.design.prior,
        )
        self.beta = np.vstack([fit.by_category, fit.country])
        self.beta[:, PRICE] = -np.clip(-self.beta[:, PRICE], *ELASTICITY_BOUNDS)
        self.beta[:, SHELF] = np.clip(self.beta[:, SHELF], *SHELF_BOUNDS)
        self.elasticity_sd = np.append(fit.sd[:, PRICE], self.design.prior.category_sd[PRICE])
        self.calendar = fit.calendar
        self.spread = np.append(fit.dispersion, fit.dispersion.mean())
        self._learn_guess(panel, rows, fit)
        curve = np.exp(self.curve(rows.terms, rows.category, rows.calendar))
        self.keep = self._best_keep(panel, rows, curve)
        return Learnt(history, panel, rows, fit.demand, curve, fit.level)

    def _learn_guess(self, panel: Panel, rows: Rows, fit: PooledFit) -> None:
        """Ridge of the articles' levels on what was known at launch, a level of its own for each category."""
        x, category = panel.first(rows.launch), panel.first(rows.category)
        count = len(self.design.categories)
        # Noise of a level is about 1/information; 0.3 stands for what attributes cannot tell.
        weight = 1.0 / (0.3 + 1.0 / np.maximum(fit.information, 1e-6))
        design = np.hstack([x, np.eye(count)[category]])
        ridge = np.diag([1e-6, *[1.0] * (design.shape[1] - 1)])
        coefficients = np.linalg.solve(design.T @ (design * weight[:, None]) + ridge, design.T @ (weight * fit.level))
        common, own = coefficients[: x.shape[1]], coefficients[x.shape[1] :]
        error = fit.level - design @ coefficients
        variance = float(np.clip(np.average(error**2 - 1.0 / (fit.information + 1.0), weights=weight), 0.05, 2.0))
        self.certainty = 1.0 / variance
        self.guess = np.tile(common, (count + 1, 1))
        self.guess[:count, 0] += own
        # exp of a mean log is a median: raise it to the mean of a log-normal.
        self.guess[:, 0] += min(variance, 1.0) / 2.0

    def _best_keep(self, panel: Panel, rows: Rows, curve: FloatArray) -> float:
        """The memory whose levels foretell the sales AHEAD weeks later best (Poisson quasi-deviance)."""
        late = np.flatnonzero(~rows.censored & (panel.column >= AHEAD))
        losses = []
        for keep in KEEPS:
            level = self.levels(panel, rows, curve, keep).mean
            mean = level[panel.row[late], panel.column[late] - AHEAD] * curve[late]
            weight = 1.0 / (1.0 + self.spread[rows.category[late]] * mean)
            losses.append(float(np.sum(weight * (mean - rows.units[late] * np.log(mean + 1e-9)))))
        return KEEPS[int(np.argmin(losses))]

    def curve(self, terms: FloatArray, category: IntArray, calendar: IntArray) -> FloatArray:
        """Log of demand relative to the article's level; terms (…, terms), category and calendar (…)."""
        curve: FloatArray = (terms * self.beta[category]).sum(axis=-1) + self.calendar[calendar]
        return curve

    def levels(self, panel: Panel, rows: Rows, curve: FloatArray, keep: float) -> Level:
        guess = np.clip((rows.launch * self.guess[rows.category]).sum(axis=1), -6.0, 12.0)
        return follow_level(
            units=panel.grid(rows.units),
            stock=panel.grid(rows.stock),
            censored=panel.grid(rows.censored),
            curve=panel.grid(curve),
            guess=np.exp(panel.first(guess)),
            certainty=self.certainty,
            spread=self.spread[panel.first(rows.category)],
            keep=keep,
        )

    def state(self, articles: pd.DataFrame, history: pd.DataFrame) -> State:
        """What is known of `articles` on the decision day."""
        past = history[history["article_id"].isin(articles["article_id"])]
        asked = articles.assign(units=np.nan)
        frame = (pd.concat([past, asked]) if len(past) else asked).reset_index(drop=True)
        panel = Panel.of(frame)
        rows = Rows.of(frame, panel, self.design)
        curve = np.exp(self.curve(rows.terms, rows.category, rows.calendar))
        now = np.arange(len(frame) - len(articles), len(frame))
        return State(frame, panel, rows, curve, self.levels(panel, rows, curve, self.keep), now)

    def units(
        self, articles: pd.DataFrame, history: pd.DataFrame, week: date, prices: FloatArray, weeks: int
    ) -> FloatArray:
        if articles.empty:
            return np.zeros((*prices.shape, weeks))
        state = self.state(articles, history)
        return self.at_prices(self.ahead(articles, state, week, weeks), state, prices)

    def ahead(self, articles: pd.DataFrame, state: State, week: date, weeks: int) -> FloatArray:
        """Log of demand at the first price, (articles, weeks); attributes are known for the first week alone."""
        _, launch, end = (numbers[:, None] for numbers in dates_of(articles))
        rows, now = state.rows, state.now
        target = np.broadcast_to(week_of(week) + np.arange(weeks), (len(articles), weeks))
        to_end = np.maximum(end - week_of(week), 0).astype(np.float64)
        stock = stock_ahead(rows.stock[now][:, None], target - week_of(week), to_end)
        attributes = np.zeros((*target.shape, len(self.design.scale)))
        attributes[:, 0] = rows.terms[now, self.design.attribute_terms]
        on_shelf = shelf(stock, rows.first_stores[now][:, None])
        terms = terms_of(np.zeros(target.shape), on_shelf, target, launch, end, attributes)
        curve = self.curve(terms, rows.category[now][:, None], week_of_year(target))
        ahead: FloatArray = np.log(state.level.mean[state.cell])[:, None] + curve
        return ahead

    def at_prices(self, logs: FloatArray, state: State, prices: FloatArray) -> FloatArray:
        """(articles, weeks) at the first price -> (articles, rungs, weeks); falls with price by construction."""
        ratio = np.log(np.maximum(prices, 1e-9)) - np.log(state.rows.first_price[state.now])[:, None]
        slope = self.beta[state.rows.category[state.now], PRICE]
        units: FloatArray = np.exp(np.clip(logs[:, None, :] + (slope[:, None] * ratio)[:, :, None], -20.0, 16.0))
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
        category = self.design.category_of(articles)
        return -self.beta[category, PRICE], self.elasticity_sd[category]

    def importance(self) -> dict[str, float]:
        return most_important(dict(zip(self.design.term_names, np.abs(self.beta).mean(axis=0).tolist(), strict=True)))

    def to_bytes(self) -> bytes:
        return json.dumps(self.to_dict()).encode()

    def to_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name).tolist() for name in _ARRAYS}
        return {"design": self.design.to_dict(), "certainty": self.certainty, "keep": self.keep, **plain}

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        return cls.from_dict(json.loads(data))

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        arrays: dict[str, Any] = {name: np.array(saved[name]) for name in _ARRAYS}
        design = Design.from_dict(saved["design"])
        return cls(design, certainty=saved["certainty"], keep=saved["keep"], **arrays)


_ARRAYS = ("beta", "elasticity_sd", "calendar", "guess", "spread")


def thinned(history: pd.DataFrame, seed: int) -> pd.DataFrame:
    """`history`, or the rows of articles drawn from it, so that a fit takes no longer in a large country."""
    if len(history) <= LARGEST_FIT_ROWS:
        return history.reset_index(drop=True)
    codes, ids = pd.factorize(history["article_id"], sort=True)
    drawn = np.random.default_rng(seed).random(len(ids)) < LARGEST_FIT_ROWS / len(history)
    return history[drawn[codes]].reset_index(drop=True)
