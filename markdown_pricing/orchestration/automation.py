"""What starts the weekly round: Monday 08:00 opens the week, the sensor starts it when the data is there.

Which weeks are due is computed, not handed out by the scheduler, so that weeks missed while it was down are caught
up. A round first learns what the countries share, in a run of its own; then each country is started, with it, or
without it when it failed for good or took too long. What was opened, delivered and late is recorded as events of the
snapshot's asset, where everybody can see it.

`facts.py` gathers what is known, `next_round.py` decides, and what is decided is carried out here.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import MAX_RETRIES_TAG, WILL_RETRY_TAG

from markdown_pricing.erp.database import Erp
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration import figures
from markdown_pricing.orchestration.facts import gather, recorded_weeks
from markdown_pricing.orchestration.names import (
    COUNTRY_TAG,
    GONE,
    JOB,
    LATE,
    LIMIT_REACHED,
    OPENED,
    PRIORITY_TAG,
    REFRESH,
    ROUND,
    ROUND_TAG,
    SHARED,
    SHARED_JOB,
    SNAPSHOT,
    STAMP_TAG,
    WEEK_TAG,
    WITHOUT_IT,
    WITHOUT_SHARED_TAG,
)
from markdown_pricing.orchestration.next_round import ROUND_LIMIT, next_round, open_weeks, weeks_in_words
from markdown_pricing.orchestration.partitions import partition_key, start_week_of
from markdown_pricing.orchestration.pools import limit_pools
from markdown_pricing.orchestration.promises import give_up_retry, remind_of_retry, renew_withdrawn
from markdown_pricing.orchestration.round_decision import Ending, Repeat, RoundDecision, Start
from markdown_pricing.orchestration.situation import Progress
from markdown_pricing.weeks import HEAD_OFFICE, cron_of_opening

Job = UnresolvedAssetJobDefinition


def jobs_of_a_round(flow: Sequence[str]) -> tuple[Job, Job]:
    """One country's run through `flow`, and the run before them all that learns what the countries share."""
    one_country = dg.define_asset_job(JOB, dg.AssetSelection.assets(*flow), description="One country of one week.")
    shared = dg.define_asset_job(
        SHARED_JOB, dg.AssetSelection.assets(SHARED), description="What the countries of one week share."
    )
    return one_country, shared


def weekly_round(
    partitions: dg.MultiPartitionsDefinition, jobs: Sequence[Job], look_every_s: int
) -> tuple[dg.ScheduleDefinition, dg.SensorDefinition]:
    """The schedule that opens due weeks and the sensor that starts a round once its snapshot is delivered.

    It is a sensor and no automation condition, because what is due is computed from the lake, the ERP and all that was
    ever recorded (ADR 3): a condition sees neither, and knows no round that has to end before the next begins.
    """

    @dg.schedule(
        name="weekly_markdown_pricing",
        cron_schedule=cron_of_opening(),
        execution_timezone=HEAD_OFFICE.key,
        job_name=JOB,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Opens every week that is due and not yet opened; the sensor starts each when its data is there.",
    )
    def weekly_markdown_pricing(context: dg.ScheduleEvaluationContext) -> dg.SkipReason:
        new = open_due_weeks(context.instance, start_week_of(partitions), context.scheduled_execution_time)
        return dg.SkipReason(f"Opened {weeks_in_words(new)}; training_data_sensor starts them when they are delivered.")

    @dg.sensor(
        name="training_data_sensor",
        jobs=jobs,
        minimum_interval_seconds=look_every_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks for the snapshots of opened weeks and starts one round at a time, the newest week first.",
    )
    def training_data_sensor(
        context: dg.SensorEvaluationContext, lake: dg.ResourceParam[Lake], erp: dg.ResourceParam[Erp]
    ) -> dg.SensorResult:
        return look(context.instance, lake, erp, partitions, Progress.from_cursor(context.cursor), datetime.now(UTC))

    return weekly_markdown_pricing, training_data_sensor


def open_due_weeks(instance: dg.DagsterInstance, first_week: date, now: datetime) -> list[date]:
    """Opens the weeks from `first_week` on that are due by `now` and not yet open; which these are."""
    opened = recorded_weeks(instance, OPENED)[OPENED]
    new = sorted(open_weeks(opened, first_week, now).keys() - opened.keys())
    for week in new:
        _observe(instance, SNAPSHOT, week, {OPENED: now.isoformat()})
    return new


