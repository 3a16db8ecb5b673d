"""Show whether the prices earn more, by all tables of the pricing targets, from simulated seasons paired by market.

    python bench/pricing.py [--seeds 5] [--first-seed 5] [--articles 160] [--weeks 26] [--families …]
                            [--models gradient_boosting] [--only seasons|horizons|lending|shared|plan]
                            [--workers 2] [--world substitution] [--out report.html]

- seasons: leads, share of the planner, the gap from the peer closed, rules broken, next week's sales, seconds. In
  the world *substitution* the planner plays, too, who counts what markdowns take from their neighbours.
- horizons: bias by weeks ahead, against the true mean demand, at today's price and 30 % off, all round a year.
- lending: the model with a part of the truth lent to it, so that what is missing can be told apart.
- shared:  small countries with and without what the others know, in money.
- plan:    articles a second on one core, levels unsure as a model says them.
"""

import argparse
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

# Each process has one thread, as in a round, in which each country has a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from markdown_pricing.backtest.report import seasons_page
from markdown_pricing.backtest.scores import (
    MARKET,
    OVER,
    by_family,
    forecast_quality,
    gap_closed,
    leads,
    paired,
    score,
    share_of_planner,
)
from markdown_pricing.backtest.twin import CATEGORY_PLANNER, PEER, PLANNER, Setting, Twin, twin_of
from markdown_pricing.commands.backtest import played_in
from markdown_pricing.countries import read_countries
from markdown_pricing.defaults import RULES_FILE
from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.demand.model import make_model
from markdown_pricing.forecast import Forecast
from markdown_pricing.installation.files import read_rules
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.planning import plan
from markdown_pricing.pricing import SEED
from markdown_pricing.sample.families import FAMILIES
from markdown_pricing.sample.world import PLAIN_WORLD, WORLDS

LENT = ("+response", "+level", "+level+response")
SMALL, SHARING = ("MLT", "CYP"), ("DEU", "POL", "FRA", "ITA", "ESP", "NLD")
PLANNED_ARTICLES = 1_000
HORIZONS = {"1": (0, 1), "2 to 4": (1, 4), "5 to 8": (4, 8), "9 to 12": (8, 12)}
"""The first and last week ahead of each column of the table."""


