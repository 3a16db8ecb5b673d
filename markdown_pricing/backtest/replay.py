"""Forecast real past weeks as they were, each from its own Monday on, at the prices that were asked."""

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd

from markdown_pricing.demand.calibration import ages, last_changes
from markdown_pricing.demand.model import DemandModel, make_model
from markdown_pricing.markdown.sales import demand_quantile
from markdown_pricing.pricing import SEED, CountryWeek

HORIZONS = (0, 1, 2, 3)
"""How many weeks ahead of the decision a forecast is; 0 is the week that is priced."""
NAIVE = "last week"
LEAST_WEEKS_BEFORE = 8
"""A model needs so many weeks of history before its first forecast. Chosen freely."""


def replay(sold: CountryWeek, model_name: str, weeks: int) -> Iterator[pd.DataFrame]:
    """The model's forecasts from each of the last `weeks` Mondays, fitted anew on what was known on each of them.

    Yields a frame per Monday with a row per article and week ahead. Weeks without a row, and weeks whose sales the
    stock limited, are left out. The columns are origin, ahead, week, article_id, price, step (the price as a share of
    that of the week before), cut (it is below 1), change (the last price change) and age as `demand.calibration` has
    them, actual, expected, naive (the units of the last known week), q10 and q90. Only weeks before `sold.week` are
    compared.
    """
    rows = sold.history.assign(change=last_changes(sold.history), age=ages(sold.history))
    for origin in origins(sold, weeks):
        history = sold.history[sold.history["week"] < pd.Timestamp(origin)].reset_index(drop=True)
        articles = sold.history[sold.history["week"] == pd.Timestamp(origin)].assign(units=np.nan)
        model = make_model(model_name)
        model.fit(history, origin, SEED)
        yield _forecasts(model, rows, history, articles.reset_index(drop=True), origin)


def origins(sold: CountryWeek, weeks: int) -> list[date]:
    """The Mondays to forecast from, oldest first: the last `weeks` that have enough history before them."""
    known = sorted({week.date() for week in sold.history["week"]})[LEAST_WEEKS_BEFORE:]
    return known[-weeks:]


def _forecasts(
    model: DemandModel, all_rows: pd.DataFrame, history: pd.DataFrame, articles: pd.DataFrame, origin: date
) -> pd.DataFrame:
    last = history.groupby("article_id")["units"].last()
    asked = np.column_stack([_at(all_rows, articles, origin, ahead, "price") for ahead in HORIZONS])
    # A week without a row gets today's price; it is not compared.
    asked = np.where(np.isnan(asked), articles[["price"]].to_numpy(dtype=np.float64), asked)
    expected, demand = model.among(articles).forecast(articles, history, origin).along(asked)
    frames = []
    for ahead in HORIZONS:
        mean, dispersion = expected[:, ahead], demand.dispersion_in(ahead)
        before = _at(all_rows, articles, origin, ahead - 1, "price")
        compared = pd.DataFrame(
            {
                "origin": origin,
                "ahead": ahead,
                "week": pd.Timestamp(origin + timedelta(weeks=ahead)),
                "article_id": articles["article_id"],
                "price": asked[:, ahead],
                "step": asked[:, ahead] / before,
                "cut": asked[:, ahead] < before - 1e-9,
                "change": _at(all_rows, articles, origin, ahead, "change"),
                "age": _at(all_rows, articles, origin, ahead, "age"),
                "actual": _at(all_rows, articles, origin, ahead, "units"),
                "expected": mean,
                "naive": articles["article_id"].map(last).fillna(0.0),
                "q10": demand_quantile(0.1, mean, dispersion).astype(np.float64),
                "q90": demand_quantile(0.9, mean, dispersion).astype(np.float64),
            }
        )
        whole = ~(_at(all_rows, articles, origin, ahead, "censored") > 0)
        frames.append(compared[whole & compared["actual"].notna()])
    return pd.concat(frames, ignore_index=True)


def _at(
    rows: pd.DataFrame, articles: pd.DataFrame, origin: date, ahead: int, column: str
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """`column` of each article `ahead` weeks after the origin, NaN where it has no row."""
    week = rows[rows["week"] == pd.Timestamp(origin + timedelta(weeks=ahead))].set_index("article_id")[column]
    return np.asarray(articles["article_id"].map(week.astype(np.float64)), dtype=np.float64)
