"""What starts the weekly round: Monday 08:00 opens the week, the sensor starts it when the data is there.

Which weeks are due is computed, not handed out by the scheduler, so that weeks missed while it was down are caught
up. What was opened, delivered and late is recorded as events of the snapshot's asset, where everybody can see it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Any

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, MAX_RETRIES_TAG, WILL_RETRY_TAG

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, SnapshotNotDelivered, SnapshotReplaced, deliveries, find_snapshot
from markdown_pricing.orchestration.partitions import countries_of, partition_key, start_week_of
from markdown_pricing.weeks import due_weeks

JOB = "markdown_pricing"
SNAPSHOT = dg.AssetKey("markdown_training_data")
REFRESH = dg.AssetKey("erp_refresh")

OPENED, LATE, STAMP, SUPERSEDED_BY = "Opened", "Late", "Snapshot", "Superseded by week"
ROUND_TAG, WEEK_TAG, COUNTRY_TAG = "markdown/round", "markdown/week", "markdown/country"
STAMP_TAG = "markdown/snapshot"

LATE_AFTER = timedelta(hours=24)
ROUND_LIMIT = timedelta(hours=24)

UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Progress:
    """The sensor's memory: the delivery (`_SUCCESS`, ms) with which each week was last started, and the round started.

    Losing it starts nothing twice: run keys and recorded materializations are asked as well.
    """

    started: Mapping[str, int] = field(default_factory=dict)
    round: str | None = None

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "Progress":
        return cls(**json.loads(cursor)) if cursor else cls()

    def to_cursor(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def weekly_round(
    partitions: dg.MultiPartitionsDefinition, look_every_s: int
) -> tuple[dg.ScheduleDefinition, dg.SensorDefinition]:
    """The schedule that opens due weeks and the sensor that starts a round once its snapshot is delivered."""

    @dg.schedule(
        name="weekly_markdown_pricing",
        cron_schedule="0 8 * * 1",
        execution_timezone="Europe/Berlin",
        job_name=JOB,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Opens every week that is due and not yet opened; the sensor starts each when its data is there.",
    )
    def weekly_markdown_pricing(context: dg.ScheduleEvaluationContext) -> dg.SkipReason:
        now = context.scheduled_execution_time
        opened = open_due_weeks(context.instance, start_week_of(partitions), now)
        new = [week for week, at in opened.items() if at == now]
        return dg.SkipReason(f"Opened {_listed(new)}; training_data_sensor starts them when they are delivered.")

    @dg.sensor(
        name="training_data_sensor",
        job_name=JOB,
        minimum_interval_seconds=look_every_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks for the snapshots of opened weeks and starts one round at a time, the oldest week first.",
    )
    def training_data_sensor(context: dg.SensorEvaluationContext, lake: dg.ResourceParam[Lake]) -> dg.SensorResult:
        return next_round(context.instance, lake, partitions, Progress.from_cursor(context.cursor), datetime.now(UTC))

    return weekly_markdown_pricing, training_data_sensor


def open_due_weeks(instance: dg.DagsterInstance, start: date, now: datetime) -> dict[date, datetime]:
    """Every opened week and when it was opened; weeks from `start` that are due by `now` are opened now."""
    return _open_due_weeks(instance, _recorded(instance, OPENED), start, now)


def next_round(
    instance: dg.DagsterInstance,
    lake: Lake,
    partitions: dg.MultiPartitionsDefinition,
    progress: Progress,
    now: datetime,
) -> dg.SensorResult:
    """What one tick does: nothing while a round is under way, else the round of the oldest week that has new data.

    Raises LakeUnreachable when it cannot tell what is delivered: the tick fails and shows it.
    """
    recorded = _recorded(instance, OPENED, LATE)
    opened = _open_due_weeks(instance, recorded, start_week_of(partitions), now)
    delivered = {week: at for week, at in deliveries(lake).items() if week in opened}
    waiting = sorted(opened.keys() - delivered.keys())
    _report_late(instance, [week for week in waiting if week not in recorded[LATE]], opened, now)

    unfinished = _unfinished_runs(instance, progress.round)
    if progress.round and unfinished:
        reason = _wait_or_end(instance, progress.round, unfinished, now)
        return dg.SensorResult(skip_reason=reason, cursor=progress.to_cursor())

    started, arrivals = dict(progress.started), []
    for week, written_ms in delivered.items():
        if started.get(week.isoformat()) == written_ms:
            continue
        try:
            snapshot = find_snapshot(lake, week)
        except (SnapshotNotDelivered, SnapshotReplaced):
            continue  # it is being delivered anew; the next look sees it whole
        started[week.isoformat()] = written_ms
        arrivals.append(_arrival(snapshot))
        missing = _not_refreshed_from(instance, snapshot, countries_of(partitions))
        if missing:
            round_name = f"{week}@{snapshot.stamp}"
            return dg.SensorResult(
                run_requests=_run_requests(instance, snapshot, missing, round_name),
                cursor=Progress(started, round_name).to_cursor(),
                asset_events=arrivals,
            )
    return dg.SensorResult(
        skip_reason="Every delivered week has been started." + (f" Waiting for {_listed(waiting)}." if waiting else ""),
        cursor=Progress(started, progress.round).to_cursor(),
        asset_events=arrivals,
    )


def _open_due_weeks(
    instance: dg.DagsterInstance, recorded: Mapping[str, Mapping[date, datetime]], start: date, now: datetime
) -> dict[date, datetime]:
    opened = dict(recorded[OPENED])
    for week in due_weeks(start, now):
        if week not in opened:
            _observe(instance, week, {OPENED: now.isoformat()})
            opened[week] = now
    return opened


def _run_requests(
    instance: dg.DagsterInstance, snapshot: Snapshot, countries: Sequence[str], round_name: str
) -> list[dg.RunRequest]:
    """One run per country, the longest-running first; never measured, it may be the longest: by its files' size."""
    week = snapshot.week
    seconds = _seconds_of_last_round(instance, week)
    longest_first = sorted(
        countries, key=lambda code: (seconds.get(code, inf), snapshot.bytes_by_country.get(code, 0)), reverse=True
    )
    return [
        dg.RunRequest(
            run_key=f"{round_name}:{country}",
            partition_key=partition_key(week, country),
            tags={
                ROUND_TAG: round_name,
                WEEK_TAG: week.isoformat(),
                COUNTRY_TAG: country,
                STAMP_TAG: snapshot.stamp,
                "dagster/priority": str(len(longest_first) - place),
            },
        )
        for place, country in enumerate(longest_first)
    ]


