"""What prices were worth in a week that is over, by a demand model: the week's own, or one that has seen what sold.

A price is valued as the plan values prices: asked in that week, at the stock that was there, and the best plan
afterwards. Both prices of a row are valued by one forecast, which is what makes their difference mean something.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from markdown_pricing.countries import Country
from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.horizons import by_horizon
from markdown_pricing.markdown.ladder import IntArray
from markdown_pricing.markdown.planning import worth_of_todays_price
from markdown_pricing.markdown.policy import LEVEL_POINTS
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.sales import expected_sales
from markdown_pricing.outcomes.states import FloatArray
from markdown_pricing.outcomes.totals import NINETEEN_IN_TWENTY

MOST_WEEKS_SEEN = 8
"""So many weeks of sales tell what an article's level was. Chosen on 2026-11-28: later ones tell of another season."""
LEAST_VARIANCE = 1e-4
"""A level that a model is surer of than this is not learnt from what sold."""
WIDER = 1.45
"""By so much the interval is wider than the level and the price response alone make it, because they are not all.

Chosen on 2026-11-28 on the markets of `bench/ledger.py` with seeds 2 to 21: at 1.15 the sum's interval held the truth
in 15 of the 20, and at 1.45 it would in 19."""


@dataclass(frozen=True)
class Then:
    """Some articles of a week that is over, as they were then.

    articles : checked training frame, sorted by article ; history : what was known before, likewise
    """

    week: date
    country: Country
    book: RuleBook
    articles: pd.DataFrame
    history: pd.DataFrame

    def part(self, rows: IntArray) -> "Then":
        return replace(self, articles=self.articles.iloc[rows].reset_index(drop=True))


@dataclass(frozen=True)
class Hindsight:
    """The cost of a price against another one, and its 90 % interval, (articles,) each, in local currency."""

    cost: FloatArray
    low: FloatArray
    high: FloatArray


