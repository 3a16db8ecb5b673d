"""What starts the weekly round: Monday 08:00 opens the week, the sensor starts it when the data is there.

Which weeks are due is computed, not handed out by the scheduler, so that weeks missed while it was down are caught
up. A round first learns what the countries share, in a run of its own; then each country is started, with it, or
without it when it failed for good or took too long. What was opened, delivered and late is recorded as events of the
snapshot's asset, where everybody can see it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Any

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, MAX_RETRIES_TAG, WILL_RETRY_TAG

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, SnapshotNotDelivered, SnapshotReplaced, deliveries, find_snapshot
from markdown_pricing.orchestration.names import (
    COUNTRY_TAG,
    JOB,
    LATE,
    LIMIT_REACHED,
    OPENED,
    PRIORITY_TAG,
    REFRESH,
    ROUND_TAG,
    SHARED,
    SHARED_JOB,
    SNAPSHOT,
    STAMP,
    STAMP_TAG,
    WEEK_TAG,
    WITHOUT_IT,
    WITHOUT_SHARED_TAG,
)
from markdown_pricing.orchestration.partitions import countries_of, partition_key, start_week_of
from markdown_pricing.weeks import due_weeks

LATE_AFTER = timedelta(hours=24)
ROUND_LIMIT = timedelta(hours=24)
SHARED_LIMIT = timedelta(minutes=60)
"""So long the countries wait for what they share, its retries included."""

Job = UnresolvedAssetJobDefinition
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

    arrived : the delivery of each week that was last recorded
    Losing it starts nothing twice: run keys and recorded materializations are asked as well.
    """

    started: Mapping[str, int] = field(default_factory=dict)
    round: str | None = None
    arrived: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "Progress":
        return cls(**json.loads(cursor)) if cursor else cls()

    def to_cursor(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def jobs_of_a_round(flow: Sequence[str]) -> tuple[Job, Job]:
    """One country's run through `flow`, and the run before them all that learns what the countries share."""
    one_country = dg.define_asset_job(JOB, dg.AssetSelection.assets(*flow), description="One country of one week.")
    of_all = dg.define_asset_job(
        SHARED_JOB, dg.AssetSelection.assets(SHARED), description="What the countries of one week share."
    )
    return one_country, of_all


def weekly_round(
    partitions: dg.MultiPartitionsDefinition, jobs: Sequence[Job], look_every_s: int
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
        jobs=jobs,
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

    started, arrived = dict(progress.started), dict(progress.arrived)
    arrivals: list[dg.AssetMaterialization] = []

    def answer(
        requests: Sequence[dg.RunRequest], round_name: str | None, skipped: str | None = None
    ) -> dg.SensorResult:
        cursor = Progress(started, round_name, arrived).to_cursor()
        return dg.SensorResult(list(requests), skip_reason=skipped, cursor=cursor, asset_events=arrivals)

    for week, written_ms in delivered.items():
        name = week.isoformat()
        if started.get(name) == written_ms:
            continue
        try:
            snapshot = find_snapshot(lake, week)
        except (SnapshotNotDelivered, SnapshotReplaced):
            continue  # it is being delivered anew; the next look sees it whole
        if arrived.get(name) != written_ms:
            arrived[name] = written_ms
            arrivals.append(_arrival(snapshot))
        missing = _not_refreshed_from(instance, snapshot, countries_of(partitions))
        if not missing:
            started[name] = written_ms
            continue
        round_name = f"{week}@{snapshot.stamp}"
        shared = _shared_demand_of(instance, snapshot, round_name, now)
        if isinstance(shared, dg.RunRequest):
            return answer([shared], progress.round)
        if shared.wait:
            return answer([], progress.round, skipped=shared.wait)
        started[name] = written_ms
        return answer(_run_requests(instance, snapshot, missing, round_name, shared.without), round_name)
    reason = "Every delivered week has been started." + (f" Waiting for {_listed(waiting)}." if waiting else "")
    return answer([], progress.round, skipped=reason)


@dataclass(frozen=True)
class _Shared:
    """How what the countries share stands: it is to be waited for, or the countries start without it; else it is there.

    Each field is the reason, empty when it does not hold.
    """

    wait: str = ""
    without: str = ""


def _shared_demand_of(
    instance: dg.DagsterInstance, snapshot: Snapshot, round_name: str, now: datetime
) -> dg.RunRequest | _Shared:
    """The run to ask for when this very delivery has had none; else how it stands."""
    runs = instance.get_run_records(RunsFilter(job_name=SHARED_JOB, tags={ROUND_TAG: round_name}))
    succeeded = any(record.dagster_run.status == DagsterRunStatus.SUCCESS for record in runs)
    if succeeded or _settled_partitions(instance, SHARED, {snapshot.week.isoformat()}, snapshot.stamp):
        return _Shared()
    if not runs:
        tags = {ROUND_TAG: round_name, WEEK_TAG: snapshot.week.isoformat(), STAMP_TAG: snapshot.stamp}
        # First in the queue: all countries wait for it.
        return dg.RunRequest(
            run_key=f"{round_name}:{SHARED_JOB}",
            job_name=SHARED_JOB,
            partition_key=snapshot.week.isoformat(),
            tags={**tags, PRIORITY_TAG: "1000"},
        )
    unfinished = _unfinished(runs)
    if not unfinished:
        return _Shared(without="its run did not succeed")
    began = min(record.create_timestamp for record in runs)
    if now - began <= SHARED_LIMIT:
        return _Shared(wait=f"The round {round_name} waits for what the countries share, since {began:%H:%M} UTC.")
    why = f"it took longer than {SHARED_LIMIT}"
    if _end_for_good(instance, unfinished, f"Cancelled: {why}. The countries start without it."):
        metadata = {WITHOUT_IT: f"{round_name}: {why}"}  # no stamp: it settles nothing
        event = dg.AssetObservation(SHARED, partition=snapshot.week.isoformat(), metadata=metadata)
        instance.report_runless_asset_event(event)
    return _Shared(without=why)


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
    instance: dg.DagsterInstance, snapshot: Snapshot, countries: Sequence[str], round_name: str, without_shared: str
) -> list[dg.RunRequest]:
    """One run per country, the longest-running first; never measured, it may be the longest: by its files' size.

    without_shared : why they start without what they share, empty when it is there
    """
    week = snapshot.week
    seconds = _seconds_of_last_round(instance, week)
    longest_first = sorted(
        countries, key=lambda code: (seconds.get(code, inf), snapshot.bytes_by_country.get(code, 0)), reverse=True
    )
    return [
        dg.RunRequest(
            run_key=f"{round_name}:{country}",
            job_name=JOB,
            partition_key=partition_key(week, country),
            tags={
                ROUND_TAG: round_name,
                WEEK_TAG: week.isoformat(),
                COUNTRY_TAG: country,
                STAMP_TAG: snapshot.stamp,
                PRIORITY_TAG: str(len(longest_first) - place),
                **({WITHOUT_SHARED_TAG: without_shared} if without_shared else {}),
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
    settled = _settled_partitions(instance, REFRESH, set(keys), snapshot.stamp)
    return [country for key, country in keys.items() if key not in settled]


def _settled_partitions(instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: set[str], stamp: str) -> set[str]:
    """Those whose latest materialization or observation names the delivery with this stamp."""
    settled: set[str] = set()
    for event_type, records_of in (
        (DagsterEventType.ASSET_MATERIALIZATION, instance.fetch_materializations),
        (DagsterEventType.ASSET_OBSERVATION, instance.fetch_observations),
    ):
        latest = instance.event_log_storage.get_latest_storage_id_by_partition(asset, event_type, partitions)
        if not latest:
            continue
        records = records_of(dg.AssetRecordsFilter(asset, storage_ids=list(latest.values())), limit=len(latest)).records
        for record in records:
            event = record.asset_materialization or record.asset_observation
            if event and STAMP in event.metadata and event.metadata[STAMP].value == stamp:
                settled.add(str(event.partition))
    return settled


def _unfinished_runs(instance: dg.DagsterInstance, round_name: str | None) -> list[dg.RunRecord]:
    """The round's runs that may still write: those under way, and those that failed and will be retried."""
    if round_name is None:
        return []
    return _unfinished(instance.get_run_records(RunsFilter(job_name=JOB, tags={ROUND_TAG: round_name})))


def _unfinished(records: Iterable[dg.RunRecord]) -> list[dg.RunRecord]:
    return [record for record in records if is_unfinished(record)]


def is_unfinished(record: dg.RunRecord) -> bool:
    """Under way, or failed and about to be retried."""
    return record.dagster_run.status in UNFINISHED or _awaits_retry(record.dagster_run)


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
    left = _end_for_good(instance, unfinished, f"Cancelled: the round {round_name} has had its {ROUND_LIMIT}.")
    if not left:
        return f"The round {round_name} has had its day and is being cancelled."
    countries = sorted({run.tags.get(COUNTRY_TAG, "?") for run in left})
    week = date.fromisoformat(round_name.partition("@")[0])
    _observe(instance, week, {LIMIT_REACHED: f"{began.isoformat()}: cancelled {', '.join(countries)}"})
    return f"The round {round_name} has had its day: cancelled {', '.join(countries)}. They are not retried."


def _end_for_good(instance: dg.DagsterInstance, unfinished: Sequence[dg.RunRecord], why: str) -> list[dg.DagsterRun]:
    """Cancels what is unfinished, so that it is not retried; the runs that had not been cancelled so before."""
    left = [record.dagster_run for record in unfinished if record.dagster_run.tags.get(MAX_RETRIES_TAG) != "0"]
    for run in left:
        instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: "0", WILL_RETRY_TAG: "false"})
        if not run.is_finished:
            _cancel(instance, run, why)
    return left


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
        metadata=of_snapshot(snapshot),
    )


def of_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """What people see of a delivery."""
    return {
        STAMP: snapshot.stamp,
        "Countries": len(snapshot.bytes_by_country),
        "MiB": round(sum(snapshot.bytes_by_country.values()) / 2**20, 1),
    }


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
