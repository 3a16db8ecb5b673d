"""`markdown-pricing promote` makes a challenger the champion when it wins the same back-test by a margin."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from markdown_pricing.backtest.real_weeks import RealWeeks, compare_forecasts
from markdown_pricing.backtest.replay import replay
from markdown_pricing.backtest.scores import MARKET, score
from markdown_pricing.backtest.twin import Setting, policy_named
from markdown_pricing.commands.backtest import (
    REPLAYED_WEEKS,
    SEASON_WEEKS,
    TooLittleHistory,
    first_of,
    no_season_ends,
    played_in,
    print_compared,
    sold_before,
)
from markdown_pricing.commands.console import print_error, print_json, print_table, progress
from markdown_pricing.countries import Countries
from markdown_pricing.demand.model import check_allowed
from markdown_pricing.errors import TRY_AGAIN, FinalError, TransientError, UsageError
from markdown_pricing.experiments.champion import Champion, champions, go_back
from markdown_pricing.experiments.champion import promote as keep
from markdown_pricing.experiments.tracker import MlflowTracker, Tracker
from markdown_pricing.experiments.trial import Verdict, judge, trials
from markdown_pricing.installation.from_settings import champion_of, countries_of, lake_of, rules_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.lake.errors import LakeMissing
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import NothingDelivered, find_snapshot, newest_week
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.process.device import choose_device
from markdown_pricing.provenance import code_version
from markdown_pricing.sample.families import FAMILIES, family_named


class NoChallenger(UsageError):
    def __init__(self) -> None:
        super().__init__("Name a challenger, a demand model that is not the champion, or give --back or --show.")


class RuleBroken(FinalError):
    def __init__(self, broken: Sequence[str]) -> None:
        super().__init__(f"A rule was broken in the back-test, so nothing is promoted: {broken[0]}")


class TooShort(UsageError):
    def __init__(self, weeks: int) -> None:
        super().__init__(no_season_ends(weeks))


def promote(
    settings: Settings,
    challenger: str | None,
    margin: float,
    families: Sequence[str] | None,
    countries: Sequence[str] | None,
    articles: int,
    weeks: int | None,
    seeds: int,
    workers: int,
    back: bool,
    show: bool,
    as_json: bool,
) -> int:
    """Compare the challenger with the champion and promote it when it wins; or show, or take back the last promotion.

    The parameters are the options of the command. It returns the exit code.
    """
    lake = lake_of(settings)
    if show or back:
        return _show_promotions(lake, settings, go_back(lake) if back else None, as_json)
    seen = champions(lake)
    champion = seen[-1].model if seen else settings.demand_model
    if challenger is None or challenger == champion:
        raise NoChallenger()
    choose_device(settings.device)
    for name in (champion, challenger):
        policy_named(check_allowed(name, lake.models))
    known = countries_of(settings)
    codes = known.choose(countries or first_of(known))
    plays = [
        Setting(family_named(family).name, known[code], articles, weeks or SEASON_WEEKS, seed)
        for family in families or FAMILIES
        for code in codes
        for seed in range(seeds)
    ]
    sold = real_sales(lake, known, countries)
    scores = _play(plays, (champion, challenger), settings, workers)
    first = plays[0]
    if not scores["seasons"].sum():
        raise TooShort(first.weeks)
    what = f"{','.join(families or FAMILIES)} {','.join(codes)} {first.articles}x{first.weeks} seeds {seeds}"
    _track(settings, scores, what)
    revenue = scores.pivot(index=MARKET, columns="policy", values="revenue")
    verdict = judge(revenue, champion, challenger, margin)
    real = real_weeks(sold, champion, challenger) if verdict.won else None
    promoted = verdict.won and not (real and real.refuses)
    if promoted:
        rules = rules_of(settings).version
        now = datetime.now(UTC).isoformat(timespec="seconds")
        lead = round(verdict.lead_pct, 3)
        won = Champion(challenger, champion, lead, what, rules, code_version(), now, str(real or ""))
        keep(lake, won, seen)
    _show(verdict, real, promoted, revenue, as_json)
    return 0 if promoted else 1


def real_sales(lake: Lake, known: Countries, countries: Sequence[str] | None) -> list[CountryWeek]:
    """What was sold before the lake's newest snapshot; a country without enough history is left out, which is said.

    countries : None for the first configured one that the snapshot holds with enough history
    Raises what reading them raises, so that nobody plays seasons for a verdict that cannot be given.
    """
    try:
        week = newest_week(lake)
        snapshot = find_snapshot(lake, week)
    except (LakeMissing, NothingDelivered) as error:
        print_error(f"No real weeks count: {error}")
        return []
    sold: list[CountryWeek] = []
    for code in (code for code in countries or known if code in snapshot.bytes_by_country):
        try:
            sold.append(sold_before(lake, snapshot, week, code, known))
        except TooLittleHistory as error:
            print_error(f"No real weeks of {code} count: {error}")
        if sold and not countries:
            break
    if not sold:
        print_error(
            f"No real weeks count: the snapshot of {week} holds none of the countries that are played with enough "
            "history."
        )
    return sold


def real_weeks(sold: Sequence[CountryWeek], champion: str, challenger: str) -> RealWeeks | None:
    """Both models on the last weeks of what was sold; None where there are none, or where the champion fails on them.

    A challenger that fails there is refused by it: it would fail in the next round, too.
    """
    if not sold:
        return None
    frames: list[pd.DataFrame] = []
    for model in (champion, challenger):
        try:
            frames += [
                rows.assign(country=one.country, model=model)
                for one in sold
                for rows in replay(one, model, REPLAYED_WEEKS)
            ]
        except TRY_AGAIN:
            raise
        except Exception as error:  # whatever a model raises that somebody has written
            why = str(error) or type(error).__name__
            if model == challenger:
                return RealWeeks(champion, challenger, weeks=0, broken=why)
            print_error(f"No real weeks count: the champion, {champion}, fails on them: {why}")
            return None
    return compare_forecasts(pd.concat(frames, ignore_index=True), champion, challenger)


def _play(plays: Sequence[Setting], models: Sequence[str], settings: Settings, workers: int) -> pd.DataFrame:
    """The scores, one row for each model and market. Raises RuleBroken."""
    rows: list[dict[str, object]] = []
    broken: list[str] = []
    with progress("Playing seasons", len(plays) * len(models)) as advance:
        for setting, played in played_in(plays, models, rules_of(settings), workers):
            rows.append(score(setting, played))
            broken += played.broken
            advance(f"{setting.family} {setting.country.code} seed {setting.seed}: {played.policy}")
    if broken:
        raise RuleBroken(broken)
    return pd.DataFrame(rows)


def _track(settings: Settings, scores: pd.DataFrame, what: str) -> None:
    """Keep the trials in MLflow. When MLflow does not answer, one message says so and the comparison goes on."""
    if not settings.experiments:
        return
    tracker: Tracker = MlflowTracker(settings.experiments, artifacts_beside(settings.experiments))
    rules = settings.rules_file.read_text(encoding="utf-8")
    parameters = {"backtest": what, "rules": rules_of(settings).version, "code": code_version()}
    try:
        tracker.keep(trials(scores, what, parameters, rules))
    except TransientError as error:
        print_error(f"{error} The comparison goes on.")


def artifacts_beside(uri: str) -> str | None:
    """The folder for the files of a local store, which is beside its database; None for a tracking server."""
    return Path(uri.removeprefix("sqlite:///")).with_suffix("").as_uri() if uri.startswith("sqlite:////") else None


def _show(verdict: Verdict, real: RealWeeks | None, promoted: bool, revenue: pd.DataFrame, as_json: bool) -> None:
    if as_json:
        models = {"champion": verdict.champion, "challenger": verdict.challenger, "promoted": promoted}
        leads = [
            dict(zip((*verdict.leads.index.names, "lead_pct"), (*market, lead), strict=True))
            for market, lead in verdict.leads.items()
        ]
        judged = None if real is None else {**asdict(real), "worse": [str(one) for one in real.worse]}
        margins = {"lead_pct": verdict.lead_pct, "margin_pct": verdict.margin_pct}
        print_json({**models, **margins, "markets": leads, "real_weeks": judged})
        return
    rows = [
        (
            " ".join(map(str, market)),
            f"{line[verdict.champion]:,.0f}",
            f"{line[verdict.challenger]:,.0f}",
            f"{verdict.leads[market]:+.2f}",
        )
        for market, line in revenue.iterrows()
    ]
    print_table("Revenue, the same market for both", ("", verdict.champion, verdict.challenger, "%"), rows)
    print(verdict)
    if real is not None:
        print_compared(real)
    print(f"{verdict.challenger} is the champion from the next run on." if promoted else f"{verdict.champion} stays.")


def _show_promotions(lake: Lake, settings: Settings, taken_back: Champion | None, as_json: bool) -> int:
    model, promoted = champion_of(settings, lake), champions(lake)
    if as_json:
        gone = None if taken_back is None else taken_back.model
        print_json({"model": model, "taken_back": gone, "promoted": [asdict(one) for one in promoted]})
        return 0
    if taken_back is not None:
        print(f"{taken_back.model} is no longer the champion.")
    if not settings.follow_champion:
        print(f"{model} prices, because MARKDOWN_PRICING_MODEL names it; no promotion changes that.")
    elif promoted:
        print(f"{model} prices from the next run on.")
    else:
        print(f"No model is promoted. {model}, the default, prices.")
    for one in promoted:
        print(f"  {one.promoted_at}: {one.model}, {one.lead_pct:+.2f} % over {one.over} in {one.backtest}")
    return 0
