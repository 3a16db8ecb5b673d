"""The facts that `next_round` decides from, as Dagster's records and the lake have them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, MAX_RETRIES_TAG, WILL_RETRY_TAG

from markdown_pricing.erp.database import Erp
from markdown_pricing.erp.refresh import Receipt
from markdown_pricing.errors import PricingError
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import countries_with_predictions
from markdown_pricing.lake.snapshot import (
    SnapshotNotDelivered,
    SnapshotReplaced,
    deliveries,
    find_snapshot,
    gone_from,
)
from markdown_pricing.orchestration import figures
from markdown_pricing.orchestration.names import (
    CONTENT_HASH,
    COUNTRY_TAG,
    JOB,
    LATE,
    OPENED,
    OUTCOMES,
    OUTCOMES_JOB,
    PARTITION_TAG,
    REFRESH,
    REFRESHED_AT,
    REMINDED_TAG,
    ROUND_TAG,
    SHARED,
    SHARED_JOB,
    SNAPSHOT,
    STAMP,
    WEEK_TAG,
    week_and_country_in,
)
from markdown_pricing.orchestration.next_round import BESIDE_LIMIT, ROUND_LIMIT, WEEKS_PER_LOOK, not_settled, open_weeks
from markdown_pricing.orchestration.partitions import countries_in, partition_key, start_week_of
from markdown_pricing.orchestration.situation import (
    Delivery,
    Duration,
    Facts,
    Progress,
    Refresh,
    Run,
    RunState,
    Settled,
)
from markdown_pricing.weeks import ONE_WEEK

UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
WEEKS_COMPARED = 8
"""Delivered weeks among which each country's newest refresh is looked for, to be compared with the ERP's receipt."""
RUNS_LOOKED_BACK = 200
"""Successful runs among which each country's last is looked for: four rounds of the 45 countries."""


def gather(
    instance: dg.DagsterInstance,
    lake: Lake,
    erp: Erp,
    partitions: dg.MultiPartitionsDefinition,
    progress: Progress,
    now: datetime,
) -> Facts:
    """Gather all that the next decision rests on.

    Raises LakeUnreachable when the lake does not say what is delivered. When the ERP does not answer, the facts say so.
    """
    recorded = recorded_weeks(instance, OPENED, LATE)
    first_week = start_week_of(partitions)
    opened = open_weeks(recorded[OPENED], first_week, now)
    delivered = deliveries(lake)
    facts = Facts(
        now,
        countries_in(partitions),
        first_week,
        recorded[OPENED],
        frozenset(recorded[LATE]),
        {week: written_ms for week, written_ms in delivered.items() if week in opened},
        early=sorted(week for week in delivered if week > max(opened, default=first_week - ONE_WEEK)),
    )
    for week, written_ms in sorted(facts.delivered.items(), reverse=True):
        if progress.has_started(week, written_ms):
            continue
        to_miss = () if progress.has_arrived(week, written_ms) else facts.countries
        if not (delivery := _delivery(lake, week, written_ms, to_miss)):
            continue
        facts = _with_delivery(facts, delivery, instance, lake)
        if not_settled(delivery, facts):
            facts = replace(facts, durations=_durations(instance))
            break
        if len(facts.deliveries) == WEEKS_PER_LOOK:
            break
    return replace(_with_refreshes(facts, instance, erp), runs=_runs(instance, progress, facts.deliveries, now))


def _with_delivery(facts: Facts, delivery: Delivery, instance: dg.DagsterInstance, lake: Lake) -> Facts:
    """The facts, to which is added what was recorded, and what lies on the lake, for one more delivery."""
    receipts = _settled(instance, delivery, facts.countries)
    known = replace(facts, receipts=receipts)
    is_newest = delivery.week == facts.newest_delivered
    return replace(
        facts,
        deliveries=(*facts.deliveries, delivery),
        receipts=facts.receipts | receipts,
        archived=facts.archived | (set() if is_newest else _archived(lake, delivery, not_settled(delivery, known))),
        learnt=facts.learnt | ({delivery.round} if _is_learnt(instance, delivery) else set()),
    )


def recorded_weeks(instance: dg.DagsterInstance, *labels: str) -> dict[str, dict[date, datetime]]:
    """For each label the weeks about which it was recorded, and when for the first time."""
    weeks: dict[str, dict[date, datetime]] = {label: {} for label in labels}
    cursor, more = None, True
    while more:
        page = instance.fetch_observations(SNAPSHOT, limit=1000, cursor=cursor, ascending=True)
        for event in (record.asset_observation for record in page.records):
            for label in labels:
                if event and event.partition and label in event.metadata:
                    at = datetime.fromisoformat(str(event.metadata[label].value))
                    weeks[label].setdefault(date.fromisoformat(event.partition), at)
        cursor, more = page.cursor, page.has_more
    return weeks


