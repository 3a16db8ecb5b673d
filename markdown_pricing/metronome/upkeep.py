"""A sensor for what Dagster's monitoring leaves out: runs that have not begun, late containers, left-over jobs."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
from dagster._core.events import EngineEventData

from .errors import MetronomeError, NotFound
from .health import Action, Seen, State, look, verdict
from .job import job_id
from .launcher import RUN_LABEL, describe, page
from .resource import MetronomeResource

OPEN = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING)


def upkeep_sensor(interval_s: int = 60, resource_key: str = "metronome") -> dg.SensorDefinition:
    """A sensor that looks after all jobs of the resource's prefix every `interval_s` seconds. It starts no run."""

    @dg.sensor(
        name="metronome_upkeep",
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={resource_key},
        description="Stops containers of runs that are over, fails runs that never begin, and removes their jobs.",
    )
    def metronome_upkeep(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cluster: MetronomeResource = getattr(context.resources, resource_key)
        done, still_since = look_after(context.instance, cluster, json.loads(context.cursor or "{}"))
        context.update_cursor(json.dumps(still_since))
        return dg.SkipReason("\n".join(done) or "Nothing to do.")

    return metronome_upkeep


def look_after(
    instance: dg.DagsterInstance,
    cluster: MetronomeResource,
    still_since: Mapping[str, float],
    clock: Callable[[], float] = time.time,
) -> tuple[list[str], dict[str, float]]:
    """Look once at our jobs, and at the Dagster runs that are about to begin or to be canceled.

    still_since : since when each Dagster run was seen without a live container, as the last look returned it
    Returns what was done, in words, and the next still_since. A job that can't be judged is named and kept.
    Raises MetronomeError when the cluster can't be asked at all.
    """
    ours = {job["labels"][RUN_LABEL]: job for job in cluster.metronome.jobs() if _is_ours(job, cluster.job_prefix)}
    begun = {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))}
    waiting = {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=list(OPEN)))}
    done: list[str] = []
    next_since: dict[str, float] = {}
    # Dagster's own monitoring looks after runs that have begun.
    for run_id in sorted((ours.keys() | waiting) - begun):
        try:
            seen = _look(cluster, run_id)
            record = instance.get_run_record_by_id(run_id)
            if record is None:
                done.append(f"{ours[run_id]['id']} belongs to no run of this Dagster. It is left alone.")
                continue
            now_s = clock()
            since = now_s if seen.state in (State.QUEUED, State.ACTIVE) else still_since.get(run_id, now_s)
            action, why = verdict(
                record.dagster_run.status.value,
                seen,
                launched_s=now_s - _launched_s(instance, record, now_s),
                still_s=now_s - since,
                over_s=now_s - (record.end_time or now_s),
                limits=cluster.limits,
            )
            _act(instance, cluster, record.dagster_run, seen, action, why)
        except MetronomeError as error:
            done.append(f"{job_id(cluster.job_prefix, run_id)} can't be judged now: {error}")
            next_since |= {run_id: still_since[run_id]} if run_id in still_since else {}
            continue
        if action is not Action.WAIT:
            done.append(f"{job_id(cluster.job_prefix, run_id)}: {why}. Done: {action.value}.")
        if action in (Action.WAIT, Action.STOP):
            next_since[run_id] = since
    return done, next_since


def _act(
    instance: dg.DagsterInstance, cluster: MetronomeResource, run: dg.DagsterRun, seen: Seen, action: Action, why: str
) -> None:
    metronome, id = cluster.metronome, job_id(cluster.job_prefix, run.run_id)
    for late in seen.others:
        metronome.stop_run(id, late)
    if action is Action.WAIT:
        return
    if action is Action.STOP:
        metronome.stop_run(id, seen.run_id)
    # Deleting the job deletes its history, so that what it says is written down first.
    info = describe(metronome, id, seen) if action is Action.FAIL else f"Metronome job {id}: {why}."
    data = EngineEventData(metadata={"Metronome job": dg.MetadataValue.url(page(cluster.url, id))})
    if action is not Action.STOP:
        metronome.delete_job(id)
    instance.report_engine_event(f"{info} Done: {action.value}.", run, data)
    if action is Action.FAIL:
        instance.report_run_failed(run, f"{why}\n{info}")
    if action is Action.CANCEL:
        instance.report_run_canceled(run, why)


def _is_ours(job: Mapping[str, Any], prefix: str) -> bool:
    run_id = (job.get("labels") or {}).get(RUN_LABEL)
    return run_id is not None and job["id"] == job_id(prefix, run_id)


def _look(cluster: MetronomeResource, run_id: str) -> Seen:
    try:
        return look(cluster.metronome.job(job_id(cluster.job_prefix, run_id)))
    except NotFound:
        return Seen(State.UNSEEN)


def _launched_s(instance: dg.DagsterInstance, record: dg.RunRecord, now_s: float) -> float:
    if record.dagster_run.status is not dg.DagsterRunStatus.STARTING:
        return now_s
    return getattr(instance.get_run_stats(record.dagster_run.run_id), "launch_time", None) or now_s
