"""Real sales whose prices move back and forth: next week's units by the model, and by what is left without its parts.

    python bench/panels.py orange_juice.parquet [--last 130] [--weeks 8] [--every 3]
    python bench/panels.py cheese.parquet --last 52

The file is a panel of weekly sales, one product of one shop a row: orange juice has the columns store, brand, week,
price, deal, feat and units, cheese has retailer, week, price, display and units. Each forecast knows all weeks before
its own, and the prices and promotions of its own. The target weeks are every third up to the last one. A cut or rise is
a price that is at least 10 % from that of the week before.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.pricing import as_markdown
from markdown_pricing.demand.gradient_boosting import GradientBoosting
from markdown_pricing.demand.near import Near
from markdown_pricing.pricing import SEED, CountryWeek, make_training_data

COUNTRY, FIRST_MONDAY = "USA", date(1989, 9, 11)
CHANGE = 0.9
"""A price at most so large a share of last week's is a cut, and one over it by as much is a rise."""
UNITS_A_SALE = 10
"""The cheese's units are hundreds of thousands, so that ten of them count as one."""


def panel_of(file: Path) -> tuple[pd.DataFrame, list[str]]:
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
    return rows.assign(before=rows.groupby("article_id")["price"].shift(1)), promotions


def snapshot_of(panel: pd.DataFrame, promotions: list[str], week: int) -> CountryWeek:
    """The weeks up to `week` as a checked snapshot, in which the units of that week are hidden."""
    monday = FIRST_MONDAY + timedelta(weeks=week - 1)
    rows = panel[panel["week"] <= week]
    now = rows["week"] == week
    rows = rows[rows["article_id"].isin(rows.loc[now, "article_id"])]
    now = rows["week"] == week
    fields = {
        "article_id": pa.array(rows["article_id"].astype(str)),
        "week": pa.array([FIRST_MONDAY + timedelta(weeks=int(one) - 1) for one in rows["week"]], pa.date32()),
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
        **{f"attr_{name}": pa.array(rows[name].astype(np.float64)) for name in promotions},
        "attr_store": pa.array(rows["store"].astype(str)),
    }
    return CountryWeek.of(make_training_data(pa.table(fields), monday, COUNTRY), monday, COUNTRY)


def parts_of(model: GradientBoosting) -> Iterator[tuple[str, GradientBoosting]]:
    """The model without its parts, by what is left."""
    yield "curve and filter", replace(model, near=None, trees=None)
    yield "and trees", replace(model, near=None)
    if model.near is not None:
        coming = replace(model.near.coming, trees=None)
        yield "and last week, the others", replace(model, near=Near(coming, model.near.weights))
    else:
        yield "and last week, the others", model
    yield "and its trees: the model", model


def foretold(panel: pd.DataFrame, promotions: list[str], weeks: list[int]) -> tuple[pd.DataFrame, float]:
    """The panel's rows of these weeks with a column of expected units for each part, and seconds a week."""
    found, seconds = [], 0.0
    for week in weeks:
        sold = snapshot_of(panel, promotions, week)
        prices = sold.articles[["price"]].to_numpy(dtype=np.float64)
        started = time.process_time()
        model = GradientBoosting()
        model.fit(sold.history, sold.week, SEED)
        seconds += time.process_time() - started
        rows = panel[panel["week"] == week].set_index("article_id").loc[sold.articles["article_id"]]
        for name, part in parts_of(model.among(sold.articles)):
            rows[name] = part.forecast(sold.articles, sold.history, sold.week).at(prices, 1).units[:, 0, 0]
        found.append(rows)
    return pd.concat(found), seconds / len(weeks)


def scores(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """WAPE and bias of all rows, of those after a cut, and of those after a rise."""
    cut, rise = rows["price"] <= CHANGE * rows["before"], rows["price"] >= rows["before"] / CHANGE
    table = {}
    for name in names:
        error = rows[name] - rows["units"]
        table[name] = {
            f"{of}{when}": change(error[some]).sum() / rows["units"][some].sum()
            for when, some in (("", error.notna()), (" after a cut", cut), (" after a rise", rise))
            for of, change in (("WAPE", abs), ("bias", lambda own: own))
        }
    return pd.DataFrame(table).T.rename_axis("model")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panel", type=Path)
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--last", type=int, help="the last target week; not given: the panel's last week")
    given = parser.parse_args()
    panel, promotions = panel_of(given.panel)
    last = given.last or int(panel["week"].max())
    weeks = [last - given.every * back for back in reversed(range(given.weeks))]
    rows, seconds = foretold(panel, promotions, weeks)
    names = [name for name, _ in parts_of(GradientBoosting())]
    print(f"{given.panel.stem}: {len(rows)} sales of weeks {weeks[0]} to {last}, {seconds:.1f} s to learn a week\n")
    print(as_markdown(scores(rows, names), 3))


if __name__ == "__main__":
    main()
