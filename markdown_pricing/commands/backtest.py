"""`markdown-pricing backtest` shows what a model's prices earn in simulated seasons, or how it forecasts real weeks.

The pictures of a report take seconds to import. They are imported when a report is written, so that a usage error comes
at once.
"""

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pandas as pd

from markdown_pricing import __version__
from markdown_pricing.backtest.real_weeks import RealWeeks, as_table, compare_forecasts
from markdown_pricing.backtest.replay import LEAST_WEEKS_BEFORE, origins, replay
from markdown_pricing.backtest.scores import (
    OVER,
    by_family,
    forecast_quality,
    leads,
    replay_scores,
    score,
    share_of_planner,
)
from markdown_pricing.backtest.twin import PEER, PLANNER, Setting, play_setting, policy_named
from markdown_pricing.commands.console import print_error, print_json, print_table, progress
from markdown_pricing.commands.places import named_lake, write_whole
from markdown_pricing.countries import Countries, unconfigured
from markdown_pricing.demand.model import make_model
from markdown_pricing.errors import FinalError, PricingError
from markdown_pricing.installation.from_settings import countries_of, rules_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, find_snapshot, newest_week, read_country
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.simulation import Played
from markdown_pricing.pricing import CountryWeek, make_training_data
from markdown_pricing.process.device import choose_device
from markdown_pricing.process.workers import worker_processes
from markdown_pricing.sample.families import FAMILIES, family_named
from markdown_pricing.texts.words import counted
from markdown_pricing.training_data.schema import columns_to_read

SEASON_WEEKS, REPLAYED_WEEKS = 26, 8
"""Weeks that are played or replayed unless --weeks says otherwise: half a year, and two months."""


class TooLittleHistory(FinalError):
    def __init__(self, code: str, week: date) -> None:
        super().__init__(
            f"There is too little history before {week} to replay a week of {code}: a model needs "
            f"{counted(LEAST_WEEKS_BEFORE, 'week')} before its first forecast."
        )


class NothingReplayed(FinalError):
    def __init__(self, week: date) -> None:
        super().__init__(f"No country of {week} could be replayed. The messages above say why.")


