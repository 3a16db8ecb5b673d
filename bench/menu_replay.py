"""Play seasons by nothing but the menu that the ERP holds, beside the same seasons as the plan decides them.

    python bench/menu_replay.py [--seeds 1] [--first-seed 7] [--articles 40] [--weeks 20] [--model gradient_boosting]

Each week the country is priced by the steps of a round, and its rows are replaced in a PostgreSQL database. A reader
then asks `markdown_options` alone, by SQL, for each article's price of the highest value without a rule, and the market
sells at it. Both plays meet the same luck, so that equal prices sell equal units.
"""

import argparse
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

# As in a round, in which each country has a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sqlalchemy import Engine, text

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.backtest.twin import Setting, model_policy, twin_of  # noqa: E402
from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.demand.model import make_model  # noqa: E402
from markdown_pricing.erp.refresh import replace_country  # noqa: E402
from markdown_pricing.erp.tables import engine_for, ensure_tables  # noqa: E402
from markdown_pricing.installation.files import read_reason_codes, read_rules  # noqa: E402
from markdown_pricing.markdown.simulation import MarketView, WeekPrices, play  # noqa: E402
from markdown_pricing.pricing import SEED, CountryWeek, PricingInputs, price_articles  # noqa: E402
from markdown_pricing.provenance import Provenance  # noqa: E402
from markdown_pricing.sample.families import FAMILIES  # noqa: E402
from tests.postgres.server import postgres_server  # noqa: E402

BEST = """
SELECT DISTINCT ON (article_id) article_id, price FROM markdown_options
WHERE country = :country AND week = :week AND rule IS NULL
ORDER BY article_id, value DESC NULLS LAST, price DESC
"""


@dataclass(frozen=True)
class Reader:
    """A policy that has the country's rows written, and knows no more of them than their menu says."""

    engine: Engine
    model: str

    def __call__(self, view: MarketView) -> WeekPrices:
        self._refresh(view)
        with self.engine.connect() as connection:
            best = connection.execute(text(BEST), {"country": view.country.code, "week": view.week})
            price_of = {article: float(price) for article, price in best}
        return WeekPrices(view.articles["article_id"].map(price_of).to_numpy(dtype=np.float64))

    def _refresh(self, view: MarketView) -> None:
        country = view.country.code
        sold = CountryWeek(view.week, country, view.history, view.articles)
        model = make_model(self.model)
        model.fit(sold.history, sold.week, SEED)
        origin = Provenance(view.week, country, "twin", "bench", "", demand_model=self.model)
        now = datetime.combine(view.week, time(8), UTC)
        inputs = PricingInputs(view.country, view.book, read_reason_codes())
        priced = price_articles(sold, model, inputs, origin, "replay", now)
        replace_country(self.engine, priced, week=view.week, country=country, run_id=str(view.week), launched_at=now)


def compare(setting: Setting, model: str, engine: Engine) -> None:
    """Print a row of the table: both revenues, and the sold units that differ."""
    book = read_rules()
    decided = play("plan", twin_of(setting), model_policy(model), book, setting.weeks)
    read = play("menu", twin_of(setting), Reader(engine, model), book, setting.weeks)
    differing = int((decided.articles["sold"] != read.articles["sold"]).sum())
    print(
        f"| {setting.family} | {setting.seed} | {decided.revenue():,.2f} | {read.revenue():,.2f} "
        f"| {differing} of {len(read.articles)} | {read.unpriced} | {len(read.broken)} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="gradient_boosting")
    for name, default in (("--seeds", 1), ("--first-seed", 7), ("--articles", 40), ("--weeks", 20)):
        parser.add_argument(name, type=int, default=default)
    given = parser.parse_args()
    print(
        "| family | seed | revenue by the plan | by the menu | articles that sold otherwise | unpriced | rules broken |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    with postgres_server() as server:
        for family in FAMILIES:
            for seed in range(given.first_seed, given.first_seed + given.seeds):
                engine = engine_for(server.fresh_database(), server.user, None)
                ensure_tables(engine)
                setting = Setting(family, read_countries()["DEU"], given.articles, given.weeks, seed)
                compare(setting, given.model, engine)


if __name__ == "__main__":
    main()