def look(
    instance: dg.DagsterInstance,
    lake: Lake,
    erp: Erp,
    partitions: dg.MultiPartitionsDefinition,
    progress: Progress,
    now: datetime,
) -> dg.SensorResult:
    """One look of the sensor: gathers the facts, decides and carries the decision out.

    Raises LakeUnreachable when it cannot tell what is delivered: the tick fails and shows it.
    """
    limit_pools(instance)
    renew_withdrawn(instance, since=now - ROUND_LIMIT)
    facts = gather(instance, lake, erp, partitions, progress, now)
    return carry_out(instance, next_round(facts, progress), now)


def carry_out(instance: dg.DagsterInstance, decision: RoundDecision, now: datetime) -> dg.SensorResult:
    """Records and cancels what is decided; the answer holds the runs that Dagster's daemon then starts."""
    for week in decision.open:
        _observe(instance, SNAPSHOT, week, {OPENED: now.isoformat()})
    for week in decision.late:
        what_to_do = {"What to do": "Ask for the ETL's snapshot of this week."}
        _observe(instance, SNAPSHOT, week, {LATE: now.isoformat(), **what_to_do})
    for delivery in decision.arrived:
        if delivery.gone:
            known = {GONE: ", ".join(delivery.gone), ROUND: delivery.round}
            what_to_do = {
                "What to do": "Have the ETL deliver the week with them; else their last rows stay in the ERP."
            }
            _observe(instance, SNAPSHOT, delivery.week, {**known, **what_to_do})
    for run in decision.remind:
        remind_of_retry(instance, run.id)
    for run in decision.not_retried:
        give_up_retry(instance, run.id)
    if decision.end:
        _end(instance, decision.end)
    return dg.SensorResult(
        [*map(_request, decision.start), *map(_request_again, decision.repeat)],
        skip_reason=decision.says or None,
        cursor=decision.progress.to_cursor(),
        asset_events=[
            dg.AssetMaterialization(
                SNAPSHOT,
                partition=delivery.week.isoformat(),
                metadata=figures.snapshot(delivery.stamp, delivery.bytes_by_country),
            )
            for delivery in decision.arrived
        ],
    )


def _request(start: Start) -> dg.RunRequest:
    delivery = start.delivery
    week = delivery.week.isoformat()
    tags = {
        ROUND_TAG: delivery.round,
        WEEK_TAG: week,
        STAMP_TAG: delivery.stamp,
        PRIORITY_TAG: str(start.priority),
    }
    if not start.country:
        return dg.RunRequest(f"{delivery.round}:{SHARED_JOB}", job_name=SHARED_JOB, partition_key=week, tags=tags)
    without = {WITHOUT_SHARED_TAG: start.without_shared} if start.without_shared else {}
    return dg.RunRequest(
        f"{delivery.round}:{start.country}",
        job_name=JOB,
        partition_key=partition_key(delivery.week, start.country),
        tags={**tags, COUNTRY_TAG: start.country, **without},
    )


def _request_again(repeat: Repeat) -> dg.RunRequest:
    """The refresh alone, whose checks are its own; the run key names the refresh that is lost."""
    lost, week = repeat.lost, repeat.lost.week.isoformat()
    return dg.RunRequest(
        f"{week}@{lost.stamp}:{lost.country}:after {lost.run_id}",
        job_name=JOB,
        asset_selection=[REFRESH],
        partition_key=partition_key(lost.week, lost.country),
        tags={
            ROUND_TAG: repeat.round,
            WEEK_TAG: week,
            STAMP_TAG: lost.stamp,
            COUNTRY_TAG: lost.country,
            PRIORITY_TAG: str(repeat.priority),
        },
    )


def _end(instance: dg.DagsterInstance, ending: Ending) -> None:
    """Cancels the runs, so that they are not retried, and records why; no stamp with it: it settles nothing."""
    for ended in ending.runs:
        instance.add_run_tags(ended.id, {MAX_RETRIES_TAG: "0", WILL_RETRY_TAG: "false"})
        run = instance.get_run_by_id(ended.id)
        if run and not run.is_finished:
            _cancel(instance, run, ending.why)
    if ending.shared:
        _observe(instance, SHARED, ending.week, {WITHOUT_IT: ending.remark})
    else:
        _observe(instance, SNAPSHOT, ending.week, {LIMIT_REACHED: ending.remark})


def _cancel(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    instance.report_engine_event(why, run)
    try:
        instance.run_coordinator.cancel_run(run.run_id)
    except Exception as error:
        # The others are canceled all the same; this one's worker is ended by Dagster's own run monitoring.
        instance.report_engine_event(f"Its worker did not take the cancellation: {error}", run)


def _observe(instance: dg.DagsterInstance, asset: dg.AssetKey, week: date, metadata: Mapping[str, Any]) -> None:
    instance.report_runless_asset_event(dg.AssetObservation(asset, partition=week.isoformat(), metadata=metadata))
