"""Real grocery sales priced, and next week's units foretold beside the naive forecast.

    python bench/real_sales.py [--model gradient_boosting] [--weeks 4]

The snapshot's units are hidden from the model and told to the judge afterwards; the naive forecast is last week's
units. Needs the extra real-sales.
"""

import argparse
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from markdown_pricing import pricing
from markdown_pricing.demand.model import forecast
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.sample.grocery import COUNTRY, deliver_grocery, grocery_table, units_of_snapshot

WEEK = date(2026, 2, 9)
LAST_WEEK_OF_THE_DATA = 53


def price_all(model: str) -> str:
    """What `markdown-pricing price` says, having priced every article or failed."""
    with tempfile.TemporaryDirectory() as folder:
        lake, out = Path(folder) / "lake", Path(folder) / "prices.parquet"
        deliver_grocery(Lake(str(lake)), WEEK)
        command = [sys.executable, "-m", "markdown_pricing", "price", "--lake", str(lake), "--week", str(WEEK)]
        subprocess.run([*command, "--out", str(out), "--model", model], check=True, capture_output=True)
        rows = pd.read_parquet(out)
        assert rows["recommended_price"].notna().all()
        return f"{len(rows)} articles, {int((rows['action'] == 'markdown').sum())} markdowns"


def errors(model_name: str, snapshot: int) -> dict[str, float]:
    """WAPE and bias of one week's forecast at the prices at which that week was sold."""
    frame = pricing.make_training_data(grocery_table(WEEK, snapshot=snapshot), WEEK, COUNTRY)
    sold = pricing.CountryWeek.of(frame, WEEK, COUNTRY)
    model = pricing.fit(sold, model_name)
    prices = sold.articles[["price"]].to_numpy(dtype=np.float64)
    expected = forecast(model, sold.articles, sold.history, WEEK, prices, 1)[:, 0, 0]
    actual = units_of_snapshot(snapshot=snapshot).loc[sold.articles["article_id"]].to_numpy(dtype=np.float64)
    last = sold.history.groupby("article_id")["units"].last().loc[sold.articles["article_id"]].to_numpy()
    mean = sold.history.groupby("article_id")["units"].apply(lambda units: units.tail(4).mean())
    total = actual.sum()
    return {
        "model": np.abs(expected - actual).sum() / total,
        "last week": np.abs(last - actual).sum() / total,
        "mean of 4 weeks": np.abs(mean.loc[sold.articles["article_id"]].to_numpy() - actual).sum() / total,
        "bias of the model": expected.sum() / total - 1,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="gradient_boosting")
    parser.add_argument("--weeks", type=int, default=4)
    given = parser.parse_args()
    print(f"`price` on the real sales: {price_all(given.model)}.\n")
    snapshots = range(LAST_WEEK_OF_THE_DATA - given.weeks + 1, LAST_WEEK_OF_THE_DATA + 1)
    table = pd.DataFrame([errors(given.model, snapshot) for snapshot in snapshots], index=list(snapshots))
    print(f"WAPE one week ahead, {given.model}, prices known, weeks {snapshots[0]} to {snapshots[-1]}\n")
    print("| week | " + " | ".join(table.columns) + " |\n|---" + "|---" * len(table.columns) + "|")
    for week, row in table.iterrows():
        print(f"| {week} | " + " | ".join(f"{value:.3f}" for value in row) + " |")
    print("| mean | " + " | ".join(f"{value:.3f}" for value in table.mean()) + " |")