def worth_of(then: Then, forecast: Forecast, prices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What it is worth to ask the prices in that week, (articles,), and the same by levels, (articles, levels).

    forecast : of the articles, from that week on ; prices : (articles,), any that are above 0
    """
    return _worth(then, forecast, prices, _asked(then, prices))


def _asked(then: Then, prices: FloatArray) -> Ladders:
    """The ladders of the articles when these prices are asked in that week."""
    asked = then.articles.assign(price=prices)
    return candidate_prices(asked, then.history, then.country, then.book, then.week)


def _worth(then: Then, forecast: Forecast, prices: FloatArray, ladders: Ladders) -> tuple[FloatArray, FloatArray]:
    """As `worth_of` has it; ladders : those of the prices, which other forecasts may have used, too."""
    labels = ladders.label_cost * (prices < then.articles["price"].to_numpy(dtype=np.float64))
    value, by_level = worth_of_todays_price(ladders, forecast)
    return value - labels, by_level - labels[:, np.newaxis]


def cost_of_prices(
    then: Then,
    forecast_of: Callable[[pd.DataFrame], Forecast],
    recommended: FloatArray,
    applied: FloatArray,
    seen: pd.DataFrame | None = None,
) -> Hindsight:
    """What the applied prices cost against the recommended ones, by a model.

    forecast_of : the model's forecast of some of the articles, from that week on
    seen        : rows of training data of that week and those after it, by which levels are learnt; none are without it
    """
    found = Hindsight(*(np.full(len(then.articles), np.nan) for _ in range(3)))
    if then.articles.empty:
        return found
    for rows in by_horizon(then.articles, then.week, then.country.code, then.book):
        part = then.part(rows)
        forecast = forecast_of(part.articles)
        if seen is not None:
            forecast = with_levels_seen(forecast, part.articles, then.week, seen)
        own = _cost(part, forecast, recommended[rows], applied[rows])
        for name in ("cost", "low", "high"):
            getattr(found, name)[rows] = getattr(own, name)
    return found


def _cost(then: Then, forecast: Forecast, recommended: FloatArray, applied: FloatArray) -> Hindsight:
    """The cost, and what the level and the price response leave unsure of it, as the stake has its range from them."""
    both = [(each, _asked(then, each)) for each in (recommended, applied)]
    (best, best_by_level), (own, own_by_level) = (_worth(then, forecast, *each) for each in both)
    cost, by_level = best - own, best_by_level - own_by_level
    level = np.abs(by_level[:, -1] - by_level[:, 0]) / (2 * LEVEL_POINTS[2]) if by_level.shape[1] > 1 else 0.0 * cost
    response = np.zeros(len(cost))
    if forecast.elasticity is not None:
        moved = _more_elastic(_at_middle_level(forecast), then.articles["price"].to_numpy(dtype=np.float64))
        (best_moved, _), (own_moved, _) = (_worth(then, moved, *each) for each in both)
        response = np.abs(best_moved - own_moved - by_level[:, by_level.shape[1] // 2])
    half = WIDER * NINETEEN_IN_TWENTY * np.hypot(level, response)
    return Hindsight(cost, cost - half, cost + half)


def _at_middle_level(forecast: Forecast) -> Forecast:
    """The forecast as if each level were known to be the middle one of LEVEL_POINTS: a third of the work of a plan."""
    level_sd = forecast.level_sd
    if level_sd is None:
        return forecast

    def units(prices: FloatArray, weeks: int) -> FloatArray:
        middle = 1 / np.exp(level_sd(weeks)[..., np.newaxis] * LEVEL_POINTS).mean(axis=-1)
        return np.asarray(forecast.units(prices, weeks) * middle[:, np.newaxis, :])

    return replace(forecast, units=units, level_sd=None)


def _more_elastic(forecast: Forecast, price: FloatArray) -> Forecast:
    """The forecast of customers who answer to prices by one standard error more; the same at the price that was."""
    assert forecast.elasticity is not None
    error = np.nan_to_num(forecast.elasticity[1])[:, np.newaxis]

    def units(prices: FloatArray, weeks: int) -> FloatArray:
        off = np.log(price)[:, np.newaxis] - np.log(prices)
        return np.asarray(forecast.units(prices, weeks) * np.exp(error * off)[:, :, np.newaxis])

    return replace(forecast, units=units)


def with_levels_seen(forecast: Forecast, articles: pd.DataFrame, week: date, seen: pd.DataFrame) -> Forecast:
    """The forecast, with each article's level as what sold from that week on tells it, and so much surer of it.

    A level is gamma distributed with the mean and the variance that the model gives it, and sales are Poisson, wider
    by the dispersion: then the level after them has a closed form (Gelman et al., Bayesian Data Analysis, ch. 2).
    """
    last = seen["week"].max()
    weeks = 0 if pd.isna(last) else min((last.date() - week).days // 7 + 1, MOST_WEEKS_SEEN)
    if weeks <= 0 or forecast.level_sd is None:
        return forecast
    price, stock, units = (_grid(seen, articles, week, weeks, name) for name in ("price", "stock", "units"))
    known = np.isfinite(price) & np.isfinite(units) & (stock > 0)
    asked = np.where(known, price, articles["price"].to_numpy(dtype=np.float64)[:, np.newaxis])
    mean, demand = forecast.along(asked)
    dispersion = np.repeat(demand.dispersion[:, np.newaxis], weeks, axis=1)
    expected = np.where(known, expected_sales(np.where(known, stock, 0.0), mean, dispersion), 0.0)
    sold = np.where(known, np.maximum(units, 0.0), 0.0).sum(axis=1)
    total = expected.sum(axis=1)
    wider = 1 + demand.dispersion * (expected**2).sum(axis=1) / np.maximum(total, 1e-9)
    assert demand.level_sd is not None
    prior = 1 / np.maximum(demand.level_sd[:, 0] ** 2, LEAST_VARIANCE)
    level = (prior + sold / wider) / (prior + total / wider)
    surer = np.sqrt(prior / (prior + sold / wider))
    return _at_level(forecast, level, surer)


def _at_level(forecast: Forecast, level: FloatArray, surer: FloatArray) -> Forecast:
    """The forecast with its units times `level`, and its level_sd times `surer`, (articles,) each."""
    level_sd = forecast.level_sd
    assert level_sd is not None
    return replace(
        forecast,
        units=lambda prices, weeks: forecast.units(prices, weeks) * level[:, np.newaxis, np.newaxis],
        level_sd=lambda weeks: level_sd(weeks) * surer[:, np.newaxis],
    )


def _grid(seen: pd.DataFrame, articles: pd.DataFrame, week: date, weeks: int, column: str) -> FloatArray:
    """The column in the weeks from that one on, (articles, weeks); NaN where an article has no row."""
    mondays = [pd.Timestamp(week + timedelta(weeks=ahead)) for ahead in range(weeks)]
    own = seen[seen["article_id"].isin(articles["article_id"])]
    by_week = own.pivot(index="article_id", columns="week", values=column).astype(np.float64)
    return np.asarray(by_week.reindex(index=articles["article_id"], columns=mondays), dtype=np.float64)
