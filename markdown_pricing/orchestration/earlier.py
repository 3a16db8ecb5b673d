"""What an earlier run has done already, so that `markdown-pricing run` goes on with what is missing.

Dagster's record of a refresh says what its rows were made from, and the ERP's receipt says that they are there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

import dagster as dg
from dagster import DagsterEventType

from markdown_pricing import pricing
from markdown_pricing.arms.draw import arms_of
from markdown_pricing.decisions.decision import Decision
from markdown_pricing.delivered import origin_of_delivery
from markdown_pricing.erp.database import Erp
from markdown_pricing.errors import TransientError
from markdown_pricing.experiments.champion import champion_or
from markdown_pricing.kept.arms import draws_or_none
from markdown_pricing.kept.results import Results
from markdown_pricing.kept.shared_demand import shared_demand_at_hand
from markdown_pricing.lake.snapshot import Snapshot
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.orchestration.decided import find_decisions
from markdown_pricing.orchestration.facts import latest_events, recorded_refreshes, refreshes_in_erp
from markdown_pricing.orchestration.figures import made_from
from markdown_pricing.orchestration.lost_runs import Places
from markdown_pricing.orchestration.names import REFRESH, SUPERSEDED_BY
from markdown_pricing.orchestration.next_round import holds
from markdown_pricing.orchestration.outcome import RunOutcome, recorded_outcome
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.provenance import Provenance


def wanted_origins(
    places: Places,
    snapshot: Snapshot,
    countries: Iterable[str],
    rules: RuleBook,
    model: str,
    follow_champion: bool,
    tell: Callable[[str], None] = lambda sentence: None,
) -> dict[str, Provenance]:
    """What each country's rows are to be made from: snapshot, plan, code, rules, champion, what is shared, locks, arm.

    Where the ERP, which has the locks, does not answer, they are taken for none: whatever is priced then asks it again.
    It is not asked for the other countries after that. Where it answers and does not show them, as to a wrong account,
    `tell` is called with the first country and why, once for each reason: the locks of the lake's copies count then.
    """
    now = datetime.now(UTC)
    made_with: dict[str, str | int] = {
        "model_asked": champion_or(places.lake, model, follow_champion),
        "seed": pricing.SEED,
        "shared_demand": shared_demand_at_hand(places.lake, snapshot.week, snapshot.stamp).version,
    }
    draws = draws_or_none(places.lake)
    decided = _decisions([Results(places.lake, snapshot.week, code) for code in countries], places.erp, now, tell)
    return {
        code: pricing.priced_under(
            origin_of_delivery(snapshot, code, places.countries.changes_of(code)).of(**made_with),
            rules,
            places.countries[code],
            decisions,
            arms_of(draws, code, snapshot.week),
        )
        for code, decisions in decided.items()
    }


def _decisions(
    countries: Sequence[Results], erp: Erp, now: datetime, tell: Callable[[str], None]
) -> dict[str, Sequence[Decision]]:
    """By country its decisions; none from the first one on for which the ERP does not answer."""
    by_country: dict[str, Sequence[Decision]] = {results.country: () for results in countries}
    warned = set()
    try:
        for results in countries:
            own = find_decisions(results, erp, now)
            by_country[results.country] = own.read.decisions
            if own.warning and not own.is_first and own.not_asked not in warned:
                warned.add(own.not_asked)
                tell(f"{results.country}: {own.warning}")
    except TransientError:
        pass
    return by_country


def done_earlier(erp: Erp, week: date, wanted: Mapping[str, Provenance]) -> dict[str, RunOutcome]:
    """The countries of the week that need not be priced again, because their rows were made from what is `wanted`.

    They are in the ERP, or archived where the ERP holds a newer week. DAGSTER_HOME names the instance that is asked.
    Raises PricingError when the ERP does not answer.
    """
    with dg.DagsterInstance.get() as instance:
        return done_by_records(instance, erp, week, wanted)


def done_by_records(
    instance: dg.DagsterInstance, erp: Erp, week: date, wanted: Mapping[str, Provenance]
) -> dict[str, RunOutcome]:
    """The same by the records of this instance."""
    recorded = {each.country: each for each in recorded_refreshes(instance, week, wanted)}
    superseded = _superseded(instance, week, wanted)
    if not recorded and not superseded:
        return {}
    in_erp = refreshes_in_erp(erp.last_receipts())
    done: dict[str, RunOutcome] = {}
    for code, origin in wanted.items():
        there, refresh = in_erp.get(code), recorded.get(code)
        newer = there.week if there and there.week > week else None
        if newer and superseded.get(code) == origin.version:
            done[code] = recorded_outcome(instance, week, code, "", superseded_by=newer, earlier=True)
        elif refresh and refresh.made_from == origin.version and holds(there, refresh):
            done[code] = recorded_outcome(instance, week, code, refresh.run_id, superseded_by=newer, earlier=True)
    return done


def _superseded(instance: dg.DagsterInstance, week: date, countries: Mapping[str, object]) -> dict[str, str]:
    """What the rows were made from of countries that were archived only, since the ERP held a newer week."""
    keys = {str(partition_key(week, code)): code for code in countries}
    by_country = {}
    for record in latest_events(instance, REFRESH, DagsterEventType.ASSET_OBSERVATION, set(keys)):
        event = record.asset_observation
        if event and event.partition and SUPERSEDED_BY in event.metadata:
            by_country[keys[event.partition]] = made_from(event.metadata)
    return by_country