def is_under_way(instance: dg.DagsterInstance, week: date, asking: str, now: datetime) -> bool:
    """Whether a run may still read or write what is kept of that week.

    A run of which it is not known for what week it is may do so with any.

    asking : the id of the run that asks, which does not count
    """
    runs = [run for run in map(run_of, unfinished_runs(instance, now)) if run.id != asking]
    return any(run.week in ("", week.isoformat()) for run in runs)


def unfinished_runs(instance: dg.DagsterInstance, now: datetime) -> list[dg.RunRecord]:
    """The runs of any job that, or a promised retry of which, may still write."""
    records = (record for filters in _unfinished(now) for record in instance.get_run_records(filters))
    return list(filter(may_still_write, records))


def may_still_write(record: dg.RunRecord) -> bool:
    """Whether the run, or a promised retry of it, may still write."""
    return run_of(record).unfinished


def is_of_the_ledger(run: dg.DagsterRun) -> bool:
    """Whether the run makes the ledger alone: by its own job, or from the page, where Dagster names another one."""
    return run.job_name == OUTCOMES_JOB or set(run.asset_selection or ()) == {OUTCOMES}


def failed_for_good(record: dg.RunRecord) -> bool:
    """Ended without success, and neither repeated nor about to be."""
    run = record.dagster_run
    return run.status in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED) and not (
        may_still_write(record) or _is_repeated(run)
    )


def run_of(record: dg.RunRecord) -> Run:
    run = record.dagster_run
    week, country = week_and_country_in(run.tags)
    return Run(
        id=run.run_id,
        created=record.create_timestamp,
        state=_state(run),
        round=run.tags.get(ROUND_TAG, ""),
        week=week,
        country=country,
        shared=run.job_name == SHARED_JOB,
        given_up=run.tags.get(MAX_RETRIES_TAG) == "0",
        ended=datetime.fromtimestamp(record.end_time, UTC) if record.end_time else None,
        # A retry inherits the tags of the run that it repeats.
        reminded_of_it=run.tags.get(REMINDED_TAG) == run.run_id,
    )


def _state(run: dg.DagsterRun) -> RunState:
    if run.status in UNFINISHED:
        return RunState.UNDER_WAY
    if run.status == DagsterRunStatus.SUCCESS:
        return RunState.SUCCEEDED
    is_promised = run.tags.get(WILL_RETRY_TAG) == "true" and not _is_repeated(run)
    return RunState.AWAITS_RETRY if run.status == DagsterRunStatus.FAILURE and is_promised else RunState.OVER


def _is_repeated(run: dg.DagsterRun) -> bool:
    """Whether Dagster has begun the retry that it promised."""
    return AUTO_RETRY_RUN_ID_TAG in run.tags


def _delivery(lake: Lake, week: date, written_ms: int, to_miss: Sequence[str]) -> Delivery | None:
    """The delivery of the week. It is None while the week is being delivered anew; a later look then sees it whole.

    to_miss : countries of which it is to be known whether they are gone
    """
    try:
        snapshot = find_snapshot(lake, week)
    except (SnapshotNotDelivered, SnapshotReplaced):
        return None
    gone = gone_from(lake, snapshot, to_miss)
    return Delivery(week, written_ms, snapshot.stamp, snapshot.bytes_by_country, gone)


def _with_refreshes(facts: Facts, instance: dg.DagsterInstance, erp: Erp) -> Facts:
    """The facts, what was recorded of each country's newest refresh, and what the ERP's receipts say of it."""
    recorded: dict[str, Refresh] = {}
    for week in sorted(facts.delivered, reverse=True)[:WEEKS_COMPARED]:
        missing = set(facts.countries) - recorded.keys()
        recorded |= {each.country: each for each in recorded_refreshes(instance, week, missing)}
    try:
        receipts = erp.last_receipts()
    except PricingError as error:
        return replace(facts, recorded=recorded, erp_fault=str(error))
    return replace(facts, recorded=recorded, in_erp=refreshes_in_erp(receipts))


def refreshes_in_erp(receipts: Mapping[str, Receipt]) -> dict[str, Refresh]:
    """Each country's newest refresh by the ERP's receipts."""
    return {
        code: Refresh(each.week, code, each.run_id, each.content_hash, each.refreshed_at)
        for code, each in receipts.items()
    }


def recorded_refreshes(instance: dg.DagsterInstance, week: date, countries: Iterable[str]) -> Iterator[Refresh]:
    """The latest materialization of each of these countries in that week."""
    keys = {str(partition_key(week, country)): country for country in countries}
    for record in latest_events(instance, REFRESH, DagsterEventType.ASSET_MATERIALIZATION, set(keys)):
        event = record.asset_materialization
        if event and event.partition and {STAMP, CONTENT_HASH, REFRESHED_AT} <= event.metadata.keys():
            known = {label: event.metadata[label].value for label in (STAMP, CONTENT_HASH, REFRESHED_AT)}
            yield Refresh(
                week,
                keys[event.partition],
                record.run_id,
                str(known[CONTENT_HASH]),
                datetime.fromtimestamp(float(str(known[REFRESHED_AT])), UTC),
                str(known[STAMP]),
                figures.made_from(event.metadata),
            )