def backtest(
    settings: Settings,
    lake: str | None,
    week: date | None,
    countries: Sequence[str] | None,
    families: Sequence[str] | None,
    world: str,
    models: Sequence[str] | None,
    articles: int,
    weeks: int | None,
    seeds: int,
    workers: int,
    rules: Path | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Play simulated seasons or, with `lake`, replay a lake's weeks; the parameters are the options of the command.

    returns the exit code
    """
    choose_device(settings.device)
    chosen = tuple(models or (settings.demand_model,))
    if lake is not None:
        for name in chosen:
            make_model(name)
        known = countries_of(settings)
        for code in countries or ():
            unconfigured(code)
        compared = tuple(dict.fromkeys((*chosen, PEER)))
        return _replay(
            named_lake(settings, lake), week, countries, known, compared, weeks or REPLAYED_WEEKS, out, as_json
        )
    for name in chosen:
        policy_named(name)
    book = rules_of(settings, rules)
    known = countries_of(settings)
    plays = [
        Setting(family_named(family).name, country, articles, weeks or SEASON_WEEKS, seed, world=world)
        for family in families or FAMILIES
        for country in (known[code] for code in known.choose(countries or first_of(known)))
        for seed in range(seeds)
    ]
    return _simulate(plays, tuple(dict.fromkeys((*OVER, *chosen, PLANNER))), book, workers, out, as_json)


def first_of(configured: Countries) -> list[str]:
    """The country whose seasons are played when none is named: the first one that is configured."""
    return [next(iter(configured))]


def _simulate(
    plays: Sequence[Setting], policies: Sequence[str], book: RuleBook, workers: int, out: Path | None, as_json: bool
) -> int:
    first: dict[str, pd.DataFrame] = {}
    rows: list[tuple[Setting, dict[str, object]]] = []
    broken: list[str] = []
    with progress("Playing seasons", len(plays) * len(policies)) as advance:
        for setting, played in played_in(plays, policies, book, workers):
            rows.append((setting, score(setting, played)))
            broken += played.broken
            if setting == plays[0] and len(played.forecasts):
                first[played.policy] = played.forecasts
            advance(f"{setting.family} {setting.country.code} seed {setting.seed}: {played.policy}")
    rows.sort(key=lambda row: (plays.index(row[0]), policies.index(str(row[1]["policy"]))))
    scores = pd.DataFrame([row for _, row in rows])
    for fault in broken[:20]:
        print_error(f"A rule was broken: {fault}")
    what = (
        f"{counted(len(plays), 'simulated market')}: {', '.join(dict.fromkeys(one.family for one in plays))}; "
        f"world {plays[0].world}; "
        f"{', '.join(dict.fromkeys(one.country.code for one in plays))}, "
        f"{counted(plays[0].articles, 'article')} on sale, "
        f"{counted(plays[0].weeks, 'week')} from {' or '.join(dict.fromkeys(str(one.week) for one in plays))}, "
        f"seeds 0 to {max(one.seed for one in plays)}. "
        f"markdown-pricing {__version__}"
    )
    if out is not None and not scores["seasons"].sum():
        print_error(f"The report {out} is not written, because there is no season to draw.")
        out = None
    if as_json:
        print_json({"what": what, "report": out, "scores": scores.to_dict("records")})
    else:
        _print_seasons(scores, what, plays[0].weeks)
    if out is not None:
        from markdown_pricing.backtest.report import seasons_page

        _write(seasons_page(scores, first, what), out)
    return 1 if broken or scores["unpriced"].sum() else 0


def played_in(
    plays: Sequence[Setting], policies: Sequence[str], book: RuleBook, workers: int
) -> Iterator[tuple[Setting, Played]]:
    """Play every policy in every market, and yield each season as soon as it is finished."""
    with worker_processes(workers) as pool:
        running: dict[Future[Played], Setting] = {
            pool.submit(play_setting, setting, policy, book): setting
            for setting, policy in itertools.product(plays, policies)
        }
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        finally:  # after an error or Ctrl-C nobody waits for the seasons that have not begun
            pool.shutdown(wait=False, cancel_futures=True)


def _print_seasons(scores: pd.DataFrame, what: str, weeks: int) -> None:
    print(what)
    if scores["seasons"].sum():
        _print_revenue(scores)
    else:
        print(no_season_ends(weeks))
    quality = forecast_quality(scores)
    print_table("Next week's sales", ["", *quality.columns], _cells(quality, 3))
    print(f"Rules broken: {scores['broken'].sum()}. Articles without a price: {scores['unpriced'].sum()}.")


def no_season_ends(weeks: int) -> str:
    return (
        f"No article's season begins and ends within {counted(weeks, 'week')}, so that no revenue can be compared. "
        "Play more weeks (--weeks)."
    )


def _print_revenue(scores: pd.DataFrame) -> None:
    shares = by_family(share_of_planner(scores)).T
    print_table("Revenue in % of the planner who knows the true mean demand", ["", *shares.columns], _cells(shares, 2))
    ahead = leads(scores)
    wide = ahead.pivot(index="policy", columns="over", values="mean").reindex(list(dict.fromkeys(ahead["policy"])))
    wide = wide[[over for over in OVER if over in wide]]
    print_table("Lead in revenue, % over", ["", *wide.columns], _cells(wide, 2))


def _cells(table: pd.DataFrame, digits: int) -> list[list[str]]:
    return [
        [str(at), *("" if pd.isna(value) else f"{value:.{digits}f}" for value in row)]
        for at, row in zip(table.index, table.itertuples(index=False), strict=True)
    ]


def sold_before(source: Lake, snapshot: Snapshot, week: date, code: str, known: Countries) -> CountryWeek:
    """A country's sales before the week. Raises TooLittleHistory when no week of them can be replayed."""
    table = read_country(source, snapshot, code, columns_to_read, encoded=True)
    sold = CountryWeek.of(make_training_data(table, week, code, known.changes_of(code)), week, code)
    if not origins(sold, 1):
        raise TooLittleHistory(code, week)
    return sold


def _replay(
    lake: Lake,
    week: date | None,
    countries: Sequence[str] | None,
    known: Countries,
    models: Sequence[str],
    weeks: int,
    out: Path | None,
    as_json: bool,
) -> int:
    week = week or newest_week(lake)
    snapshot = find_snapshot(lake, week)
    chosen = list(countries or snapshot.bytes_by_country)
    compared, failed = [], {}
    with progress(f"Replaying {counted(weeks, 'week')} before {week}", len(chosen) * len(models)) as advance:
        for code in chosen:
            try:
                sold = sold_before(lake, snapshot, week, code, known)
                for model in models:
                    frames = list(replay(sold, model, weeks))
                    compared += [rows.assign(country=code, model=model) for rows in frames]
                    advance(f"{code} {model}, from {len(origins(sold, weeks))} Mondays")
            except PricingError as error:
                failed[code] = str(error)
                print_error(f"{code}: {error}")
    if not compared:
        raise NothingReplayed(week)
    rows = pd.concat(compared, ignore_index=True)
    scores = replay_scores(rows)
    what = (
        f"{counted(len(chosen) - len(failed), 'country')} of the snapshot of {week} in {lake.url}, each forecast from "
        f"its last {counted(weeks, 'Monday')} at the prices that were asked. markdown-pricing {__version__}"
    )
    against = [compare_forecasts(rows, models[0], model) for model in models[1:]]
    if as_json:
        records = scores.reset_index().to_dict("records")
        judged = [asdict(one) for one in against]
        print_json({"what": what, "report": out, "scores": records, "against": judged, "failed": failed})
    else:
        print(what)
        print_table("Forecasts of real weeks", ["", *scores.columns], _cells(scores, 3))
        for one in against:
            print_compared(one)
    if out is not None:
        from markdown_pricing.backtest.report import replay_page

        _write(replay_page(rows, scores, against, what), out)
    return 1 if failed else 0


def print_compared(compared: RealWeeks) -> None:
    """The table of a comparison on real weeks, if there is one, and the sentence that says what it comes to."""
    if compared.measures:
        table = as_table(compared)
        rows = [[str(at), *map(str, row)] for at, row in zip(table.index, table.itertuples(index=False), strict=True)]
        print_table("The same real weeks, with intervals that hold together with 90 %", ["", *table.columns], rows)
    print(compared)


def _write(page: str, out: Path) -> None:
    write_whole(out, lambda file: file.write_text(page, encoding="utf-8"))
    print_error(f"The report is in {out}.")
