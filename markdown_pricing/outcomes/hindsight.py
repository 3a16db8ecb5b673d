"""What prices were worth in a week that is over, by a demand model: the week's own, or one that has seen what sold.

A price is valued as the plan values prices: asked in that week, at the stock that was there, and the best plan
afterwards. Both prices of a row are valued by one forecast, which is what makes their difference mean something.

With hindsight the plans stay those that were made in that week. Only what they bring is told by what sold since.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.countries import Country
from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.horizons import by_horizon
from markdown_pricing.markdown.kept_price import KeptPrice, keep_todays_price, worth_by_level, worth_of_todays_price
from markdown_pricing.markdown.policy import LEVEL_POINTS
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.sales import expected_sales
from markdown_pricing.outcomes.totals import NINETEEN_IN_TWENTY

ForecastOf = Callable[[pd.DataFrame], Forecast]
"""A model's forecast of some of the articles of a week that is over, from that week on."""
MOST_WEEKS_SEEN = 8
"""So many weeks of sales tell what an article's level was. Chosen on 2026-11-28: later ones tell of another season."""
SETTLED_WEEKS = 6
"""So many weeks after a week was sold its costs with hindsight are found for good. Chosen on 2026-11-28 on the markets
of `bench/ledger.py` with seeds 0 to 9 (docs/outcomes.md): with later models the sums come nearer to the truth until
then, and hardly after."""
LEAST_VARIANCE = 1e-4
"""A level that a model is surer of than this is not learnt from what sold."""
WIDER = 1.1
"""By so much the interval is wider than the level and the price response make it.

Chosen on 2026-11-28 on the markets of `bench/ledger.py` with seeds 0 to 9: the sums missed the truth by 0.99 of their
deviation (root mean square), and ten markets leave that unsure by as much as Student's t is wider than the normal."""


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


@dataclass(frozen=True)
class Planned:
    """A price for each article, asked in the week that is over, and the plan after it that was made then.

    ladders : of the articles when these prices are asked
    """

    ladders: Ladders
    kept: KeptPrice

    @classmethod
    def then(cls, then: Then, forecast: Forecast, prices: FloatArray) -> Self:
        """The plan by the forecast of the week itself; prices : (articles,), any that are above 0."""
        ladders = _asked(then, prices)
        return cls(ladders, keep_todays_price(ladders, forecast))

    def worth(self, forecast: Forecast) -> FloatArray:
        """What the same plan brings by a forecast, (articles, levels), without the labels of the price itself."""
        return worth_by_level(self.ladders, self.kept, forecast)


def _asked(then: Then, prices: FloatArray) -> Ladders:
    """The ladders of the articles when these prices are asked in that week."""
    asked = then.articles.assign(price=prices)
    return candidate_prices(asked, then.history, then.country, then.book, then.week)


def worth_then(then: Then, forecast: Forecast, prices: FloatArray) -> FloatArray:
    """What it is worth to ask the prices in that week, (articles,), in local currency.

    forecast : of the articles, from that week on ; prices : (articles,), any that are above 0
    """
    ladders = _asked(then, prices)
    labels = ladders.label_cost * (prices < then.articles["price"].to_numpy(dtype=np.float64))
    worth: FloatArray = worth_of_todays_price(ladders, forecast) - labels
    return worth


def cost_of_prices(then: Then, forecast_of: ForecastOf, recommended: FloatArray, applied: FloatArray) -> FloatArray:
    """What the applied prices cost against the recommended ones by the model of the week itself, (articles,)."""
    cost = np.full(len(then.articles), np.nan)
    for rows in _by_horizon(then):
        part = then.part(rows)
        forecast = forecast_of(part.articles)
        cost[rows] = worth_then(part, forecast, recommended[rows]) - worth_then(part, forecast, applied[rows])
    return cost


def cost_in_hindsight(
    then: Then,
    forecast_of: ForecastOf,
    newest_of: ForecastOf,
    recommended: FloatArray,
    applied: FloatArray,
    ex_ante: FloatArray,
    seen: pd.DataFrame,
) -> Hindsight:
    """What the applied prices cost, by what was planned in the week and by what is known now of the demand.

    forecast_of, newest_of : by the week's own model, and by one that has seen what sold since; both from that week on
    ex_ante : (articles,), the cost by the menu of the week ; seen : rows of training data of that week and those after
        it, by which levels are learnt

    cost = ex_ante + W'(recommended) - W'(applied) - [W(recommended) - W(applied)]

    W is what a price and the best plan after it bring along the mean stock by the week's own model, and W' what that
    same plan brings by the newest one. The plans stay those of then. To plan anew with what is known now would value
    what a planner recommends who waits a week and then knows what nobody knew for many; docs/outcomes.md has how far
    that leads. In the performance-difference lemma (Kakade and Langford 2002) values are those of the policy that is
    judged.
    """
    found = Hindsight(*(np.full(len(then.articles), np.nan) for _ in range(3)))
    for rows in _by_horizon(then):
        part = then.part(rows)
        own_forecast = forecast_of(part.articles)
        newest = with_levels_seen(newest_of(part.articles), part.articles, then.week, seen)
        best, own = (Planned.then(part, own_forecast, prices[rows]) for prices in (recommended, applied))
        by_part = _revised(part, ex_ante[rows], best, own, own_forecast, newest)
        found.cost[rows], found.low[rows], found.high[rows] = by_part.cost, by_part.low, by_part.high
    return found


def _by_horizon(then: Then) -> Iterable[IntArray]:
    return by_horizon(then.articles, then.week, then.country.code, then.book) if len(then.articles) else ()


def _revised(
    then: Then, ex_ante: FloatArray, best: Planned, own: Planned, forecast: Forecast, newest: Forecast
) -> Hindsight:
    """The cost, and what the level and the price response leave unsure of it, as the stake has its range from them."""
    before, after = (best.worth(known) - own.worth(known) for known in (forecast, newest))
    cost = ex_ante + after.mean(axis=1) - before.mean(axis=1)
    level = np.abs(after[:, -1] - after[:, 0]) / (2 * LEVEL_POINTS[2]) if after.shape[1] > 1 else 0.0 * cost
    response = np.zeros(len(cost))
    if newest.elasticity is not None:
        moved = _more_elastic(newest, then.articles["price"].to_numpy(dtype=np.float64))
        response = np.abs((best.worth(moved) - own.worth(moved) - after).mean(axis=1))
    half = WIDER * NINETEEN_IN_TWENTY * np.hypot(level, response)
    return Hindsight(cost, cost - half, cost + half)


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