def _seconds_of_last_round(instance: dg.DagsterInstance, before: date) -> dict[str, float]:
    """How long each country ran when it last succeeded in the round of an earlier week."""
    records = instance.get_run_records(RunsFilter(job_name=JOB, statuses=[DagsterRunStatus.SUCCESS]), limit=200)
    seconds: dict[str, float] = {}
    for record in records:
        country = record.dagster_run.tags.get(COUNTRY_TAG)
        if (
            country
            and record.start_time
            and record.end_time
            and record.dagster_run.tags.get(WEEK_TAG, "") < str(before)
        ):
            seconds.setdefault(country, record.end_time - record.start_time)
    return seconds


def _not_refreshed_from(instance: dg.DagsterInstance, snapshot: Snapshot, countries: Iterable[str]) -> list[str]:
    """Countries whose ERP rows have not been settled from this very snapshot, by whatever started it."""
    keys = {str(partition_key(snapshot.week, country)): country for country in countries}
    settled: set[str] = set()
    for event_type, records_of in (
        (DagsterEventType.ASSET_MATERIALIZATION, instance.fetch_materializations),
        (DagsterEventType.ASSET_OBSERVATION, instance.fetch_observations),
    ):
        latest = instance.event_log_storage.get_latest_storage_id_by_partition(REFRESH, event_type, set(keys))
        if not latest:
            continue
        records = records_of(
            dg.AssetRecordsFilter(REFRESH, storage_ids=list(latest.values())), limit=len(latest)
        ).records
        for record in records:
            event = record.asset_materialization or record.asset_observation
            if event and STAMP in event.metadata and event.metadata[STAMP].value == snapshot.stamp:
                settled.add(keys[str(event.partition)])
    return [country for country in keys.values() if country not in settled]


