"""Measure how often the interval of a comparison by cells holds the true effect, and how wrong one by articles is.

    python bench/arms.py [--markets 100] [--first-seed 0] [--articles 90] [--share 0.3] [--substitution 0.5]

A market is six countries whose customers buy one article in place of another of its category. Its season is the
articles that are launched in the first twelve weeks. It is played three times with the same luck: all by
the old habit, all by a policy that marks down what sells slowly, and by articles half and half. Cells do not touch each
other, and both policies look at an article alone, so that a season with some cells on the habit is made of the first
two plays. The true effect is what the second one brings more than the first one. The policy stands in the plan's place
because a plan takes ten times as long and more; how far an interval holds does not depend on who asks the prices.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from markdown_pricing.arms.effect import Cells, Effect, effect_of
from markdown_pricing.arms.seasons import article_results, share_of_list_value
from markdown_pricing.arrays import BoolArray, FloatArray
from markdown_pricing.backtest.twin import FIRST_WEEK, WEEKS_BETWEEN_STARTS
from markdown_pricing.codes import ON_HABIT, ON_PLAN
from markdown_pricing.countries import Country, read_countries
from markdown_pricing.old_habit import HABIT as HABIT_STEPS
from markdown_pricing.sample.articles import LONGEST_LIFE_WEEKS, articles_of
from markdown_pricing.sample.dice import uniform
from markdown_pricing.sample.families import FAMILIES
from markdown_pricing.sample.market import Market
from markdown_pricing.sample.season import DISCOUNTS_PCT, ladder_of, past_manager
from markdown_pricing.sample.seasonality import FIRST_MONDAY, number_of
from markdown_pricing.sample.substitution import FROM_NEIGHBOURS
from markdown_pricing.sample.world import World

COUNTRIES = ("DEU", "FRA", "POL", "AUT", "CZE", "SVK")
STRATA = {"DEU": 0, "FRA": 0, "POL": 1, "AUT": 1, "CZE": 2, "SVK": 2}
ARTICLES = {"DEU": 1.6, "FRA": 1.4, "POL": 1.0, "AUT": 0.8, "CZE": 0.7, "SVK": 0.5}
"""How many articles a country has on sale, against the mean."""
WEEKS_BEFORE, LAUNCHES, WEEKS = 60, 12, 40
"""Weeks of history, weeks in which the season's articles are launched, and weeks that are played."""
Policy = Callable[[Market], FloatArray]


def habit(market: Market) -> FloatArray:
    """30 % off from 60 % of the season on and 50 % from 80 % on, (articles on sale,) in local currency."""
    rows = market.on_sale
    articles, ladder = market.articles.take(rows), ladder_of(market)[rows]
    share = (market.week - articles.launch) / (articles.end - articles.launch + 1)
    price = market.price[rows]
    for due, discount in HABIT_STEPS:
        rung = ladder[:, 1 + DISCOUNTS_PCT.index(discount)]
        price = np.where((share >= due) & (rung >= articles.salvage), np.minimum(price, rung), price)
    return np.asarray(price / 100)


def half_and_half(market: Market) -> FloatArray:
    """Each article by one of the two policies, as a coin says."""
    return np.where(by_coin(market), past_manager(market), habit(market))


def by_coin(market: Market) -> BoolArray:
    number = market.articles.number[market.on_sale]
    return np.asarray(uniform(market.seed, "comparison by articles", market.country.code, number) < 0.5)


def opening(country: Country, seed: int, articles: int, family: str, substitution: float) -> Market:
    """The country's market before the season, with WEEKS_BEFORE weeks that a past manager priced."""
    now = number_of(FIRST_WEEK) + seed * WEEKS_BETWEEN_STARTS % 52
    first = now - WEEKS_BEFORE - LONGEST_LIFE_WEEKS
    listed = articles_of(country, articles, first, now + WEEKS, seed)
    market = Market.opening(country, first, listed, seed, FAMILIES[family], World(substitution))
    while market.week < now:
        market, _ = market.sell(past_manager(market))
    return market


def played(market: Market, policy: Policy) -> Market:
    """The market after the season. Its articles alone are priced by the policy, older ones by the past manager."""
    begins = market.week
    for _ in range(WEEKS):
        new = market.articles.launch[market.on_sale] >= begins
        market, _ = market.sell(np.where(new, policy(market), past_manager(market)))
    return market


def results(market: Market) -> pd.DataFrame:
    """`article_results` of all articles of the market's table, as the comparison finds them."""
    table = market.table().to_pandas()
    for name in ("week", "launch_week", "end_week"):
        table[name] = pd.to_datetime(table[name])
    week = FIRST_MONDAY + pd.Timedelta(weeks=market.week)
    found = article_results(table[table["week"] < pd.Timestamp(week)], week)
    return found.assign(country=market.country.code)


def of_season(market: Market, before: Market) -> pd.DataFrame:
    """The results of the articles that are the season's."""
    first, last = (
        pd.Timestamp(FIRST_MONDAY + pd.Timedelta(weeks=week)) for week in (before.week, before.week + LAUNCHES)
    )
    found = results(market)
    return found[found["ended"] & (found["launch_week"] >= first) & (found["launch_week"] < last)]


@dataclass(frozen=True)
class Compared:
    """One market: the true effect, and what the two comparisons tell of it, each as a share: .03 is 3 %."""

    seed: int
    truth: float
    cells: tuple[float, float, float]
    articles: tuple[float, float, float]
    seconds: float


