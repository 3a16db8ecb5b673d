"""`markdown-pricing run` runs the main job through Dagster, country by country, without a server.

Dagster takes seconds to import. It is imported after the arguments have been checked, so that a usage error comes at
once.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_pricing.commands.console import print_error, print_json, print_table, progress
from markdown_pricing.countries import read_countries
from markdown_pricing.demand.model import make_model
from markdown_pricing.demand.step_down import OWN
from markdown_pricing.errors import FinalError, UsageError
from markdown_pricing.files import read_rules
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, delivered_weeks, find_snapshot, gone_from, newest_week
from markdown_pricing.logs import ALERTS, FAILURE, STDERR, tell, write_to
from markdown_pricing.private import FOLDER, keep_private, write_private
from markdown_pricing.settings import DATA, LOG, Settings
from markdown_pricing.workers import end_on_a_stop

OF_DAGSTER = ("history", "logs", "schedules", "storage", ".logs_queue", ".nux", ".telemetry")
"""The folders that Dagster makes in its home, where an operator may keep other things, too."""

if TYPE_CHECKING:
    from markdown_pricing.orchestration.local_round import Outcome


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


def run(settings: Settings, week: date | None, countries: Sequence[str] | None, workers: int, as_json: bool) -> int:
    """Price a week and refresh the ERP. Returns 1 when a country failed; raises a UsageError before anything starts.

    Of the countries that are not named one by one in `countries`, only those are priced that the delivery holds.
    """
    configured = read_countries(settings.countries_file, settings.currencies_file)
    chosen = configured.choose(countries or settings.country_group or list(configured))
    read_rules(settings.rules_file)
    make_model(settings.demand_model)
    lake = Lake(settings.lake_url, settings.results_key)
    week = week or newest_week(lake)
    if week < settings.start_week:
        raise WeekBeforeStart(week, settings.start_week)
    from markdown_pricing.orchestration.local_round import price_countries

    make_dagster_home(settings.dagster_home)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    if as_json and settings.log is None:  # standard output holds only the JSON document
        settings = replace(settings, log=STDERR)
        os.environ[LOG] = STDERR
    write_to(settings.log, settings.environment, settings.secrets)
    if settings.raw_url is not None and week not in delivered_weeks(lake):
        _make_snapshot(week)
    snapshot = find_snapshot(lake, week)
    gone: list[str] = []
    if countries is None:
        gone, chosen = gone_from(lake, snapshot, chosen), _delivered(snapshot, chosen)
    if len(chosen) > 1:
        _share_demand(lake, snapshot, workers)
    end_on_a_stop()  # not earlier, because each run in this process sets what a stop does to it
    outcomes: list[Outcome] = []
    with progress(f"Pricing {snapshot.week}", len(chosen)) as advance:
        for outcome in price_countries(snapshot.week, _largest_first(chosen, snapshot), workers):
            outcomes.append(outcome)
            if outcome.failed:
                _tell_failed(snapshot.week, outcome)
            grade = f", model grade {outcome.grade}" if outcome.grade not in (None, OWN) else ""
            advance(f"{outcome.country} {outcome.status} in {outcome.seconds:.1f} s{grade}")
    keep_dagster_private(settings.dagster_home)
    outcomes.sort(key=lambda outcome: chosen.index(outcome.country))
    _show(snapshot.week, outcomes, gone, as_json)
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def _make_snapshot(week: date) -> None:
    """Make the snapshot from the raw tables. Raises NoSnapshot."""
    from markdown_pricing.orchestration.local_round import make_snapshot

    with progress(f"Making the snapshot of {week}", 1) as advance:
        why_not = make_snapshot(week)
        advance("failed" if why_not else "done")
    if why_not:
        raise NoSnapshot(why_not)


def _tell_failed(week: date, outcome: "Outcome") -> None:
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


def _share_demand(lake: Lake, snapshot: Snapshot, workers: int) -> None:
    """Learn what the countries share, unless that is there. When it fails, the countries are priced without it.

    It is learnt from all configured countries of the delivery, not from the chosen ones. Otherwise a country's prices
    would depend on which other countries are priced with it.
    """
    from markdown_pricing.orchestration.local_round import learn_shared_demand
    from markdown_pricing.results import shared_demand_at_hand

    if shared_demand_at_hand(lake, snapshot.week, snapshot.stamp).shared is not None:
        return
    with progress(f"Learning what the countries of {snapshot.week} share", 1) as advance:
        why_not = learn_shared_demand(snapshot.week, workers)
        advance("failed" if why_not else "done")
    if why_not:
        print_error(f"The countries are priced without what they share: {why_not}")


def make_dagster_home(home: Path) -> None:
    """Make the folder, for its owner alone, and its dagster.yaml where they are missing; what is there stays."""
    home.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        write_private(home / "dagster.yaml", (DATA / "dagster.yaml").read_text(encoding="utf-8"))


def keep_dagster_private(home: Path) -> None:
    """Logs, and what runs have recorded, are for nobody but their owner, whatever the umask is and was."""
    for name in OF_DAGSTER:
        keep_private(home / name)


def _largest_first(countries: Sequence[str], snapshot: Snapshot) -> list[str]:
    """The countries by the size of their files, so that no worker is left alone with a large country at the end."""
    return sorted(countries, key=lambda code: -snapshot.bytes_by_country.get(code, 0))


def _delivered(snapshot: Snapshot, countries: Sequence[str]) -> list[str]:
    """Those of the countries that the snapshot holds. Raises NoneDelivered."""
    delivered = [code for code in countries if code in snapshot.bytes_by_country]
    if not delivered:
        raise NoneDelivered(snapshot, countries)
    return delivered


def _show(week: date, outcomes: Sequence["Outcome"], gone: Sequence[str], as_json: bool) -> None:
    if as_json:
        print_json({"week": week, "countries": [asdict(outcome) for outcome in outcomes], "gone": gone})
    else:
        print_table(
            f"Week {week}",
            ("Country", "Result", "Articles", "Markdowns", "Revenue, against keeping", "against the habit", "Seconds"),
            [_row(outcome) for outcome in outcomes],
            numbers_from=2,
        )
        done = [outcome for outcome in outcomes if not outcome.failed]
        articles, markdowns = sum(o.articles or 0 for o in done), sum(o.markdowns or 0 for o in done)
        print(f"{len(done)} of {len(outcomes)} countries, {articles:,} articles, {markdowns:,} markdowns.")
    for outcome in outcomes:
        if outcome.failed:
            print_error(f"{outcome.country}: {outcome.message}")
    if gone:
        print_error(
            f"Incomplete: the delivery of {week} lacks {', '.join(gone)}, which the delivered week before it held. "
            "Have the ETL deliver the week with them."
        )


def _row(outcome: "Outcome") -> tuple[str, ...]:
    def share(value: float | None) -> str:
        return "" if value is None else f"{value:+.1f} %"

    def count(value: int | None) -> str:
        return "" if value is None else f"{value:,}"

    return (
        outcome.country,
        outcome.status,
        count(outcome.articles),
        count(outcome.markdowns),
        share(outcome.lead_over_keep_pct),
        share(outcome.lead_over_habit_pct),
        f"{outcome.seconds:.1f}",
    )
