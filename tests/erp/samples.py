"""Rows as the flow makes them, small."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from markdown_pricing.columns import Recommendations

WEEK = date(2026, 2, 9)
NEXT_WEEK = WEEK + timedelta(weeks=1)
LAUNCHED = datetime(2026, 2, 9, 7, 0, tzinfo=UTC)


def make_rows(week: date = WEEK, country: str = "DEU", articles: int = 5, **changes: Any) -> pd.DataFrame:
    """The rows of markdown_recommendations, one per article; `changes` replace whole columns."""
    number = pd.Series(range(articles))
    list_price = 20.0 + number % 50 - 0.01
    recommended = (list_price * 0.7).round(0) - 0.05
    stock = 10 + number * 7 % 90
    units = stock / 3
    rows = pd.DataFrame(
        {
            "country": country,
            "article_id": [f"A{n:06d}" for n in range(articles)],
            "week": pd.Timestamp(week),
            "list_price": list_price,
            "current_price": list_price,
            "recommended_price": recommended,
            "markdown_pct": 100 * (1 - recommended / list_price),
            "action": "markdown",
            "stock": stock.astype("int64"),
            "expected_units": units,
            "expected_units_q10": units * 0.5,
            "expected_units_q90": units * 1.5,
            "end_week": pd.Timestamp(week + timedelta(weeks=1)),
            "cover_weeks": (stock / units).where(number % 5 != 4),
            "expected_sell_through": 2 / 3,
            "expected_leftover": stock / 3,
            "expected_leftover_keep": stock / 2,
            "expected_leftover_habit": stock / 2.5,
            "expected_revenue": (units * 2 * recommended).round(2),
            "expected_revenue_keep": (units * list_price).round(2),
            "expected_revenue_habit": (units * 1.1 * list_price).round(2),
            "next_markdown_week": pd.Series([pd.NaT] * articles, dtype="datetime64[s]"),
            "next_markdown_price": float("nan"),
            "elasticity": float("nan"),
            "elasticity_se": float("nan"),
            "reason": "Stock lasts longer than the season – “cheaper” sells it.",
            "reason_code": "certain_leftover",
            "change_reason": None,
            "exception_code": None,
            "model_grade": "A",
            "model_version": "gradient_boosting 1",
            "predicted_at": pd.Timestamp("2026-02-09T08:01:02.345678+01:00"),
            "stake": (units * 0.1).round(2),
            "stake_low": (units * -0.1).round(2),
            "stake_high": (units * 0.3).round(2),
            "severity": "act",
            "category": "coats",
            "season": None,
            "launch_week": pd.Timestamp(week - timedelta(weeks=9)),
            "stores": stock // 3,
            "salvage_price": 2.5,
            "markdowns_taken": number % 3,
            "units_last_week": units * 0.9,
            "units_4_weeks": units * 3.3,
            "lowest_price_30_days": list_price,
            "arm": None,
            "locked_until": None,
        }
    )
    return rows.assign(**changes)


def make_options(rows: pd.DataFrame) -> pd.DataFrame:
    """Today's price and the recommended one of each of the rows, and one that a rule forbids."""
    kept = rows.assign(step=0, price=rows["current_price"], value=rows["expected_revenue_keep"])
    asked = rows.assign(step=1, price=rows["recommended_price"], value=rows["expected_revenue"])
    lowest = rows.assign(step=2, price=rows["recommended_price"] / 2, value=float("nan"), rule="too_soon")
    same = rows["current_price"] == rows["recommended_price"]
    both = pd.concat([kept[~same], asked, lowest], ignore_index=True)
    forbidden = both["value"].isna()
    return pd.DataFrame(
        {
            **{name: both[name] for name in ("country", "article_id", "price", "week")},
            "run_id": "",
            "step": both["step"],
            "value": both["value"],
            "value_loss": (both["expected_revenue"].astype(float) - both["value"]).round(2),
            **{
                name: both[name].mask(forbidden) for name in ("expected_units", "expected_leftover", "expected_revenue")
            },
            "next_markdown_week": both["next_markdown_week"],
            "next_markdown_price": both["next_markdown_price"],
            "rule": both["rule"],
        }
    )


def make_menus(rows: pd.DataFrame, prices: int) -> pd.DataFrame:
    """So many prices of each of the rows, from the recommended one down, each a cent below the one before."""
    menus = [make_options(rows).query("step == 1").assign(step=step) for step in range(prices)]
    return pd.concat([menu.assign(price=menu["price"] - 0.01 * menu["step"]) for menu in menus], ignore_index=True)


def make_path(rows: pd.DataFrame, weeks: int = 2) -> pd.DataFrame:
    """A plan of `weeks` weeks for each of the rows."""
    plans = [
        pd.DataFrame(
            {
                "country": rows["country"],
                "article_id": rows["article_id"],
                "week": rows["week"] + pd.Timedelta(weeks=week),
                "price": rows["recommended_price"],
                "expected_units": rows["expected_units"],
                "expected_stock": rows["stock"] - week * rows["expected_units"],
            }
        )
        for week in range(weeks)
    ]
    return pd.concat(plans, ignore_index=True)


def recommended(rows: pd.DataFrame, weeks: int = 2) -> Recommendations:
    """The rows, with a plan of `weeks` weeks and options for each of them."""
    return Recommendations(rows, make_path(rows, weeks), make_options(rows))