def _settled(instance: dg.DagsterInstance, delivery: Delivery, countries: Iterable[str]) -> frozenset[Settled]:
    keys = {str(partition_key(delivery.week, country)): country for country in countries}
    settled = _settled_partitions(instance, REFRESH, set(keys), delivery.stamp)
    return frozenset(Settled(delivery.week, keys[key], delivery.stamp) for key in settled)


def _archived(lake: Lake, delivery: Delivery, countries: Iterable[str]) -> frozenset[Settled]:
    """The countries whose predictions lie on the lake, with the stamp of the delivery that they were made from."""
    kept = set(countries_with_predictions(lake, delivery.week)) & set(countries)
    stamps = {country: Results(lake, delivery.week, country).recommendations.stamp() for country in sorted(kept)}
    return frozenset(Settled(delivery.week, country, stamp) for country, stamp in stamps.items() if stamp)


def _is_learnt(instance: dg.DagsterInstance, delivery: Delivery) -> bool:
    return bool(_settled_partitions(instance, SHARED, {delivery.week.isoformat()}, delivery.stamp))


def _settled_partitions(instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: set[str], stamp: str) -> set[str]:
    """Those whose latest materialization or observation names the delivery with this stamp."""
    settled: set[str] = set()
    for event_type in (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION):
        for record in latest_events(instance, asset, event_type, partitions):
            event = record.asset_materialization or record.asset_observation
            if event and STAMP in event.metadata and event.metadata[STAMP].value == stamp:
                settled.add(str(event.partition))
    return settled


def latest_events(
    instance: dg.DagsterInstance, asset: dg.AssetKey, event_type: DagsterEventType, partitions: set[str]
) -> Sequence[dg.EventLogRecord]:
    """The latest event of each of these partitions that has one."""
    if not partitions:
        return []
    latest = instance.event_log_storage.get_latest_storage_id_by_partition(asset, event_type, partitions)
    if not latest:
        return []
    wanted = dg.AssetRecordsFilter(asset, storage_ids=list(latest.values()))
    if event_type == DagsterEventType.ASSET_MATERIALIZATION:
        return instance.fetch_materializations(wanted, limit=len(latest)).records
    return instance.fetch_observations(wanted, limit=len(latest)).records


def _runs(
    instance: dg.DagsterInstance, progress: Progress, looked_into: Sequence[Delivery], now: datetime
) -> tuple[Run, ...]:
    """The runs as `Facts.runs` wants them, whatever started them; no round waits for those of the ledger."""
    wanted = [
        *_unfinished(now),
        *(RunsFilter(job_name=SHARED_JOB, tags={ROUND_TAG: delivery.round}) for delivery in looked_into),
    ]
    wanted += [RunsFilter(job_name=JOB, tags={ROUND_TAG: name}) for name in progress.rounds]
    filters = [
        RunsFilter(tags={name: delivery.week.isoformat()}, updated_after=now - BESIDE_LIMIT)
        for delivery in looked_into
        for name in (WEEK_TAG, f"{PARTITION_TAG}/week")
    ]
    runs = {run.id: run for run in _runs_like(instance, filters) if not run.round}
    return tuple((runs | {run.id: run for run in _runs_like(instance, wanted)}).values())


def _runs_like(instance: dg.DagsterInstance, wanted: Iterable[RunsFilter]) -> Iterator[Run]:
    records = (record for filters in wanted for record in instance.get_run_records(filters))
    return (run_of(record) for record in records if not is_of_the_ledger(record.dagster_run))


def _unfinished(now: datetime) -> list[RunsFilter]:
    """What finds the runs of any job that may still write: those under way, and those of which a retry is promised."""
    return [
        RunsFilter(statuses=UNFINISHED),
        # Of any job: a backfill waits for such a run, too. What failed more than a round's day ago is told no more.
        RunsFilter(statuses=[DagsterRunStatus.FAILURE], tags={WILL_RETRY_TAG: "true"}, updated_after=now - ROUND_LIMIT),
    ]


def _durations(instance: dg.DagsterInstance) -> tuple[Duration, ...]:
    succeeded = RunsFilter(job_name=JOB, statuses=[DagsterRunStatus.SUCCESS])
    return tuple(
        Duration(date.fromisoformat(tags[WEEK_TAG]), tags[COUNTRY_TAG], record.end_time - record.start_time)
        for record in instance.get_run_records(succeeded, limit=RUNS_LOOKED_BACK)
        # One that only refreshed, without pricing, took seconds.
        if not record.dagster_run.asset_selection
        and {WEEK_TAG, COUNTRY_TAG} <= (tags := record.dagster_run.tags).keys()
        and record.start_time
        and record.end_time
    )
