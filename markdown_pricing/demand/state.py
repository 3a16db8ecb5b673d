"""What the log-linear model knows of articles on the day of a decision, and the forecasts that it makes from this."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.design import DesignRows, dates_of
from markdown_pricing.demand.level import Level
from markdown_pricing.demand.planned import PlannedValues
from markdown_pricing.demand.response import (
    LEAST_SLOPE,
    MOST_SLOPE,
    REFERENCE_MEMORY,
    TYPICAL_CUT,
    elasticities,
    novelty_of,
    pieces_of,
)
from markdown_pricing.demand.terms import NOVELTY, PRICE, SHAPE, SHELF, shelf, terms_of
from markdown_pricing.forecast import SHELF_SHARES, Forecast
from markdown_pricing.training_data.features import Age, Panel, week_of

if TYPE_CHECKING:
    from markdown_pricing.demand.log_linear import LogLinear

LARGEST_UPLIFT = 0.5
"""No more than this is added to the log of a median for an unsure level."""
CURVE_VARIANCE, CURVE_VARIANCE_A_WEEK = 0.05, 0.008
"""The variance, in logs, of what the curve misses in the coming week, and how much more it misses each week further
ahead: weather, holidays, next year's season. Chosen on the twin's seeds 0 to 127 on 2026-11-29 (docs/adr/0031)."""


def level_above_median(variance: FloatArray) -> FloatArray:
    """How far the mean of demand lies above its median for an unsure level, in logs, in the shape of `variance`.

    The mean of a log-normal is the exponential of the mean log and half the variance.
    """
    above: FloatArray = np.minimum(variance / 2.0, LARGEST_UPLIFT)
    return above


def above_median(variance: FloatArray, ahead: IntArray) -> FloatArray:
    """The same for an unsure level and for what the curve misses.

    variance : of the level, in logs ; ahead : how many weeks ahead, of a shape that broadcasts to that of `variance`
    """
    return level_above_median(variance) + (CURVE_VARIANCE + CURVE_VARIANCE_A_WEEK * ahead) / 2.0


@dataclass(frozen=True)
class State:
    """What a forecast from `week` on is made from.

    frame        : the past rows of the articles, and then `articles` themselves
    panel, rows  : the frame laid out as articles × weeks, and as the model's terms
    curve        : (rows,), log of demand relative to the article's level
    level        : each article's own effects before each week
    now          : (articles,), the row numbers in `frame` of `articles`, in their order
    """

    model: "LogLinear"
    articles: pd.DataFrame
    week: date
    frame: pd.DataFrame
    panel: Panel
    rows: DesignRows
    curve: FloatArray
    level: Level
    now: IntArray

    @property
    def cell(self) -> tuple[IntArray, IntArray]:
        """The rows and columns of the panel in which the articles to price stand, (articles,) each."""
        return self.panel.row[self.now], self.panel.column[self.now]

    def forecast(self, model: str, log_mean: Callable[[int], FloatArray]) -> Forecast:
        """The forecast that the model named `model` makes.

        log_mean : gives for a number of weeks the log of mean demand at the first price, (articles, weeks), as `ahead`;
            it is asked once for each number, however often prices are asked for
        """
        known = cache(log_mean)
        return Forecast(
            model,
            units=lambda prices, weeks: self.at_prices(known(weeks), prices),
            dispersion=self.model.dispersion[self.model.design.category_of(self.articles)],
            shelf=self._shelf(),
            level_sd=cache(self._level_sd),
            elasticity=self._elasticity(),
        )

    def ahead(self, weeks: int) -> FloatArray:
        """Log of mean demand at the first price and on shelves as full as today's, (articles, weeks).

        Numeric attributes, such as an advert, are known for the first week, and for a later one where something is
        planned for it; elsewhere they count as average.
        """
        _, launch, end = (numbers[:, None] for numbers in dates_of(self.articles))
        rows, now = self.rows, self.now
        target = np.broadcast_to(week_of(self.week) + np.arange(weeks), (len(now), weeks))
        attributes = np.zeros((*target.shape, len(self.model.design.scale)))
        attributes[:, 0] = rows.terms[now, self.model.design.attribute_terms]
        attributes = self.planned(weeks).scaled(attributes, self.model.design)
        on_shelf = rows.terms[now, SHELF]
        on_shelf = np.broadcast_to(on_shelf[:, None], (*target.shape, on_shelf.shape[1]))
        nothing = np.zeros(target.shape)
        terms = terms_of(nothing, nothing, on_shelf, target, launch, end, attributes)
        curve = self.model.curve(terms, rows.category[now][:, None], rows.country, target)
        level, variance = self._deviation(weeks, np.zeros((len(now), 1)))
        ahead: FloatArray = curve + level + above_median(variance, np.arange(weeks))
        return ahead

    def planned(self, weeks: int) -> PlannedValues:
        """What is planned for the articles in the first `weeks` weeks."""
        return PlannedValues.of(self.model.planned, self.articles, self.week, weeks, self.model.design)

    def _deviation(self, weeks: int, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of each article's own effects in the weeks to come, both (articles, weeks), in logs."""
        return self.level.at(self.cell, self._life_share(weeks), price, np.arange(weeks))

    def _life_share(self, weeks: int) -> FloatArray:
        """The share of its life that each article has lived in the weeks to come, (articles, weeks)."""
        _, launch, end = (numbers[:, None] for numbers in dates_of(self.articles))
        return Age.of(week_of(self.week) + np.arange(weeks), launch, end).life_share

    def at_prices(self, logs: FloatArray, prices: FloatArray) -> FloatArray:
        """Mean demand at the prices, (articles, rungs, weeks). It falls with the price by construction.

        logs   : (articles, weeks), log of mean demand at the first price
        prices : (articles, rungs)
        Customers get used to each price as if it were asked from now on.
        """
        now = self.now
        ratio = np.log(np.maximum(prices, 1e-9)) - np.log(self.rows.first_price[now])[:, None]
        response = (pieces_of(ratio) * self._elasticities()[:, None]).sum(axis=-1)
        used_to = np.log(np.exp(self.rows.terms[now, PRICE]) - self.rows.terms[now, NOVELTY])
        fades = REFERENCE_MEMORY ** np.arange(logs.shape[1])
        strength = self.model.beta[self.rows.category[now], NOVELTY][:, None, None]
        novelty = strength * novelty_of(ratio, used_to[:, None])[:, :, None] * fades
        log_mean = logs[:, None, :] + response[:, :, None] + novelty + self._uplift(ratio, logs.shape[1])
        units: FloatArray = np.exp(np.clip(log_mean, -20.0, 16.0))
        return units

    def _uplift(self, ratio: FloatArray, weeks: int) -> FloatArray:
        """How much further the mean lies above the median than at the first price, in logs, (articles, rungs, weeks).

        ratio : (articles, rungs), log of price / first price
        How an article answers prices is least known far from those that it has had. Demand still falls with the price:
        what the covariance of level and response takes away is held below the least elasticity.
        """
        _, covariance = self.level.before(self.cell)
        slope = np.minimum(covariance[:, 2:3] + covariance[:, 4:5] * self._life_share(weeks), LEAST_SLOPE)
        lower = np.minimum(ratio, 0.0)[:, :, None]
        more = 2.0 * ratio[:, :, None] * slope[:, None, :] + lower**2 * covariance[:, 5, None, None]
        first = self._deviation(weeks, np.zeros((len(ratio), 1)))[1][:, None, :]
        return level_above_median(first + more) - level_above_median(first)

    def _elasticities(self) -> FloatArray:
        """Each article's own elasticity on each piece of the response, (articles, PIECES)."""
        beta, (effects, _) = self.model.beta[self.rows.category[self.now]], self.level.before(self.cell)
        slopes: FloatArray = elasticities(beta[:, PRICE] + effects[:, 2], beta[:, SHAPE])
        return np.clip(slopes, LEAST_SLOPE, MOST_SLOPE)

    def _elasticity(self) -> tuple[FloatArray, FloatArray]:
        """The elasticity at a cut of CUT_PCT of today's price and its standard error, both (articles,)."""
        price = self.rows.terms[self.now, PRICE]
        cut = pieces_of(price - TYPICAL_CUT) - pieces_of(price)
        elasticity = (cut * self._elasticities()).sum(axis=-1) / TYPICAL_CUT
        _, covariance = self.level.before(self.cell)
        return elasticity, np.sqrt(covariance[:, 5] + self.model.elasticity_sd[self.rows.category[self.now]] ** 2)

    def _shelf(self) -> FloatArray:
        """Demand at SHELF_SHARES of the stock, relative to that at the whole stock, (articles, 33)."""
        stores, now = self.rows.first_stores[self.now][:, None], self.rows.terms[self.now, SHELF][:, None]
        left = shelf(self.rows.stock[self.now][:, None] * SHELF_SHARES, stores)
        strength = self.model.beta[self.rows.category[self.now], SHELF]
        relative: FloatArray = np.exp((np.minimum(left - now, 0.0) * strength[:, None]).sum(axis=-1))
        return relative

    def _level_sd(self, weeks: int) -> FloatArray:
        price = self.rows.terms[self.now, PRICE][:, None]
        sd: FloatArray = np.sqrt(self._deviation(weeks, price)[1])
        return sd
