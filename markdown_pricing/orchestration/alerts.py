"""Tells people what went wrong in a round: countries that failed for good or are gone, a late round, and its digest.

What is to be told is computed anew at each look from what Dagster has recorded; the cursor only remembers who has been
told what. So a mail server that is down for hours loses no message, and nothing piles up. Events are read only for what
somebody has not been told yet: a round that is over costs a look nothing but the list of its runs.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from markdown_pricing.errors import PricingError
from markdown_pricing.kept.across_countries import compare_countries
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration.digest import digest_of, newest_by_country, why_not_done
from markdown_pricing.orchestration.event_lines import run_facts
from markdown_pricing.orchestration.facts import failed_for_good, may_still_write
from markdown_pricing.orchestration.figures import COUNTRIES
from markdown_pricing.orchestration.names import GONE, JOB, OUTCOMES_JOB, ROUND, ROUND_TAG, SNAPSHOT, WEEK_TAG
from markdown_pricing.orchestration.next_round import week_of_round
from markdown_pricing.process.logs import ALERTS, FAILURE, SUCCESS, tell
from markdown_pricing.texts.messages import send
from markdown_pricing.weeks import due_weeks, opens_at, parse_week

ROUND_LATE_AFTER = timedelta(hours=4)
"""A round is late at noon: so long after it opened on Monday at 08:00."""
LOOK_BACK = timedelta(days=6)
"""A round that is older is reported no more, so that a new installation is not flooded with old rounds."""
COMPARE_WITHIN_S = 20.0
"""So long the digest reads what the countries advise, because a look of the sensor must end within a minute."""
LOG = "log"


@dataclass(frozen=True)
class Alert:
    """A message for people; one without a title goes to the log alone."""

    action: str
    text: str
    title: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Due:
    """An alert that is due. `key` is the same at each look; what it says is put together when it is first told."""

    key: str
    alert: Callable[[], Alert]

    @classmethod
    def of(cls, key: str, put_together: Callable[..., Alert], *known: Any) -> "Due":
        """An alert that `put_together` makes from what is known, once for all who are told it."""
        return cls(key, cache(partial(put_together, *known)))


Receiver = Callable[[Alert], str]
"""A function that sends an alert. It answers why it could not, and an empty text when it could."""


@dataclass(frozen=True)
class AlertsTaken:
    """Receiver -> keys of the alerts that it has taken; `down`: those that did not take one, which was said."""

    taken: Mapping[str, Sequence[str]] = field(default_factory=dict)
    down: Sequence[str] = ()

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "AlertsTaken":
        """The memory that `to_cursor` has written; an empty one before the first look."""
        return cls(**json.loads(cursor)) if cursor else cls()

    def to_cursor(self) -> str:
        """The memory as text, which Dagster keeps with the sensor."""
        return json.dumps(asdict(self), sort_keys=True)


def alerting(urls: Sequence[str], start: date, look_every_s: int) -> dg.SensorDefinition:
    """The sensor that sends the messages; `urls` are secrets and stand in nothing that Dagster keeps."""
    receivers = {LOG: to_the_log} | {f"message {n}": _to(url) for n, url in enumerate(urls, start=1)}

    @dg.sensor(
        name="round_alerts",
        minimum_interval_seconds=look_every_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Says who failed for good, that a round is late, and how it ended: in the log and by message.",
    )
    def round_alerts(context: dg.SensorEvaluationContext, lake: dg.ResourceParam[Lake]) -> dg.SensorResult:
        due = list(alerts_due(context.instance, lake, start, datetime.now(UTC)))
        memory, said = send_all(due, AlertsTaken.from_cursor(context.cursor), receivers)
        return dg.SensorResult(skip_reason=said, cursor=memory.to_cursor())

    return round_alerts


def alerts_due(instance: dg.DagsterInstance, lake: Lake, start: date, now: datetime) -> Iterator[Due]:
    """Every alert of the last days, whether it has been sent or not."""
    gone = _gone_by_round(instance, now)
    yield from (Due.of(f"gone {name}", _incomplete, name, codes) for name, codes in gone.items())
    records = instance.get_run_records(RunsFilter(job_name=JOB, created_after=now - LOOK_BACK))
    rounds: dict[str, list[dg.RunRecord]] = defaultdict(list)
    for record in records:
        if name := record.dagster_run.tags.get(ROUND_TAG):
            rounds[name].append(record)
    for name, runs in rounds.items():
        failed = [record.dagster_run for record in runs if failed_for_good(record)]
        yield from (Due.of(f"failed {run.run_id}", _failure, instance, run) for run in failed)
        if not any(map(may_still_write, runs)):
            newest = newest_by_country(runs)
            done = sum(run.is_success for run in newest.values())
            # Its runs' number is part of the key: a country that is started again has a digest of its own.
            yield Due.of(f"end {name} {done} {len(newest) - done}", _end, instance, lake, newest, gone.get(name, ()))
        elif failed:
            over = newest_by_country(run for run in runs if not may_still_write(run))
            yield Due.of(f"failing {name}", _first_failures, instance, over)
    yield from _failed_ledgers(instance, now)
    yield from _late([record.dagster_run for record in records], start, now)


def send_all(alerts: Sequence[Due], memory: AlertsTaken, receivers: Mapping[str, Receiver]) -> tuple[AlertsTaken, str]:
    """Tells each receiver what it has not taken yet; what is then remembered, and what the look has to say for itself.

    A receiver that does not take one alert is asked no more in this look, and is reported once until it takes one.
    """
    taken: dict[str, list[str]] = {}
    faults: dict[str, str] = {}
    for name, receive in receivers.items():
        before = set(memory.taken.get(name, ()))
        taken[name] = []
        for due in alerts:
            if due.key not in before:
                if name in faults:
                    continue
                if fault := receive(due.alert()):
                    faults[name] = fault
                    continue
            taken[name].append(due.key)
    for name in faults.keys() - set(memory.down):
        facts = {
            "event.dataset": ALERTS,
            "event.action": "message_not_sent",
            "event.outcome": FAILURE,
        }
        tell(f"{faults[name]}. It is tried again at each look; this is said once.", facts, logging.WARNING)
    return AlertsTaken(taken, sorted(faults)), "; ".join(faults.values()) or "All is told."


def to_the_log(alert: Alert) -> str:
    """Write the alert as a log line. The log never refuses one, so that the answer is empty."""
    facts = {"event.dataset": ALERTS, "event.action": alert.action, "event.outcome": FAILURE, **alert.facts}
    tell(alert.title or alert.text, facts, logging.INFO if facts["event.outcome"] == SUCCESS else logging.ERROR)
    return ""


def _to(url: str) -> Receiver:
    def receive(alert: Alert) -> str:
        if not alert.title:
            return ""
        try:
            return send(url, alert.title, alert.text)
        except PricingError as error:
            return str(error)

    return receive


def _failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Alert:
    facts = run_facts(run.run_id, run.job_name, run.tags)
    return Alert("country_failed", why_not_done(instance, run), facts=facts)


def _first_failures(instance: dg.DagsterInstance, over: Mapping[str, dg.DagsterRun]) -> Alert:
    """One message as soon as one country is lost; the rest stands in the digest."""
    so_far = digest_of(instance, over)
    text = f"{so_far.text}\nThe round goes on with the other countries; a digest follows at its end."
    failed = ", ".join(one.country for one in so_far.not_done)
    return Alert("round_failing", text, f"Markdown pricing, week {so_far.week}: {failed} failed")


def _failed_ledgers(instance: dg.DagsterInstance, now: datetime) -> Iterator[Due]:
    """A message for each sold week whose ledger failed for good, once no run of it is under way.

    A week whose failed countries change, because they were started again, has another message.
    """
    weeks: dict[str, list[dg.RunRecord]] = defaultdict(list)
    for record in instance.get_run_records(RunsFilter(job_name=OUTCOMES_JOB, created_after=now - LOOK_BACK)):
        weeks[record.dagster_run.tags.get(WEEK_TAG, "?")].append(record)
    for week, records in weeks.items():
        newest = newest_by_country(records)
        failed = {code: run for code, run in sorted(newest.items()) if not run.is_success}
        if failed and not any(map(may_still_write, records)):
            yield Due.of(f"ledger {week} {','.join(failed)}", _ledger_failed, instance, week, failed)


def _ledger_failed(instance: dg.DagsterInstance, week: str, failed: Mapping[str, dg.DagsterRun]) -> Alert:
    why = [f"- {code}: {why_not_done(instance, run)}" for code, run in failed.items()]
    text = "\n".join(
        [
            f"There is no new ledger of the week {week} for:",
            *why,
            "No round and no price depends on it. Materialize outcomes of that week and country again once that is "
            "mended.",
        ]
    )
    facts = {"markdown.week": week, "markdown.countries_failed": len(failed)}
    return Alert("ledgers_failed", text, f"Markdown pricing, ledger of {week}: {', '.join(failed)} failed", facts)


def _gone_by_round(instance: dg.DagsterInstance, now: datetime) -> dict[str, list[str]]:
    """The countries that a delivery of the last days lacks although the one before held them, by the round's name."""
    lately = dg.AssetRecordsFilter(SNAPSHOT, after_timestamp=(now - LOOK_BACK).timestamp())
    events = [record.asset_observation for record in instance.fetch_observations(lately, limit=1000).records]
    metadata = [event.metadata for event in events if event and {GONE, ROUND} <= event.metadata.keys()]
    return {str(labels[ROUND].value): str(labels[GONE].value).split(", ") for labels in metadata}


