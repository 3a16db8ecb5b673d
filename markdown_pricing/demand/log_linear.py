"""Log-linear demand: the baseline, the proof of the contract, and the forecast from which gradient boosting starts.

demand = article's level and trend · age, season and shelf of its category · its response to price

An article's level, trend and elasticity begin at launch with a guess by its attributes. Each week they are corrected by
what the article sold compared with what the curve of its category expected.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, arrays_of
from markdown_pricing.demand.calendar import PRIORS, calendar_effect, calendar_terms
from markdown_pricing.demand.design import Design, DesignRows, dates_of
from markdown_pricing.demand.drawn import JUDGED_ROWS, thinned
from markdown_pricing.demand.level import Level, OwnEffects, Sales, choose_own_effects, follow_level
from markdown_pricing.demand.model import DemandModel, most_important
from markdown_pricing.demand.pooling import PooledFit, Prior, Search, SoldRows, fit_pooled
from markdown_pricing.demand.response import (
    LEAST_SLOPE,
    MOST_SLOPE,
    elasticities,
)
from markdown_pricing.demand.shared import CountryDemand, Quality, SharedDemand
from markdown_pricing.demand.state import State
from markdown_pricing.demand.terms import NOVELTY, PRICE, SHAPE, SHELF, TERMS, TO_A_CUT
from markdown_pricing.forecast import Forecast
from markdown_pricing.training_data.features import Age, Panel

ELASTICITY_BOUNDS = (0.3, 6.0)
"""A model whose elasticity in the middle article lies at one of these bounds is refused (`step_down.py`)."""
SHELF_BOUNDS, NOVELTY_BOUNDS = (0.0, 2.0), (-3.0, 0.0)
"""The coefficients of shelf and novelty are held within these: demand falls with the stock and with the price."""
LARGEST_FIT_ROWS = 150_000
"""When there are more rows, articles are drawn so that about so many are left. With them a model errs no more than with
300,000 (docs/adr/0014)."""
ARTICLES_TO_CHOOSE_BY = 400
"""How far articles deviate from their category is learnt from so many of them."""
FORGOTTEN_WEEKS = 8
"""A country passes nothing on about an article that has had no row for so many weeks."""
NO_GUESS_SD = 1.5
"""The standard deviation of an article's level, in logs, when no launch has shown what attributes say of it."""


@dataclass(frozen=True)
class Learnt:
    """What a fit has seen and found, for a model that builds on it.

    history, panel, rows : the frame, and the same as articles × weeks and as terms
    demand    : (rows,), units, where in sold-out weeks the demand that is expected there stands
    curve     : (rows,), log of demand relative to the article's level
    guess     : (articles,), log of the level by what was known at launch ; level : as it was known before each week
    log_level : (articles,), log of the level by the article's whole life ; gram, rhs, search : see PooledFit
    prior     : that of the coefficients, with what other countries know
    """

    history: pd.DataFrame
    panel: Panel
    rows: DesignRows
    demand: FloatArray
    curve: FloatArray
    guess: FloatArray
    level: Level
    log_level: FloatArray
    gram: FloatArray
    rhs: FloatArray
    search: Search
    prior: Prior

    def part(self, articles: IntArray) -> "Learnt":
        """What was learnt of these articles, (part,), alone, in the weeks of the whole; moments and prior stay."""
        panel, rows = self.panel.part(articles)
        return replace(
            self,
            history=self.history.iloc[rows].reset_index(drop=True),
            panel=panel,
            rows=self.rows.part(rows, articles),
            demand=self.demand[rows],
            curve=self.curve[rows],
            guess=self.guess[articles],
            level=self.level.part(articles),
            log_level=self.log_level[articles],
            search=self.search.part(articles),
        )


def _default_beta() -> FloatArray:
    return Design().prior.mean[None, :].copy()


