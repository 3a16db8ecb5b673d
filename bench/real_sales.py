"""Forecast real sales a week ahead by our models, by mlforecast's trees and by the mean of the last four weeks.

    python bench/real_sales.py [--panels FOLDER] [--peer PYTHON] [--parts] [--only groceries orange_juice cheese]
                               [--models gradient_boosting …] [--weeks 8] [--every 3]

FOLDER holds the panels orange_juice.parquet and cheese.parquet, whose columns `panels.py` lists; PYTHON is an
interpreter with mlforecast (`mlforecast_peer.py`); --parts adds gradient_boosting without its parts. The target weeks
are the groceries' last eight, and of a panel every third up to its last. Every forecast knows all weeks before its
own, and the prices and promotions of its own. A cut or a rise is a price at least 10 % from that of the week before.
Brackets hold the 90 % interval over the target weeks. The groceries need the extra real-sales.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.panels import LAST_MONDAY_OF_GROCERIES, RealSales, Told, groceries, panel
from bench.pricing import as_markdown
from markdown_pricing.demand.gradient_boosting import GradientBoosting
from markdown_pricing.demand.model import DemandModel, make_model
from markdown_pricing.demand.near import Near
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.pricing import SEED
from markdown_pricing.sample.grocery import deliver_grocery

CHANGE = 0.9
"""A price at most so large a share of last week's is a cut, and one over it by as much is a rise."""
DRAWS = 4_000
"""So often the target weeks are drawn anew: with few weeks a single leaflet decides a bias."""
GROCERIES, PANELS = "groceries", ("orange_juice", "cheese")
FOUR_WEEKS = "mean of 4 weeks"
PEER = Path(__file__).parent / "mlforecast_peer.py"
JUDGED = ("week", "units", "price", "before")


def price_all(model: str) -> str:
    """The summary of `markdown-pricing price` on the groceries, which has to give every article a price."""
    with tempfile.TemporaryDirectory() as folder:
        lake, out = Path(folder) / "lake", Path(folder) / "prices.parquet"
        week = LAST_MONDAY_OF_GROCERIES
        deliver_grocery(Lake(str(lake)), week)
        command = [sys.executable, "-m", "markdown_pricing", "price", "--lake", str(lake), "--week", str(week)]
        subprocess.run([*command, "--out", str(out), "--model", model], check=True, capture_output=True)
        rows = pd.read_parquet(out)
        assert rows["recommended_price"].notna().all()
        return f"{len(rows)} articles, {int((rows['action'] == 'markdown').sum())} markdowns"


def parts_of(model: DemandModel) -> Iterator[tuple[str, DemandModel]]:
    """Gradient boosting without its parts, by what is left; nothing of another model."""
    if not isinstance(model, GradientBoosting):
        return
    yield "curve and filter", replace(model, near=None, trees=None)
    yield "and trees", replace(model, near=None)
    yield "and the coming week's regression", replace(model, near=model.near and _without_trees(model.near))
    yield "and its trees", replace(model, near=model.near and _without_anchor(model.near))


def _without_trees(near: Near) -> Near:
    return Near(replace(near.coming, trees=None), near.weights)


def _without_anchor(near: Near) -> Near:
    return Near(replace(near.coming, anchor=None), near.weights)


def forecasts_of(told: Told, names: Sequence[str], with_parts: bool) -> pd.DataFrame:
    """The target week's units by each model, and by its parts, a row for each article."""
    sold, found = told.sold, told.actual.copy()
    prices = sold.articles[["price"]].to_numpy(dtype=np.float64)
    for name in names:
        model = make_model(name)
        model.fit(sold.history, sold.week, SEED)
        fitted = model.among(sold.articles)
        for part, left in [*(parts_of(fitted) if with_parts else ()), (name, fitted)]:
            found[part] = left.forecast(sold.articles, sold.history, sold.week).at(prices, 1).units[:, 0, 0]
    past = sold.history.groupby("article_id")["units"].apply(lambda own: own.tail(4).mean())
    return found.assign(**{FOUR_WEEKS: past})