def _incomplete(name: str, gone: Sequence[str]) -> Alert:
    week = week_of_round(name)
    text = (
        f"The delivery of {week} lacks {', '.join(gone)}, which the delivered week before it held. The other countries "
        "are priced. Nothing is started for these, and the ERP keeps their last rows. Have the ETL deliver the week "
        "with them, or take them out of the countries file."
    )
    facts = {"markdown.week": week, "markdown.countries_gone": len(gone)}
    return Alert("round_incomplete", text, f"Markdown pricing, week {week}: not delivered: {', '.join(gone)}", facts)


def _end(instance: dg.DagsterInstance, lake: Lake, newest: Mapping[str, dg.DagsterRun], gone: Sequence[str]) -> Alert:
    digest = digest_of(instance, newest, gone)
    digest = replace(digest, apart=_apart(lake, digest.week))
    facts = {
        "markdown.week": digest.week,
        COUNTRIES.field: len(digest.done),
        "markdown.countries_failed": len(digest.not_done),
        "markdown.countries_gone": len(digest.gone),
        "event.outcome": FAILURE if digest.not_done or digest.gone else SUCCESS,
    }
    return Alert("round_ended", digest.text, digest.title, facts)


def _apart(lake: Lake, week: str) -> str:
    """Where recommendations differ widely between countries. A lake that does not answer holds up no digest."""
    try:
        compared = compare_countries(lake, parse_week(week), COMPARE_WITHIN_S)
    except PricingError as error:
        return f"The advice of the countries could not be compared: {error}"
    return compared.text if compared.apart else ""


def _late(runs: Sequence[dg.DagsterRun], start: date, now: datetime) -> Iterator[Due]:
    """An alert for the newest due week when no country of it is done by noon."""
    week = max(due_weeks(start, now), default=None)
    if week is None or not ROUND_LATE_AFTER <= now - opens_at(week) <= LOOK_BACK:
        return
    runs_of_week = [run for run in runs if run.tags.get(WEEK_TAG) == week.isoformat()]
    if any(run.status == DagsterRunStatus.SUCCESS for run in runs_of_week):
        return
    why = (
        "its runs are under way, none is done"
        if runs_of_week
        else "it has not begun: see whether its snapshot is delivered"
    )
    title = f"Markdown pricing, week {week}: no country is done by Monday noon"
    alert = Alert("round_late", f"{title}; {why}.", title, {"markdown.week": week.isoformat()})
    yield Due(f"late {week}", lambda: alert)