@dataclass
class LogLinear(DemandModel):
    """The log-linear demand model of one country.

    Arrays by category end with the country's own row, which stands for categories that were never seen.

    beta          : (categories + 1, terms), the coefficients of the terms
    elasticity_sd : (categories + 1,), standard error of the elasticity at a cut of CUT_PCT
    calendar      : (calendar terms,), log effects of the weeks of the year and of holidays
    week          : (categories + 1, weeks), log effect of each past week from the week number `first_week` on
    guess         : (categories + 1, launch terms), coefficients of what is known at launch, for the log of the level
    dispersion    : (categories + 1,)
    own           : how far articles deviate from their category ; quality : what other countries know of an article
    planned       : what is planned for weeks to come, as `knowing` has it; it is not learnt and not kept
    """

    design: Design = field(default_factory=Design)
    beta: FloatArray = field(default_factory=_default_beta)
    elasticity_sd: FloatArray = field(default_factory=lambda: np.ones(1))
    calendar: FloatArray = field(default_factory=lambda: PRIORS[:, 0].copy())
    week: FloatArray = field(default_factory=lambda: np.zeros((1, 0)))
    first_week: int = 0
    guess: FloatArray = field(default_factory=lambda: np.zeros((1, Design().launch_terms)))
    dispersion: FloatArray = field(default_factory=lambda: np.ones(1))
    own: OwnEffects = field(default_factory=OwnEffects)
    quality: Quality = field(default_factory=Quality)
    planned: pd.DataFrame | None = field(default=None, repr=False)

    judged_rows: ClassVar[int | None] = JUDGED_ROWS

    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        self.learn(history, seed, shared)

    def learn(self, history: pd.DataFrame, seed: int, shared: SharedDemand | None = None) -> Learnt | None:
        """Fit the model and return what the fit has seen and found; None when there is nothing to learn from."""
        history = thinned(history, LARGEST_FIT_ROWS, seed)
        if shared is not None:
            self._learn_from_others(shared)
        if history.empty or not (history["units"] > 0).any():
            return None
        if shared is not None:  # an article's quality is relative to a guess, and only now there is one
            self.quality = shared.quality
        panel = Panel.of(history)
        self.design = Design.of(history)
        rows = DesignRows.of(history, panel, self.design)
        prior = self.design.prior if shared is None else shared.prior_of(self.design)
        every = np.ones(len(history), dtype=np.bool_)
        fit = self._fit_curve(panel, rows, every, prior, None if shared is None else shared.search)
        level_sd = self._learn_guess(panel, rows, fit)
        curve = self.curve(rows.terms, rows.category, rows.country, rows.week)
        sales, guess = self._sales(history, panel, rows, curve), self._guess(panel, rows)
        some = np.random.default_rng(seed).permutation(len(guess))[:ARTICLES_TO_CHOOSE_BY]
        self.own = choose_own_effects(sales.part(some), guess[some], replace(self.own, level_sd=level_sd))
        level = follow_level(sales, guess, self.own)
        return Learnt(
            history, panel, rows, fit.demand, curve, guess, level, fit.level, fit.gram, fit.rhs, fit.search, prior
        )

    def _fit_curve(
        self, panel: Panel, rows: DesignRows, use: BoolArray, prior: Prior, start: Search | None
    ) -> PooledFit:
        """Fit what articles have in common to the rows `use`, (rows,), and take it; the fit itself is returned."""
        weeks = int(panel.column[use].max()) + 1
        sold = SoldRows(
            units=rows.units[use],
            censored=rows.censored[use],
            in_stock=rows.stock[use] > 0,
            x=rows.terms[use],
            article=np.unique(panel.row[use], return_inverse=True)[1],
            category=rows.category[use],
            week=panel.column[use],
        )
        calendar = calendar_terms(rows.country, panel.first_week + np.arange(weeks))
        fit = fit_pooled(sold, calendar, prior, start, len(self.design.categories))
        self.beta = np.vstack([fit.by_category, fit.country])
        self._bound()
        response = slice(len(TO_A_CUT))
        variance = np.einsum("i,cij,j->c", TO_A_CUT, fit.covariance[:, response, response], TO_A_CUT)
        self.elasticity_sd = np.append(np.sqrt(np.maximum(variance, 0.0)), self._unknown_elasticity_sd())
        self.calendar = fit.calendar
        self.week, self.first_week = np.vstack([fit.week, np.zeros_like(fit.week[:1])]), panel.first_week
        self.dispersion = np.append(fit.dispersion, fit.dispersion.mean())
        return fit

    def as_of(self, learnt: Learnt, column: int) -> Self:
        """The model as the weeks in columns of the panel before `column` alone would have made it.

        What was learnt of attributes at launch and the scales of articles stay, because single weeks hardly move them.
        """
        use = learnt.panel.column < column
        start = learnt.search.part(np.unique(learnt.panel.row[use]), column)
        earlier = replace(self)
        earlier._fit_curve(learnt.panel, learnt.rows, use, learnt.prior, start)
        return earlier

    def _unknown_elasticity_sd(self) -> float:
        """The standard deviation of the elasticity of a category that was never seen, around its country's."""
        return float(np.linalg.norm(TO_A_CUT * self.design.prior.category_sd[: len(TO_A_CUT)]))

    def _bound(self) -> None:
        """Hold the coefficients so that demand falls with stock and price; a piece's deviation takes the correction."""
        self.beta[:, SHELF] = np.clip(self.beta[:, SHELF], *SHELF_BOUNDS)
        self.beta[:, NOVELTY] = np.clip(self.beta[:, NOVELTY], *NOVELTY_BOUNDS)
        slopes = elasticities(self.beta[:, PRICE], self.beta[:, SHAPE])
        self.beta[:, SHAPE][:, 1:] += np.clip(slopes, LEAST_SLOPE, MOST_SLOPE) - slopes

    def _learn_from_others(self, shared: SharedDemand) -> None:
        """Take what the countries share, for all on which the country's own sales say nothing."""
        self.own = replace(shared.own, level_sd=NO_GUESS_SD)
        self.design = Design(list(shared.categories))
        mean = np.broadcast_to(shared.prior_of(self.design).mean, (len(shared.categories), len(self.design.term_names)))
        self.beta = np.vstack([mean, mean.mean(axis=0) if len(mean) else Design().prior.mean])
        self._bound()
        count = len(self.beta)
        self.elasticity_sd = np.tile(self._unknown_elasticity_sd(), count)
        self.guess = np.tile(self.guess[-1], (count, 1))
        self.dispersion = np.tile(self.dispersion[-1], count)
        self.week = np.zeros((count, 0))

    def _learn_guess(self, panel: Panel, rows: DesignRows, fit: PooledFit) -> float:
        """Fit a ridge regression of articles' levels on what was known at launch, with an intercept per category.

        returns the standard deviation of what it leaves unexplained, in logs
        """
        x, category = rows.launch, panel.first(rows.category)
        count = len(self.design.categories)
        # The variance of a level is about 1/information; 0.3 stands for what attributes cannot tell.
        weight = 1.0 / (0.3 + 1.0 / np.maximum(fit.information, 1e-6))
        design = np.hstack([x, np.eye(count)[category]])
        ridge = np.diag([1e-6, *[1.0] * (design.shape[1] - 1)])
        coefficients = np.linalg.solve(design.T @ (design * weight[:, None]) + ridge, design.T @ (weight * fit.level))
        common, own = coefficients[: x.shape[1]], coefficients[x.shape[1] :]
        self.guess = np.tile(common, (count + 1, 1))
        self.guess[:count, 0] += own
        error = fit.level - design @ coefficients
        variance = float(np.average(error**2 - 1.0 / (fit.information + 1.0), weights=weight))
        return float(np.sqrt(np.clip(variance, 0.05, 2.0)))

    def curve(self, terms: FloatArray, category: IntArray, country: str, week: IntArray) -> FloatArray:
        """The log of demand relative to the article's level, (…), without the luck of past weeks.

        terms : (…, terms) ; category : (…), codes ; week : (…), week numbers
        """
        category_curve: FloatArray = (terms * self.beta[category]).sum(axis=-1)
        return category_curve + calendar_effect(self.calendar, country, week)

    def luck(self, category: IntArray, week: IntArray) -> FloatArray:
        """The log effect of each row's own week beyond the calendar's, (rows,); 0 for weeks that were not fitted."""
        column = week - self.first_week
        seen = (column >= 0) & (column < self.week.shape[1])
        padded = np.append(self.week, np.zeros((len(self.week), 1)), axis=1)
        effect: FloatArray = padded[category, np.where(seen, column, -1)]
        return effect

    def _sales(self, frame: pd.DataFrame, panel: Panel, rows: DesignRows, curve: FloatArray) -> Sales:
        week, launch, end = dates_of(frame)
        return Sales(
            units=panel.grid(rows.units),
            stock=panel.grid(rows.stock),
            censored=panel.grid(rows.censored),
            curve=panel.grid(curve + self.luck(rows.category, week)),
            life_share=panel.grid(Age.of(week, launch, end).life_share),
            price=panel.grid(rows.terms[:, PRICE]),
            dispersion=self.dispersion[panel.first(rows.category)],
        )

    def _guess(self, panel: Panel, rows: DesignRows) -> FloatArray:
        """The log of each article's level by what was known at its launch, (articles,)."""
        guess: FloatArray = np.clip((rows.launch * self.guess[panel.first(rows.category)]).sum(axis=1), -6.0, 12.0)
        return guess

    def state(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> State:
        """What is known of `articles` on the Monday of `week`; there must be at least one article."""
        past = history[history["article_id"].isin(articles["article_id"])]
        asked = articles.assign(units=np.nan)
        frame = (pd.concat([past, asked]) if len(past) else asked).reset_index(drop=True)
        panel = Panel.of(frame)
        rows = DesignRows.of(frame, panel, self.design)
        curve = self.curve(rows.terms, rows.category, rows.country, rows.week)
        level = self.levels(frame, panel, rows, curve)
        now = np.arange(len(frame) - len(articles), len(frame))
        return State(self, articles, week, frame, panel, rows, curve, level, now)

    def levels(self, frame: pd.DataFrame, panel: Panel, rows: DesignRows, curve: FloatArray) -> Level:
        """Each article's level before each week; it begins with what attributes and other countries say of it."""
        seen_abroad, precision = self.quality.look_up(panel.article_ids)
        alone = self.own.level_sd**-2.0
        guess = self._guess(panel, rows) + seen_abroad * precision / (alone + precision)
        return follow_level(self._sales(frame, panel, rows, curve), guess, self.own, (alone + precision) ** -0.5)

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        if articles.empty:
            return Forecast.for_no_articles(type(self).__name__)
        state = self.state(articles, history, week)
        return state.forecast(type(self).__name__, state.ahead)

    def knowing(self, planned: pd.DataFrame | None) -> Self:
        return replace(self, planned=planned)

    def importance(self) -> dict[str, float]:
        return most_important(dict(zip(self.design.term_names, np.abs(self.beta).mean(axis=0).tolist(), strict=True)))

    def to_bytes(self) -> bytes:
        return json.dumps(self.to_dict()).encode()

    def to_dict(self) -> dict[str, Any]:
        parts = {"design": self.design.to_dict(), "own": asdict(self.own), "quality": self.quality.to_dict()}
        arrays = {name: array.tolist() for name, array in arrays_of(self).items()}
        return {**parts, "first_week": self.first_week, **arrays}

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        return cls.from_dict(json.loads(data))

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        return cls(
            design=Design.from_dict(saved["design"]),
            beta=np.array(saved["beta"]),
            elasticity_sd=np.array(saved["elasticity_sd"]),
            calendar=np.array(saved["calendar"]),
            week=np.array(saved["week"]),
            first_week=saved["first_week"],
            guess=np.array(saved["guess"]),
            dispersion=np.array(saved["dispersion"]),
            own=OwnEffects(**saved["own"]),
            quality=Quality.from_dict(saved["quality"]),
        )


def learn_country(history: pd.DataFrame, seed: int) -> CountryDemand:
    """What a country's sales say by themselves, without any prior; it has no categories when nothing was sold."""
    model = LogLinear()
    learnt = model.learn(history, seed)
    if learnt is None:
        empty = np.zeros((0, len(TERMS), len(TERMS)))
        return CountryDemand((), empty, empty[..., 0], OwnEffects(), Quality())
    terms = slice(len(TERMS))
    articles = np.arange(len(learnt.guess))
    effects, covariance = learnt.level.before((articles, np.full(len(articles), learnt.panel.weeks)))
    mean, variance = effects[:, 0], covariance[:, 0]
    prior = 1.0 / model.own.level_sd**2
    # The posterior without the prior is what the sales alone say.
    precision = np.maximum(1.0 / variance - prior, 0.0)
    guess = learnt.guess
    alone = np.where(precision > 0, (mean - guess) / (variance * np.maximum(precision, 1e-9)), 0.0)
    last = learnt.panel.last(learnt.panel.column)
    use = (precision > 0) & (last >= learnt.panel.weeks - FORGOTTEN_WEEKS)
    ids = tuple(str(article) for article in learnt.panel.article_ids[use])
    return CountryDemand(
        tuple(model.design.categories),
        learnt.gram[:, terms, terms],
        learnt.rhs[:, terms],
        model.own,
        Quality(ids, alone[use], precision[use]),
        learnt.search,
    )
