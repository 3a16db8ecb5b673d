"""`markdown-pricing run` runs the main job through Dagster, country by country, without a server.

Dagster takes seconds to import. It is imported after the arguments have been checked, so that a usage error comes at
once.
"""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from markdown_pricing.commands.console import print_error, progress
from markdown_pricing.commands.outcomes import ALL_THERE, interrupted, show_outcomes
from markdown_pricing.commands.places import check_writable
from markdown_pricing.countries import Countries
from markdown_pricing.demand.model import make_model
from markdown_pricing.demand.step_down import OWN
from markdown_pricing.errors import FinalError, UsageError
from markdown_pricing.installation.from_settings import champion_of, countries_of, erp_of, lake_of, rules_of
from markdown_pricing.installation.settings import LOG, MAKE, Settings, in_container
from markdown_pricing.installation.unmatched import matches_nothing, not_configured, unknown_settings
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, delivered_weeks, find_snapshot, gone_from, newest_week
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.process.imported import imported_for_good
from markdown_pricing.process.logs import ALERTS, FAILURE, OFF, STDERR, STDOUT, tell, write_to

if TYPE_CHECKING:
    from markdown_pricing.orchestration.local_round import LocalRound
    from markdown_pricing.orchestration.lost_runs import Places
    from markdown_pricing.orchestration.outcome import RunOutcome


class WeekBeforeStart(UsageError):
    def __init__(self, week: date, start: date) -> None:
        super().__init__(f"{week} is before the first week {start}. Set MARKDOWN_PRICING_START_WEEK to it or earlier.")


class NoSnapshot(FinalError):
    """The snapshot could not be made. The message is the job's own."""


class NoneDelivered(FinalError):
    def __init__(self, snapshot: Snapshot, countries: Sequence[str]) -> None:
        super().__init__(
            f"The snapshot of {snapshot.week} holds none of {', '.join(countries)}, only "
            f"{', '.join(snapshot.bytes_by_country) or 'no country at all'}. Have the ETL deliver them."
        )


def run(
    environ: Mapping[str, str],
    week: date | None,
    countries: Sequence[str] | None,
    workers: int,
    again: bool,
    as_json: bool,
) -> int:
    """Price a week and refresh the ERP. Returns 1 when a country failed; raises a UsageError before anything starts.

    Of the countries that are not named one by one in `countries`, only those are priced that the delivery holds.
    """
    settings = Settings.from_env(environ, needs_places=in_container(environ))
    configured = countries_of(settings)
    chosen = configured.choose(countries or settings.country_group or list(configured))
    rules = rules_of(settings)
    make_model(settings.demand_model)
    lake = lake_of(settings)
    week = week or newest_week(lake)
    if week < settings.start_week:
        raise WeekBeforeStart(week, settings.start_week)
    check_writable(lake, paths.KEPT)
    with imported_for_good():
        from markdown_pricing.orchestration.dagster_home import keep_dagster_private, make_dagster_home
        from markdown_pricing.orchestration.local_round import LocalRound
        from markdown_pricing.orchestration.lost_runs import Places

    for sentence in unknown_settings(environ):
        print_error(sentence)
    make_dagster_home(settings.dagster_home)
    settings = _with_log(settings, in_container(environ), as_json)
    _hand_on(settings)
    places = Places(lake, erp_of(settings), configured)
    outcomes: list[RunOutcome] = []
    gone: list[str] = []
    a_round = LocalRound(week, workers, places)
    try:
        with a_round:
            if settings.raw_url is not None and week not in delivered_weeks(lake):
                _make_snapshot(a_round, week)
            snapshot = find_snapshot(lake, week)
            _say_what_matches_nothing(settings, lake, snapshot, rules, configured)
            if countries is None:
                gone, chosen = gone_from(lake, snapshot, chosen), _delivered(snapshot, chosen)
            if len(chosen) > 1:
                _share_demand(a_round, lake, snapshot, list(configured), champion_of(settings, lake))
            if not again:
                outcomes += _done_earlier(settings, places, snapshot, chosen, rules)
            done = {outcome.country for outcome in outcomes}
            _price(a_round, snapshot, [code for code in chosen if code not in done], outcomes)
    except KeyboardInterrupt:
        print_error(interrupted([*outcomes, *a_round.recovered], len(chosen), by_make=MAKE in environ))
        return 1
    finally:
        keep_dagster_private(settings.dagster_home)
    if outcomes and all(outcome.earlier for outcome in outcomes):
        print_error(ALL_THERE)
    outcomes.sort(key=lambda outcome: chosen.index(outcome.country))
    show_outcomes(week, outcomes, gone, as_json, beside_log_lines=settings.log == STDOUT)
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def _with_log(settings: Settings, is_container: bool, as_json: bool) -> Settings:
    """Where log lines go unless a setting says it: they are for containers, where a collector reads them.

    Standard output then holds nothing else, or else only the JSON document.
    """
    if settings.log is None:
        settings = replace(settings, log=(STDERR if as_json else STDOUT) if is_container else OFF)
    write_to(settings.log, settings.environment, settings.secrets)
    return settings


