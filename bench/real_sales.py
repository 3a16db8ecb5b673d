"""Price real grocery sales, and forecast next week's units by our models, naive forecasts and mlforecast.

    python bench/real_sales.py [--models gradient_boosting log_linear plain_boosting] [--weeks 8] [--peer PYTHON]

The snapshot's units are hidden from all and told to the judge afterwards; its prices and promotions are known to all.
PYTHON is an interpreter with mlforecast (see mlforecast_peer.py). Needs the extra real-sales.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from markdown_pricing import pricing
from markdown_pricing.demand.model import make_model
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.sample.grocery import COUNTRY, deliver_grocery, grocery_table, units_of_snapshot

LAST_WEEK_OF_THE_DATA = 53
LAST_MONDAY = date(2017, 12, 25)
"""With this week the weeks keep their places in the year, and with them the holidays."""
PEER = Path(__file__).parent / "mlforecast_peer.py"
PEER_NAME, LAST_WEEK, FOUR_WEEKS = "mlforecast", "last week's units", "mean of 4 weeks"


def price_all(model: str) -> str:
    """The summary of `markdown-pricing price`, which has to give every article a price."""
    with tempfile.TemporaryDirectory() as folder:
        lake, out = Path(folder) / "lake", Path(folder) / "prices.parquet"
        deliver_grocery(Lake(str(lake)), LAST_MONDAY)
        command = [sys.executable, "-m", "markdown_pricing", "price", "--lake", str(lake), "--week", str(LAST_MONDAY)]
        subprocess.run([*command, "--out", str(out), "--model", model], check=True, capture_output=True)
        rows = pd.read_parquet(out)
        assert rows["recommended_price"].notna().all()
        return f"{len(rows)} articles, {int((rows['action'] == 'markdown').sum())} markdowns"


def foretold(snapshot: int, models: Sequence[str], peer: str | None) -> pd.DataFrame:
    """A row for each article of one week of the data, with its `actual` units and a column for each forecast."""
    week = LAST_MONDAY - timedelta(weeks=LAST_WEEK_OF_THE_DATA - snapshot)
    table = grocery_table(week, snapshot=snapshot)
    sold = pricing.CountryWeek.of(pricing.make_training_data(table, week, COUNTRY), week, COUNTRY)
    units = sold.history.groupby("article_id")["units"]
    found = pd.DataFrame(
        {
            "actual": units_of_snapshot(snapshot=snapshot),
            LAST_WEEK: units.last(),
            FOUR_WEEKS: units.apply(lambda own: own.tail(4).mean()),
        }
    ).loc[sold.articles["article_id"]]
    prices = sold.articles[["price"]].to_numpy(dtype=np.float64)
    for name in models:
        model = make_model(name)
        model.fit(sold.history, sold.week, pricing.SEED)
        found[name] = (
            model.among(sold.articles).forecast(sold.articles, sold.history, week).at(prices, 1).units[:, 0, 0]
        )
    if peer:
        found[PEER_NAME] = _by_mlforecast(table.to_pandas(), peer).loc[found.index]
    return found.astype(np.float64).assign(snapshot=snapshot)


def _by_mlforecast(rows: pd.DataFrame, interpreter: str) -> "pd.Series[float]":
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "rows.parquet", Path(folder) / "units.parquet"
        rows.to_parquet(given)
        subprocess.run([interpreter, str(PEER), str(given), str(answer)], check=True, capture_output=True)
        return pd.read_parquet(answer).set_index("article_id")["units"]


def wape_and_bias(found: pd.DataFrame, name: str) -> tuple[float, float]:
    total = found["actual"].sum()
    return (found[name] - found["actual"]).abs().sum() / total, found[name].sum() / total - 1


def show(found: pd.DataFrame, names: Sequence[str]) -> None:
    print("| week | " + " | ".join(names) + " |\n|---" + "|---" * len(names) + "|")
    by_week = found.groupby("snapshot")
    for week, rows in by_week:
        print(f"| {week} | " + " | ".join(f"{wape_and_bias(rows, name)[0]:.3f}" for name in names) + " |")
    print("| all | " + " | ".join(f"{wape_and_bias(found, name)[0]:.3f}" for name in names) + " |")
    print("| bias, % | " + " | ".join(f"{100 * wape_and_bias(found, name)[1]:+.1f}" for name in names) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["gradient_boosting", "log_linear", "plain_boosting"])
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--peer", help="an interpreter that has mlforecast")
    given = parser.parse_args()
    print(f"`price` on the real sales: {price_all(given.models[0])}.\n")
    snapshots = range(LAST_WEEK_OF_THE_DATA - given.weeks + 1, LAST_WEEK_OF_THE_DATA + 1)
    found = pd.concat([foretold(snapshot, given.models, given.peer) for snapshot in snapshots])
    print(f"WAPE one week ahead, prices and promotions known, weeks {snapshots[0]} to {snapshots[-1]}\n")
    show(found, [*given.models, *([PEER_NAME] if given.peer else []), LAST_WEEK, FOUR_WEEKS])
