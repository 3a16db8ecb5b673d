"""Does the model earn more? Sample seasons played forward week by week under several policies, paired by seed.

    python bench/closed_loop.py [--country DEU] [--articles 60] [--weeks 26] [--seeds 3] [--family reference_logit]
                               [--models gradient_boosting]

Every policy starts from the same market and meets the same luck. Each week a model is fitted anew on what its own
prices sold, and every article is planned anew. Counted are the articles whose season ends within the run: what they
sell from the first week on, the salvage of what is left over included. `truth` plans with the true mean demand at the
stock of the day: what a perfect model would earn with this optimiser.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from markdown_pricing.countries import read_countries
from markdown_pricing.demand.model import FloatArray, forecast, make_model
from markdown_pricing.markdown.price_path import Ladders, candidate_prices, plan
from markdown_pricing.markdown.rules import RuleBook, read_rules
from markdown_pricing.markdown.shelf import SHELF_SHARES
from markdown_pricing.sample.families import FAMILIES, family_named
from markdown_pricing.sample.market import Market
from markdown_pricing.sample.season import (
    MAX_MARKDOWNS,
    WEEKS_BETWEEN_MARKDOWNS,
    ladder_of,
    past_manager,
    sample_market,
)
from markdown_pricing.sample.seasonality import dates_of
from markdown_pricing.training_data.schema import check_training_data
from markdown_pricing.training_data.stockouts import mark_stockouts

WEEK = date(2025, 3, 3)
MODEL_SEED = 1
HABIT = ((0.6, 3), (0.8, 5))
"""From this share of the season on, this rung of the ladder: 30 and 50 percent."""

Policy = Callable[[Market], FloatArray]


@dataclass(frozen=True)
class Played:
    """One policy in one market: revenue of the seasons that ended, and the seconds that the slowest week took."""

    policy: str
    seed: int
    revenue: float
    leftover_share: float
    slowest_week_s: float


def hold(market: Market) -> FloatArray:
    return market.price[market.on_sale] / 100


def fixed_ladder(market: Market) -> FloatArray:
    """30 % once 60 % of the season is over, 50 % from 80 % on, from today's price and under the rules."""
    rows = market.on_sale
    articles, price, ladder = market.articles.take(rows), market.price[rows], ladder_of(market)[rows]
    lived = (market.week - articles.launch) / (articles.end - articles.launch + 1)
    may = (market.markdowns[rows] < MAX_MARKDOWNS) & (market.week <= articles.end)
    may &= market.week - market.last_markdown[rows] >= WEEKS_BETWEEN_MARKDOWNS
    asked = price
    for share, rung in HABIT:
        due = may & (lived >= share) & (ladder[:, rung] < price) & (ladder[:, rung] >= articles.salvage)
        asked = np.where(due, ladder[:, rung], asked)
    return asked / 100


def planned(name: str, book: RuleBook) -> Policy:
    """The markdown optimiser on a demand model, both anew each week."""

    def prices(market: Market) -> FloatArray:
        week = dates_of(np.array(market.week)).item()
        frame = mark_stockouts(check_training_data(market.table(), week, market.country.code))
        now = (frame["week"] == pd.Timestamp(week)).to_numpy()
        history, articles = frame[~now].reset_index(drop=True), frame[now].reset_index(drop=True)
        ladders = candidate_prices(articles, history, market.country, book, week)
        if name == "truth":
            return _first_prices(ladders, _true_units(market, ladders), market.articles.dispersion[market.on_sale])
        model = make_model(name)
        model.fit(history, week, MODEL_SEED)
        units = forecast(model, articles, history, week, ladders.prices, ladders.weeks)
        dispersion, shelf = (
            model.dispersion(articles, history, week),
            model.shelf(articles, history, week, SHELF_SHARES),
        )
        return _first_prices(ladders, units, dispersion, shelf, model.level_sd(articles, history, week, ladders.weeks))

    return prices