def _hand_on(settings: Settings) -> None:
    """What was decided of Dagster and of the log: Dagster and the workers read it from the environment alone."""
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    os.environ[LOG] = str(settings.log)


def _make_snapshot(a_round: "LocalRound", week: date) -> None:
    """Make the snapshot from the raw tables. Raises NoSnapshot."""
    with progress(f"Making the snapshot of {week}", 1) as advance:
        why_not = a_round.make_snapshot()
        advance("failed" if why_not else "done")
    if why_not:
        raise NoSnapshot(why_not)


def _say_what_matches_nothing(
    settings: Settings, lake: Lake, snapshot: Snapshot, rules: RuleBook, configured: Countries
) -> None:
    for sentence in matches_nothing(lake, snapshot, rules, configured, settings.currencies_file):
        print_error(sentence)
    if left_out := not_configured(snapshot, configured):
        print_error(f"Delivered and not configured, and so not priced: {', '.join(left_out)}.")


def _share_demand(a_round: "LocalRound", lake: Lake, snapshot: Snapshot, configured: Sequence[str], model: str) -> None:
    """Learn what the countries share, unless that is there. When it fails, the countries are priced without it.

    It is learnt from all configured countries of the delivery, not from the chosen ones. Otherwise a country's prices
    would depend on which other countries are priced with it. It is learnt anew when `model`, with which they are
    priced now, learns from all countries itself and had no part in it.
    """
    from markdown_pricing.kept.shared_demand import shared_demand_at_hand
    from markdown_pricing.learnt_together import lacks_its_own

    shared = shared_demand_at_hand(lake, snapshot.week, snapshot.stamp).shared
    if shared is not None and not (model in lake.models and lacks_its_own(shared, model)):
        return
    work = _work([code for code in configured if code in snapshot.bytes_by_country], snapshot)
    with progress(f"Shared demand of {snapshot.week}", len(work), sum(work.values())) as advance:

        def learnt(country: str) -> None:
            if country in work:  # one that is not delivered is looked for, too, and there is nothing to learn from it
                advance(country, work[country])

        why_not = a_round.learn_shared_demand(learnt)
    if why_not:
        print_error(f"The countries are priced without what they share: {why_not}")


def _done_earlier(
    settings: Settings, places: "Places", snapshot: Snapshot, chosen: Sequence[str], rules: RuleBook
) -> Iterable["RunOutcome"]:
    from markdown_pricing.orchestration.earlier import done_earlier, wanted_origins

    model, follow = settings.demand_model, settings.follow_champion
    wanted = wanted_origins(places, snapshot, chosen, rules, model, follow, print_error)
    return done_earlier(places.erp, snapshot.week, wanted).values()


def _price(a_round: "LocalRound", snapshot: Snapshot, countries: Sequence[str], outcomes: list["RunOutcome"]) -> None:
    """Price the countries and add each outcome to `outcomes` as soon as it is there."""
    if not countries:
        return
    work = _work(countries, snapshot)
    # The largest come first, so that no worker is left alone with one at the end.
    largest_first = sorted(countries, key=lambda code: -work[code])
    with progress(f"Pricing {snapshot.week}", len(countries), sum(work.values())) as advance:
        for outcome in a_round.price(largest_first):
            outcomes.append(outcome)
            if outcome.failed:
                _tell_failed(snapshot.week, outcome)
            grade = f", model grade {outcome.grade}" if outcome.grade not in (None, OWN) else ""
            note = f"{outcome.country} {outcome.status} in {outcome.seconds:.1f} s{grade}"
            advance(note, work[outcome.country])


def _work(countries: Sequence[str], snapshot: Snapshot) -> dict[str, float]:
    """How much work each country is, by the size of its files."""
    return {code: float(snapshot.bytes_by_country.get(code, 1)) for code in countries}


def _tell_failed(week: date, outcome: "RunOutcome") -> None:
    """Log that the country failed for good, because no daemon starts it again."""
    facts = {
        "event.dataset": ALERTS,
        "event.action": "country_failed",
        "event.outcome": FAILURE,
        "markdown.week": week.isoformat(),
        "markdown.country": outcome.country,
        "markdown.run_id": outcome.run_id or None,
    }
    tell(outcome.message, facts, logging.ERROR)


def _delivered(snapshot: Snapshot, countries: Sequence[str]) -> list[str]:
    """Those of the countries that the snapshot holds. Raises NoneDelivered."""
    delivered = [code for code in countries if code in snapshot.bytes_by_country]
    if not delivered:
        raise NoneDelivered(snapshot, countries)
    return delivered
