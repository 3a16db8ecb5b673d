"""Price one country once by a policy of bench/peers.py: read the snapshot, forecast, choose the week's prices, write.

    python bench/peer_once.py POLICY LAKE WEEK COUNTRY OUT [--peer PYTHON]

POLICY is a demand model by name, with the dynamic programme on top, or mlforecast, with the ladder rule. The rules are
those of `RULES`. It prints the MiB of this process and of the largest that it started, each at its peak.
"""

import argparse
import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import cast

import pandas as pd

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from bench.mlforecast_ladder import ForecastLadder, forecaster  # noqa: E402
from markdown_pricing.backtest.twin import policy_named  # noqa: E402
from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.lake.filesystem import Lake  # noqa: E402
from markdown_pricing.lake.snapshot import find_snapshot, read_country  # noqa: E402
from markdown_pricing.markdown.rules import RuleBook, Rules  # noqa: E402
from markdown_pricing.markdown.simulation import MarketView, Policy, SimulatedMarket  # noqa: E402
from markdown_pricing.pricing import CountryWeek, make_training_data  # noqa: E402
from markdown_pricing.training_data.schema import columns_to_read  # noqa: E402

MLFORECAST = "mlforecast"
RULES = RuleBook(Rules(full_price_weeks=0, least_gain_pct=0.0))
"""Every policy may mark down at once, and for every cent that its plan gains."""


@contextmanager
def policy(name: str, interpreter: str) -> Iterator[Policy]:
    """A policy by name. `interpreter` has mlforecast."""
    if name != MLFORECAST:
        yield policy_named(name)
        return
    with forecaster(interpreter) as asked:
        yield ForecastLadder(asked)


def view_of(lake: Lake, week: date, code: str) -> MarketView:
    """The country as a policy sees it. There is no market behind it, at which only the planner would look."""
    rows = read_country(lake, find_snapshot(lake, week), code, columns_to_read)
    sold = CountryWeek.of(make_training_data(rows, week, code), week, code)
    country = read_countries().in_week(code, week)
    return MarketView(week, country, sold.articles, sold.history, RULES, cast(SimulatedMarket, None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("policy", "lake", "week", "country", "out"):
        parser.add_argument(name)
    parser.add_argument("--peer", default="")
    given = parser.parse_args()
    # The process that forecasts begins first: one that is started later would count this one's memory as its own.
    with policy(given.policy, given.peer) as chosen:
        view = view_of(Lake(given.lake), date.fromisoformat(given.week), given.country)
        prices = chosen(view).prices
        pd.DataFrame({"article_id": view.articles["article_id"], "price": prices}).to_parquet(given.out, index=False)
    peaks = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps(dict(zip(("own", "started"), peaks, strict=True))))


if __name__ == "__main__":
    main()