def _first_prices(
    ladders: Ladders,
    units: FloatArray,
    dispersion: FloatArray,
    shelf: FloatArray | None = None,
    level_sd: FloatArray | None = None,
) -> FloatArray:
    rung = plan(ladders, units, dispersion, shelf, level_sd).best.rungs[:, 0]
    chosen: FloatArray = ladders.prices[np.arange(len(rung)), rung]
    return chosen


def _true_units(market: Market, ladders: Ladders) -> FloatArray:
    rows, cents = market.on_sale, ladders.prices * 100
    stock = market.stock[rows][:, None] * np.ones_like(cents)
    weeks = range(market.week, market.week + ladders.weeks)
    return np.stack([market.expected_units(rows, week, cents, stock) for week in weeks], axis=2)


def play(policy: str, family: str, country: str, articles: int, weeks: int, seed: int) -> Played:
    book = read_rules()
    market = sample_market(
        read_countries()[country], WEEK, articles, seed, weeks_ahead=weeks, family=family_named(family)
    )
    by_name: dict[str, Policy] = {"hold": hold, "fixed ladder": fixed_ladder, "past manager": past_manager}
    ask = by_name.get(policy) or planned(policy, book)
    first, slowest, earned = market.week, 0.0, np.zeros(len(market.articles))
    stock_before = market.stock.copy()
    for _ in range(weeks):
        started = time.perf_counter()
        prices = ask(market)
        slowest = max(slowest, time.perf_counter() - started)
        market, sold = market.sell(prices)
        salvaged = sold.salvaged * market.articles.salvage[sold.rows]
        np.add.at(earned, sold.rows, (sold.units * sold.price + salvaged) / 100)
    ended = (market.articles.end >= first) & (market.articles.end < first + weeks)
    leftover = market.stock[ended].sum() / max(stock_before[ended].sum(), 1)
    return Played(policy, seed, float(earned[ended].sum()), float(leftover), slowest)


def _play(job: tuple[str, str, str, int, int, int]) -> Played:
    return play(*job)


def table(results: list[Played]) -> str:
    frame = pd.DataFrame(results)
    revenue = frame.pivot(index="seed", columns="policy", values="revenue")
    lines = [
        "| policy | revenue | over fixed ladder | per seed | over hold | left over | slowest week |",
        "|---|---|---|---|---|---|---|",
    ]
    for policy in dict.fromkeys(frame["policy"]):
        lead = 100 * (revenue[policy] / revenue["fixed ladder"] - 1)
        over_hold = 100 * (revenue[policy] / revenue["hold"] - 1)
        rows = frame[frame["policy"] == policy]
        lines.append(
            f"| {policy} | {revenue[policy].mean():,.0f} | {lead.mean():+.2f} % "
            f"| {' '.join(f'{value:+.2f}' for value in lead)} | {over_hold.mean():+.2f} % "
            f"| {100 * rows['leftover_share'].mean():.1f} % | {rows['slowest_week_s'].max():.2f} s |"
        )
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--country", default="DEU")
    arguments.add_argument("--family", default="constant_elasticity", choices=FAMILIES)
    arguments.add_argument("--articles", type=int, default=60)
    arguments.add_argument("--weeks", type=int, default=26)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--models", nargs="*", default=["gradient_boosting", "log_linear", "truth"])
    arguments.add_argument("--workers", type=int, default=2)
    chosen = arguments.parse_args()
    started = time.perf_counter()
    policies = ["hold", "fixed ladder", "past manager", *chosen.models]
    jobs = [
        (policy, chosen.family, chosen.country, chosen.articles, chosen.weeks, seed)
        for seed in range(chosen.seeds)
        for policy in policies
    ]
    with ProcessPoolExecutor(chosen.workers) as pool:
        results = list(pool.map(_play, jobs))
    print(
        f"{chosen.family}, {chosen.country}, {chosen.articles} articles, {chosen.weeks} weeks from {WEEK}, "
        f"seeds 0–{chosen.seeds - 1}\n"
    )
    print(table(results))
    print(f"\n{time.perf_counter() - started:.0f} s with {chosen.workers} workers")


if __name__ == "__main__":
    main()
