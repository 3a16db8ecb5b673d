"""Small seasons in the form of checked training data; a test names only what matters to it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from markdown_pricing.columns import Recommendations
from markdown_pricing.countries import CENT_ENDINGS, Country
from markdown_pricing.forecast import Demand, Forecast
from markdown_pricing.installation.files import read_reason_codes
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.planning import Plan, plan
from markdown_pricing.markdown.recommendation import MadeBy, recommend
from markdown_pricing.markdown.rules import RuleBook, Rules

WEEK = date(2026, 2, 9)
DEU = Country("DEU", price_endings=CENT_ENDINGS)
RULES = Rules()
CODES = read_reason_codes()
PREDICTED_AT = datetime(2026, 2, 9, 8, tzinfo=UTC)
MADE_BY = MadeBy("A", "test", "run", PREDICTED_AT)


def monday(ahead: int) -> date:
    """The Monday `ahead` weeks after the snapshot's; below 0 for the past."""
    return WEEK + timedelta(weeks=ahead)


def article(
    prices: Mapping[int, float] | float = 49.99,
    *,
    list_price: float = 49.99,
    launch: int = -8,
    weeks_left: int = 8,
    stock: int = 100,
    salvage: float = 5.0,
    category: str | None = "coats",
    stores: int = 10,
    stock_to_come: int = 0,
) -> dict[str, Any]:
    """One article; `prices` by week ahead (0: the snapshot, below 0: history), or one price for now and last week."""
    by_week = prices if isinstance(prices, Mapping) else {-1: prices, 0: prices}
    return {
        "prices": by_week,
        "list_price": list_price,
        "launch": launch,
        "weeks_left": weeks_left,
        "stock": stock,
        "salvage": salvage,
        "category": category,
        "stores": stores,
        "stock_to_come": stock_to_come,
    }


def frames(articles: Sequence[Mapping[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The snapshot's rows and the history of these articles."""
    rows = [
        {
            "article_id": f"{index:04d}",
            "week": pd.Timestamp(monday(ahead)),
            "category": own["category"],
            "season": "winter",
            "launch_week": pd.Timestamp(monday(own["launch"])),
            "end_week": pd.Timestamp(monday(own["weeks_left"] - 1)),
            "list_price": own["list_price"],
            "price": price,
            "units": np.nan if ahead == 0 else 3.0,
            "stock": own["stock"],
            "stores": own["stores"],
            "salvage_price": own["salvage"],
            "censored": False,
        }
        for index, own in enumerate(articles)
        for ahead, price in sorted(own["prices"].items())
    ]
    frame = pd.DataFrame(rows)
    now = frame["week"] == pd.Timestamp(WEEK)
    if any(own["stock_to_come"] for own in articles):
        to_come = [own["stock_to_come"] for own in articles for _ in own["prices"]]
        frame["stock_to_come"] = np.where(now, to_come, 0)
    return frame[now].reset_index(drop=True), frame[~now].reset_index(drop=True)


def ladders_of(*articles: Mapping[str, Any], rules: Rules = RULES, country: Country = DEU) -> Ladders:
    return candidate_prices(*frames(articles), country, RuleBook(rules), WEEK)


def prices_of(ladders: Ladders, rungs: np.ndarray, row: int = 0) -> list[float]:
    return [float(price) for price in ladders.prices[row, rungs[row]]]


def demand(ladders: Ladders, weekly: float | np.ndarray = 10.0, elasticity: float = 2.0) -> np.ndarray:
    """Mean units of constant elasticity: `weekly` at the current price, the same every week."""
    ratio = ladders.prices / ladders.prices[:, :1]
    base = np.broadcast_to(np.asarray(weekly, dtype=float), ladders.rungs.shape)
    return np.repeat((base[:, np.newaxis] * ratio**-elasticity)[:, :, np.newaxis], ladders.weeks, axis=2)


def foreseen(
    units: np.ndarray,
    dispersion: np.ndarray,
    shelf: np.ndarray | None = None,
    level_sd: np.ndarray | None = None,
) -> Forecast:
    """A forecast that answers with these arrays."""
    return Forecast.fixed("test", Demand(units, dispersion, shelf, level_sd))


def plan_of(
    *articles: Mapping[str, Any],
    rules: Rules = RULES,
    weekly: float = 10.0,
    elasticity: float = 2.0,
    dispersion: float = 0.2,
) -> tuple[Ladders, Plan]:
    ladders = ladders_of(*articles, rules=rules)
    return ladders, plan(ladders, foreseen(demand(ladders, weekly, elasticity), np.full(len(articles), dispersion)))


def recommend_for(
    *articles: Mapping[str, Any],
    rules: Rules = RULES,
    weekly: float = 10.0,
    elasticity: float = 2.0,
    dispersion: float = 0.2,
    units: np.ndarray | None = None,
    country: Country = DEU,
    last_rows: pd.DataFrame | None = None,
) -> Recommendations:
    snapshot, history = frames(articles)
    assortment = Assortment(WEEK, country, snapshot, history, RuleBook(rules), CODES)
    ladders = candidate_prices(snapshot, history, country, assortment.book, WEEK)
    expected = demand(ladders, weekly, elasticity) if units is None else units
    return recommend(assortment, ladders, foreseen(expected, np.full(len(articles), dispersion)), MADE_BY, last_rows)
