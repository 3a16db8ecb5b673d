"""Measure how many price paths a second are planned for articles at full price with all markdowns left.

    python bench/price_paths.py [--articles 5000] [--weeks 15] [--runs 3]

The rules are the package's own, the stock slows sales as it falls and nobody is sure of the demand: the plan, keep and
habit are found and valued, from the ladder to the money. Seconds are CPU seconds, of all threads together.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from markdown_pricing.countries import read_countries
from markdown_pricing.forecast import SHELF_SHARES, Demand, Forecast
from markdown_pricing.installation.files import read_rules
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.planning import plan
from tests.markdown.seasons import WEEK, article, frames


def demand_of(ladders: Ladders, random: np.random.Generator) -> Demand:
    """Demand at which articles would sell from a third of their stock to all of it at today's price."""
    count = len(ladders.cents)
    weekly = ladders.season.stock / ladders.weeks * random.uniform(0.3, 1.0, count)
    elasticity = random.uniform(1.0, 3.0, count)[:, np.newaxis]
    at_rung = weekly[:, np.newaxis] * (ladders.prices / ladders.prices[:, :1]) ** -elasticity
    return Demand(
        units=np.repeat(at_rung[:, :, np.newaxis], ladders.weeks, axis=2),
        dispersion=random.uniform(0.1, 0.5, count),
        shelf=np.maximum(SHELF_SHARES, 0.01) ** random.uniform(0.05, 0.3, count)[:, np.newaxis],
        level_sd=np.tile(random.uniform(0.1, 0.6, count)[:, np.newaxis], ladders.weeks),
    )


def measure(articles: int, weeks: int, runs: int) -> None:
    random = np.random.default_rng(1)
    stock = random.integers(20, 3_000, articles)
    seasons = [article(stock=int(units), launch=-4, weeks_left=weeks) for units in stock]
    ladders = candidate_prices(*frames(seasons), read_countries()["DEU"], read_rules(), WEEK)
    forecast, seconds = Forecast.fixed("bench", demand_of(ladders, random)), []
    for _ in range(runs):
        began = time.process_time()
        found = plan(ladders, forecast)
        seconds.append(time.process_time() - began)
    middle = statistics.median(seconds)
    print("| articles | weeks | prices | marked down now | marked down later | CPU seconds | articles a second |")
    print("|---|---|---|---|---|---|---|")
    now, ever = (found.best.rungs[:, 0] > 0).sum(), (found.best.rungs > 0).any(axis=1).sum()
    shape = f"{articles:,} | {ladders.weeks} | {ladders.cents.shape[1]}"
    print(f"| {shape} | {now:,} | {ever - now:,} | {middle:.2f} | {articles / middle:,.0f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=5_000)
    parser.add_argument("--weeks", type=int, default=15)
    parser.add_argument("--runs", type=int, default=3)
    measure(**vars(parser.parse_args()))