def foretold(sales: RealSales, names: Sequence[str], with_parts: bool, peer: str | None) -> pd.DataFrame:
    """A row for each sale of the target weeks: JUDGED, and a column for each forecast."""
    told = {week: sales.told(week) for week in sales.weeks}
    started = time.process_time()
    found = [forecasts_of(one, names, with_parts).assign(week=week) for week, one in told.items()]
    rows = pd.concat(found).astype(np.float64)
    seconds = (time.process_time() - started) / len(told)
    print(f"{sales.name}: {len(rows):,} sales of weeks {sales.weeks[0]} to {sales.weeks[-1]}, {seconds:.1f} s a week")
    if not peer:
        return rows
    answers = by_peer({week: one.rows for week, one in told.items()}, peer)
    return rows.join(answers, on=["article_id", "week"])


def by_peer(rows: dict[int, pd.DataFrame], interpreter: str) -> pd.DataFrame:
    """The units of each target week by the models of `mlforecast_peer.py`, by article_id and week."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "rows.parquet", Path(folder) / "units.parquet"
        pd.concat([own.assign(target=week) for week, own in rows.items()]).to_parquet(given, index=False)
        subprocess.run([interpreter, str(PEER), str(given), str(answer)], check=True, stdout=subprocess.DEVNULL)
        return pd.read_parquet(answer).rename(columns={"target": "week"}).set_index(["article_id", "week"])


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """WAPE and bias of each forecast with their intervals: of all sales, of those after a cut, and after a rise."""
    cut, rise = rows["price"] <= CHANGE * rows["before"], rows["price"] >= rows["before"] / CHANGE
    kinds = {"": rows["units"].notna(), " after a cut": cut, " after a rise": rise}
    table = {}
    for name in (column for column in rows if column not in JUDGED):
        error = rows[name].clip(lower=0.0) - rows["units"]
        table[name] = {
            f"{of}{when}": with_interval(own[some], rows.loc[some, "units"], rows.loc[some, "week"], sign)
            for of, own, sign in (("WAPE", error.abs(), ""), ("bias", error, "+"))
            for when, some in kinds.items()
        }
    return pd.DataFrame(table).T


def with_interval(error: "pd.Series[float]", units: "pd.Series[float]", week: "pd.Series[float]", sign: str) -> str:
    """The sum of errors over that of units, and its 90 % interval when the weeks are drawn anew."""
    sums = pd.DataFrame({"error": error, "units": units}).groupby(week.to_numpy()).sum().to_numpy()
    rng = np.random.default_rng(0)
    drawn = sums[rng.integers(0, len(sums), (DRAWS, len(sums)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.05, 0.95])
    ratio = sums[:, 0].sum() / sums[:, 1].sum()
    return f"{ratio:{sign}.3f} ({low:{sign}.2f} to {high:{sign}.2f})"


def wape_by_week(rows: pd.DataFrame) -> pd.DataFrame:
    """The WAPE of each forecast in each target week."""
    names = [column for column in rows if column not in JUDGED]
    error = rows[names].clip(lower=0.0).sub(rows["units"], axis=0).abs()
    return (
        error.groupby(rows["week"].astype(int)).sum().div(rows.groupby(rows["week"].astype(int))["units"].sum(), axis=0)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--panels", type=Path, help="the folder of the panels; not given: the groceries alone")
    parser.add_argument("--only", nargs="*", default=[GROCERIES, *PANELS], choices=[GROCERIES, *PANELS])
    parser.add_argument("--models", nargs="*", default=["gradient_boosting", "log_linear", "plain_boosting"])
    parser.add_argument("--parts", action="store_true", help="gradient_boosting without its parts, too")
    parser.add_argument("--peer", help="an interpreter that has mlforecast")
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--every", type=int, default=3, help="a panel's target weeks are so many weeks apart")
    given = parser.parse_args()
    chosen = [groceries(given.weeks)] if GROCERIES in given.only else []
    if given.panels:
        files = [given.panels / f"{name}.parquet" for name in PANELS if name in given.only]
        chosen += [panel(file, given.weeks, given.every) for file in files]
    found = {sales.name: foretold(sales, given.models, given.parts, given.peer) for sales in chosen}
    print("\n" + as_markdown(pd.concat({name: scores(rows) for name, rows in found.items()}), 3))
    for name, rows in found.items():
        print(f"\n{name}, WAPE by week\n\n" + as_markdown(wape_by_week(rows), 3))
    if GROCERIES in found:
        print(f"\n`price` on the groceries: {price_all(given.models[0])}.")


if __name__ == "__main__":
    main()
