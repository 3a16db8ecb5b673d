"""What the weeks before say of an article: units sold, and the lowest price that was asked."""

from datetime import date
from typing import Any

import pandas as pd

from markdown_pricing.arrays import FloatArray

THIRTY_DAYS = 5
"""So many weeks before the snapshot's hold its last thirty days, for which the lowest price is given."""
MONTH = 4


def recent_weeks(articles: pd.DataFrame, history: pd.DataFrame, week: date) -> dict[str, FloatArray]:
    """units_last_week, units_4_weeks and lowest_price_30_days of each article, (articles,); NaN without such weeks."""
    ago = (pd.Timestamp(week) - history["week"]).dt.days // 7

    def by_article(figures: "pd.Series[float]") -> FloatArray:
        values: FloatArray = articles["article_id"].map(figures).to_numpy(dtype="float64")
        return values

    def since(weeks: int) -> Any:
        return history[ago <= weeks].groupby("article_id", observed=True)

    return {
        "units_last_week": by_article(since(1)["units"].sum(min_count=1)),
        "units_4_weeks": by_article(since(MONTH)["units"].sum(min_count=1)),
        "lowest_price_30_days": by_article(since(THIRTY_DAYS)["price"].min()),
    }