def as_markdown(table: pd.DataFrame, digits: int = 2) -> str:
    """A Markdown table for a terminal or a document, with numbers rounded to `digits` places."""

    def text(value: object) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else f"{value:.{digits}f}"
        return str(value)

    head = [" ".join(str(name or "") for name in table.index.names).strip(), *map(str, table.columns)]
    lines: Iterable[list[str]] = (
        [" ".join(map(str, at)) if isinstance(at, tuple) else str(at), *map(text, row)]
        for at, row in zip(table.index, table.itertuples(index=False), strict=True)
    )
    rule = ["---", *["---:"] * len(table.columns)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def played(
    settings: Sequence[Setting], policies: Sequence[str], workers: int, rules: Path = RULES_FILE
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Scores of all policies in all markets, and the forecasts in the first market."""
    rows, first = [], {}
    for setting, one in played_in(settings, policies, read_rules(rules), workers):
        place = settings.index(setting), policies.index(one.policy)
        rows.append((place, score(setting, one) | {"shared": bool(setting.sharing)}))
        if place[0] == 0 and len(one.forecasts):
            first[one.policy] = one.forecasts
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda row: row[0])]), first


def show_seasons(scores: pd.DataFrame) -> None:
    print("\n### Share of the planner, %\n")
    print(as_markdown(by_family(share_of_planner(scores)).T))
    print("\n### Of the seasons launched within the run, %\n")
    print(as_markdown(by_family(share_of_planner(scores, "revenue_launched")).T))
    print("\n### Leads in revenue, %: mean, worst and best market\n")
    ahead = leads(scores)
    models = [policy for policy in dict.fromkeys(ahead["policy"]) if policy not in OVER]
    print(as_markdown(ahead[ahead["policy"].isin(models)].set_index(["policy", "over"])))
    print("\n### The gap from the peer to the planner closed, %\n")
    for which, column in {"ended": "revenue", "launched": "revenue_launched"}.items():
        closed, sums = gap_closed(scores, column), paired(scores, column).sum()
        table = by_family(closed).T
        table["least of any market"] = closed.min()
        table["all markets summed"] = 100 * (sums[table.index] - sums[PEER]) / (sums[PLANNER] - sums[PEER])
        print(f"{which}\n\n{as_markdown(table, 1)}\n")
    print("### Next week's sales, and seconds for training, prediction and plan\n")
    print(as_markdown(forecast_quality(scores), 3))
    print(f"\nRules broken: {scores['broken'].sum()}. Articles without a price: {scores['unpriced'].sum()}.")


def show_horizons(families: Sequence[str], models: Sequence[str], articles: int, first_seed: int, markets: int) -> None:
    """Expected over true mean demand, less 1, in %. Each of a family's `markets` has a seed and a week of its own."""
    country, longest = read_countries()["DEU"], max(to for _, to in HORIZONS.values())
    rows = []
    seeds = range(first_seed, first_seed + markets * len(families))
    for seed, family in zip(seeds, cycle(families), strict=False):
        twin = twin_of(Setting(family, country, articles, longest, seed))
        rows += [(name, *row) for name in models for row in foretold_and_true(twin, name)]
    columns = ["model", "price", "weeks ahead", "expected", "true"]
    summed = pd.DataFrame(rows, columns=columns).groupby(columns[:3], sort=False).sum()
    of = f"{len(seeds)} markets, seeds {seeds[0]} to {seeds[-1]}"
    print(f"\n### Bias by weeks ahead, against the true mean demand, %; {of}\n")
    print(as_markdown((100 * (summed["expected"] / summed["true"] - 1)).unstack(), 1))


def foretold_and_true(twin: Twin, name: str) -> Iterator[tuple[str, str, float, float]]:
    """The price, the weeks ahead, and the expected and true units of all articles while their seasons last."""
    articles, history = twin.frames()
    ladders = candidate_prices(articles, history, twin.country, read_rules(), twin.week)
    model = make_model(name)
    model.fit(history, twin.week, SEED)
    expected = model.among(articles).forecast(articles, history, twin.week).at(ladders.prices, ladders.weeks).units
    true = twin.true_units(ladders)
    every, cut = np.arange(len(true)), np.abs(ladders.prices / ladders.prices[:, :1] - 0.7).argmin(axis=1)
    for price, rung in (("today's", np.zeros_like(cut)), ("30 % off", cut)):
        lasts = true[every, rung] > 0
        for ahead, (start, to) in HORIZONS.items():
            sums = [(units[every, rung] * lasts)[:, start:to].sum() for units in (expected, true)]
            yield price, ahead, *sums


def show_lending(settings: Sequence[Setting], model: str, workers: int) -> None:
    scores, _ = played(settings, (model, *(model + lent for lent in LENT), PLANNER), workers)
    print("\n### With parts of the truth lent to the model, % of the planner\n")
    print(as_markdown(by_family(share_of_planner(scores)).T))


def show_shared(families: Sequence[str], model: str, seeds: Sequence[int], weeks: int, workers: int) -> None:
    countries = read_countries()
    others = tuple(countries[code] for code in SHARING)
    settings = [
        Setting(family, countries[code], 30, weeks, seed, sharing=sharing)
        for family in families
        for code in SMALL
        for seed in seeds
        for sharing in ((), others)
    ]
    scores, _ = played(settings, (model,), workers)
    print(
        f"\n### {model}, with and without what {len(SHARING)} countries share: euros of 30 articles, small countries\n"
    )
    for which in ("revenue", "revenue_launched"):
        table = scores.pivot(index=MARKET, columns="shared", values=which)
        gain = (table[True] - table[False]).groupby("country").mean()
        percent = (100 * (table[True] / table[False] - 1)).groupby("country").mean()
        print(as_markdown(pd.DataFrame({f"{which}: euros a market": gain, "%": percent})) + "\n")


def show_plan() -> None:
    """Articles planned a second, the fastest of five times, with one market's articles repeated as often as needed."""
    twin = twin_of(Setting("constant_elasticity", read_countries()["DEU"], 150, 1, 0))
    articles, history = twin.frames()
    copies = -(-PLANNED_ARTICLES // len(articles))
    many = pd.concat([articles.assign(article_id=articles["article_id"] + f"-{copy}") for copy in range(copies)])
    past = pd.concat([history.assign(article_id=history["article_id"] + f"-{copy}") for copy in range(copies)])
    many = many.sort_values("article_id", ignore_index=True)
    past = past.sort_values(["article_id", "week"], ignore_index=True)
    model = LogLinear()
    model.fit(history, twin.week, 1)
    ladders = candidate_prices(many, past, twin.country, read_rules(), twin.week)
    demand = model.forecast(many, past, twin.week).at(ladders.prices, ladders.weeks)
    fastest = min(_seconds(ladders, Forecast.fixed("log_linear", demand)) for _ in range(5))
    print(f"\n### The plan alone\n\n{len(many)} articles, {ladders.weeks} weeks: {len(many) / fastest:,.0f} a second")


def _seconds(ladders: Ladders, forecast: Forecast) -> float:
    started = time.process_time()
    plan(ladders, forecast)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="*", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--models", nargs="*", default=["gradient_boosting"])
    parser.add_argument("--articles", type=int, default=160, help="as many as Germany usually has")
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument(
        "--seeds", type=int, default=5, help="horizons: so many markets a family, each with its own seed"
    )
    parser.add_argument("--first-seed", type=int, default=5, help="the market was chosen on 0 to 4")
    parser.add_argument(
        "--rules", type=Path, default=RULES_FILE, help="play the seasons under this file instead of the standing rules"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=["seasons", "horizons", "lending", "shared", "plan"])
    parser.add_argument("--world", default=PLAIN_WORLD, choices=WORLDS)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    started = time.perf_counter()
    country, seeds = read_countries()["DEU"], range(given.first_seed, given.first_seed + given.seeds)
    settings = [
        Setting(family, country, given.articles, given.weeks, seed, world=given.world)
        for family in given.families
        for seed in seeds
    ]
    planners = (CATEGORY_PLANNER, PLANNER) if WORLDS[given.world].substitution else (PLANNER,)
    what = (
        f"{', '.join(given.families)}; world {given.world}; {country.code}, {given.articles} articles on sale, "
        f"{given.weeks} weeks, seeds {seeds[0]} to {seeds[-1]}, each from its own week on"
    )
    print(what)
    if given.only in (None, "plan"):
        show_plan()
    if given.only in (None, "seasons"):
        scores, first = played(settings, (*OVER, *given.models, *planners), given.workers, given.rules)
        show_seasons(scores)
        if given.out:
            given.out.write_text(seasons_page(scores, first, what), encoding="utf-8")
    if given.only in (None, "horizons"):
        show_horizons(given.families, given.models, given.articles, given.first_seed, given.seeds)
    if given.only in (None, "lending"):
        show_lending(settings, given.models[0], given.workers)
    if given.only in (None, "shared"):
        show_shared(given.families, given.models[0], seeds, given.weeks, given.workers)
    print(f"\n{time.perf_counter() - started:.0f} s with {given.workers} workers")


if __name__ == "__main__":
    main()