def _unfinished_runs(instance: dg.DagsterInstance, round_name: str | None) -> list[dg.RunRecord]:
    """The round's runs that may still write: those under way, and those that failed and will be retried."""
    if round_name is None:
        return []
    records = instance.get_run_records(RunsFilter(job_name=JOB, tags={ROUND_TAG: round_name}))
    return [
        record for record in records if record.dagster_run.status in UNFINISHED or _awaits_retry(record.dagster_run)
    ]


def _awaits_retry(run: dg.DagsterRun) -> bool:
    return (
        run.status == DagsterRunStatus.FAILURE
        and run.tags.get(WILL_RETRY_TAG) == "true"
        and AUTO_RETRY_RUN_ID_TAG not in run.tags
    )


def _wait_or_end(
    instance: dg.DagsterInstance, round_name: str, unfinished: Sequence[dg.RunRecord], now: datetime
) -> str:
    """Lets a round go on for its day, counted from its first run; then cancels what is left, which is not retried."""
    all_runs = instance.get_run_records(RunsFilter(job_name=JOB, tags={ROUND_TAG: round_name}))
    began = min(record.create_timestamp for record in all_runs)
    if now - began <= ROUND_LIMIT:
        return f"The round {round_name} is under way: {len(unfinished)} runs unfinished."
    left = [record.dagster_run for record in unfinished if record.dagster_run.tags.get(MAX_RETRIES_TAG) != "0"]
    if not left:
        return f"The round {round_name} has had its day and is being cancelled."
    for run in left:
        instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: "0", WILL_RETRY_TAG: "false"})
        if not run.is_finished:
            _cancel(instance, run, f"Cancelled: the round {round_name} has had its {ROUND_LIMIT}.")
    countries = sorted({run.tags.get(COUNTRY_TAG, "?") for run in left})
    week = date.fromisoformat(round_name.partition("@")[0])
    _observe(instance, week, {"Round limit reached": f"{began.isoformat()}: cancelled {', '.join(countries)}"})
    return f"The round {round_name} has had its day: cancelled {', '.join(countries)}. They are not retried."


def _cancel(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    instance.report_engine_event(why, run)
    try:
        instance.run_coordinator.cancel_run(run.run_id)
    except Exception as error:
        # The others are cancelled all the same; this one's worker is ended by Dagster's own run monitoring.
        instance.report_engine_event(f"Its worker did not take the cancellation: {error}", run)


def _arrival(snapshot: Snapshot) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        SNAPSHOT,
        partition=snapshot.week.isoformat(),
        metadata={
            STAMP: snapshot.stamp,
            "Countries": len(snapshot.bytes_by_country),
            "MiB": round(sum(snapshot.bytes_by_country.values()) / 2**20, 1),
        },
    )


def _report_late(
    instance: dg.DagsterInstance, unreported: Sequence[date], opened: Mapping[date, datetime], now: datetime
) -> None:
    """Reports the weeks that are not there a day after they were opened; each is reported once."""
    for week in unreported:
        if now - opened[week] > LATE_AFTER:
            _observe(instance, week, {LATE: now.isoformat(), "What to do": "Ask for the ETL's snapshot of this week."})


def _observe(instance: dg.DagsterInstance, week: date, metadata: Mapping[str, Any]) -> None:
    instance.report_runless_asset_event(dg.AssetObservation(SNAPSHOT, partition=week.isoformat(), metadata=metadata))


def _recorded(instance: dg.DagsterInstance, *labels: str) -> dict[str, dict[date, datetime]]:
    """For each label the weeks about which it was recorded, and when for the first time."""
    found: dict[str, dict[date, datetime]] = {label: {} for label in labels}
    cursor, more = None, True
    while more:
        page = instance.fetch_observations(SNAPSHOT, limit=1000, cursor=cursor, ascending=True)
        for event in (record.asset_observation for record in page.records):
            for label in labels:
                if event and event.partition and label in event.metadata:
                    at = datetime.fromisoformat(str(event.metadata[label].value))
                    found[label].setdefault(date.fromisoformat(event.partition), at)
        cursor, more = page.cursor, page.has_more
    return found


def _listed(weeks: Sequence[date]) -> str:
    if not weeks:
        return "no week"
    shown = ", ".join(week.isoformat() for week in weeks[-3:])
    return shown if len(weeks) <= 3 else f"{len(weeks)} weeks, the last of them {shown}"
