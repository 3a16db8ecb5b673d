"""What articles have brought by the end of their season, against what their stock would bring at its list price.

That ratio can be compared between countries, categories and years, and it counts all that a price does: what is sold
later, what is left over and what that brings.
"""

from datetime import date

import numpy as np
import pandas as pd

LIST_VALUE, REVENUE = "list_value", "revenue"


def article_results(history: pd.DataFrame, week: date) -> pd.DataFrame:
    """A row for each article of the history: article_id, category, season, launch_week, end_week, ended, and money.

    history : rows of training data of one country, of weeks before `week`
    ended   : whether its last selling week is before `week`
    list_value : all its units that the rows show, times its list price, in local currency
    revenue : units times price, what was left at the end times the salvage price included; what went between two rows
        that lack weeks between them counts as sold at the earlier row's price

    >>> week = pd.to_datetime(["2026-02-02", "2026-02-09"])
    >>> rows = pd.DataFrame({
    ...     "article_id": "1", "category": "shoes", "season": "SS26", "week": week, "launch_week": week[0],
    ...     "end_week": week[1], "list_price": 50.0, "price": [50.0, 35.0], "units": [4, 5], "stock": [10, 6],
    ...     "salvage_price": 8.0})
    >>> article_results(rows, date(2026, 2, 16))[["list_value", "revenue", "ended"]].values.tolist()
    [[500.0, 383.0, True]]
    """
    rows = history.sort_values(["article_id", "week"], kind="stable")
    by_article = rows.groupby("article_id", sort=False)
    units, price = rows["units"].fillna(0.0).astype(float), rows["price"].astype(float)
    left = rows["stock"].astype(float) - units
    step = by_article["stock"].shift(-1).astype(float) - left
    skipped = (by_article["week"].shift(-1) - rows["week"]).dt.days > 7
    rows = rows.assign(
        delivered=step.clip(lower=0.0).fillna(0.0),
        revenue=units * price + (-step).clip(lower=0.0).where(skipped, 0.0).fillna(0.0) * price,
        left=left.clip(lower=0.0),
    )
    kept = ["category", "season", "launch_week", "end_week", "list_price", "salvage_price", "left"]
    articles = rows.groupby("article_id", sort=True).agg(
        **{name: (name, "last") for name in kept},
        first_stock=("stock", "first"),
        first_week=("week", "first"),
        delivered=("delivered", "sum"),
        revenue=("revenue", "sum"),
    )
    ended = articles["end_week"] < pd.Timestamp(week)
    return pd.DataFrame(
        {
            **{name: articles[name] for name in ("category", "season", "launch_week", "end_week", "first_week")},
            "ended": ended,
            LIST_VALUE: (articles["first_stock"] + articles["delivered"]) * articles["list_price"],
            REVENUE: articles["revenue"] + ended * articles["left"] * articles["salvage_price"],
        }
    ).reset_index()


def by_category(results: pd.DataFrame, eur_per_unit: float = 1.0) -> pd.DataFrame:
    """The sums by category, in euros: articles, list_value and revenue, of articles whose category is known.

    results : rows of `article_results` that are to be counted ; eur_per_unit : what one unit of their currency is worth
    """
    known = results[results["category"].notna() & (results["category"] != "")]
    sums = known.groupby("category", sort=True).agg(
        articles=("article_id", "size"), list_value=(LIST_VALUE, "sum"), revenue=(REVENUE, "sum")
    )
    return sums.assign(list_value=sums[LIST_VALUE] * eur_per_unit, revenue=sums[REVENUE] * eur_per_unit).reset_index()


def share_of_list_value(sums: pd.DataFrame) -> "pd.Series[float]":
    """Revenue over list value, in the order of the rows; NaN where there is no list value."""
    value = sums[LIST_VALUE].astype(float)
    return sums[REVENUE].astype(float) / value.where(value > 0, np.nan)