def compare(seed: int, articles: int, share: float, substitution: float) -> Compared:
    """Play one market and compare by cells and by articles."""
    started = time.process_time()
    family, countries = list(FAMILIES)[seed % len(FAMILIES)], read_countries()
    befores: list[pd.DataFrame] = []
    plans: list[pd.DataFrame] = []
    habits: list[pd.DataFrame] = []
    mixes: list[pd.DataFrame] = []
    for code in COUNTRIES:
        start = opening(countries[code], seed, round(articles * ARTICLES[code]), family, substitution)
        old = results(start)
        befores.append(old[old["ended"] & (old["launch_week"] > old["first_week"].min())])
        rate = countries[code].eur_per_unit or 1.0
        for found, policy in ((plans, past_manager), (habits, habit), (mixes, half_and_half)):
            end = played(start, policy)
            found.append(_in_euros(of_season(end, start), rate))
            if policy is half_and_half:
                flips = by_coin_of(end)
                found[-1] = found[-1].assign(arm=np.where(found[-1]["article_id"].map(flips), ON_PLAN, ON_HABIT))
    before, on_plan, on_habit, mixed = (pd.concat(each, ignore_index=True) for each in (befores, plans, habits, mixes))
    truth = on_plan["revenue"].sum() / on_habit["revenue"].sum() - 1
    by_cells = effect_of(Cells.of(cells_of(on_plan, on_habit, before, share, seed)), seed)
    by_articles = effect_of(Cells.of(articles_as_cells(mixed)), seed, draws=499)
    assert by_cells is not None
    assert by_articles is not None
    seconds = time.process_time() - started
    return Compared(seed, float(truth), _told(by_cells), _told(by_articles), seconds)


def _told(effect: Effect) -> tuple[float, float, float]:
    return effect.value, effect.low, effect.high


def by_coin_of(market: Market) -> dict[str, bool]:
    """The coin of each article of the market, by its id."""
    number = market.articles.number
    coin = uniform(market.seed, "comparison by articles", market.country.code, number) < 0.5
    return {str(1_000_000 + each): bool(side) for each, side in zip(number, coin, strict=True)}


def _in_euros(found: pd.DataFrame, rate: float) -> pd.DataFrame:
    return found.assign(list_value=found["list_value"] * rate, revenue=found["revenue"] * rate)


def cells_of(
    on_plan: pd.DataFrame, on_habit: pd.DataFrame, before: pd.DataFrame, share: float, seed: int
) -> pd.DataFrame:
    """The cells of the season: those that are drawn as they were on the habit, and all others as on the plan."""
    key = ["country", "category"]
    money = ["list_value", "revenue"]
    plan, old, past = (frame.groupby(key)[money].sum().reset_index() for frame in (on_plan, on_habit, before))
    cells = plan[key].assign(stratum=plan["country"].map(STRATA))
    rng = np.random.default_rng(seed)
    held = np.zeros(len(cells), dtype=bool)
    for stratum in cells["stratum"].unique():
        rows = np.flatnonzero(cells["stratum"] == stratum)
        held[rng.choice(rows, max(round(share * len(rows)), 1), replace=False)] = True
    past = past.assign(before=share_of_list_value(past))[[*key, "before"]]
    found = cells.assign(arm=np.where(held, ON_HABIT, ON_PLAN), **plan[money])
    found.loc[held, money] = old.loc[held, money]
    return found.merge(past, on=key, how="left")


def articles_as_cells(mixed: pd.DataFrame) -> pd.DataFrame:
    """The articles, drawn within their cell, in the form of cells."""
    return mixed.assign(stratum=mixed["country"] + mixed["category"], before=np.nan)


def show(found: Sequence[Compared]) -> None:
    """In how many markets the intervals hold the truth, and by how much each comparison is wrong on average."""
    for name, told in (("by cells", [one.cells for one in found]), ("by articles", [one.articles for one in found])):
        inside = sum(low <= one.truth <= high for one, (_, low, high) in zip(found, told, strict=True))
        off = 100 * np.array([value - one.truth for one, (value, _, _) in zip(found, told, strict=True)])
        half = 1.96 * off.std(ddof=1) / np.sqrt(len(off))
        width = 100 * np.mean([high - low for _, low, high in told])
        print(
            f"{name}: the 95 % interval holds the truth in {inside} of {len(found)} markets and is {width:.1f} points "
            f"wide on average; the effect is told {off.mean():+.2f} points too high on average (95 % interval "
            f"{off.mean() - half:+.2f} to {off.mean() + half:+.2f})"
        )
    print(f"the true effect is {100 * np.mean([one.truth for one in found]):.2f} % on average")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--articles", type=int, default=90)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--substitution", type=float, default=FROM_NEIGHBOURS)
    given = parser.parse_args()
    found: list[Compared] = []
    for seed in range(given.first_seed, given.first_seed + given.markets):
        one = compare(seed, given.articles, given.share, given.substitution)
        found.append(one)
        told = "; ".join(
            f"{name} {100 * value:+.2f} from {100 * low:+.2f} to {100 * high:+.2f}"
            for name, (value, low, high) in (("cells", one.cells), ("articles", one.articles))
        )
        print(f"{seed}: truth {100 * one.truth:+.2f} %; {told}; {one.seconds:.1f} s of a core", flush=True)
    show(found)


if __name__ == "__main__":
    main()
