"""A sensor for what Dagster's monitoring leaves out: runs that have not begun, late containers, left-over jobs."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.events import EngineEventData

from .client import Metronome
from .errors import MetronomeError, OutOfTime
from .health import Action, JobState, Seen, verdict
from .job import job_id
from .launcher import RUN_LABEL
from .report import describe, page
from .resource import MetronomeResource, cluster_of

OPEN = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING)
LOOK_S = 20.0
"""Seconds for the calls of one look; a third of the 60 that Dagster gives a sensor, as the last call may take thrice
what was left for it."""
SIDE_BY_SIDE = 8
"""Jobs that are looked at at a time; chosen so that a few that do not answer hold up no other."""


@dataclass(frozen=True)
class LastLook:
    """What one look leaves to the next.

    still_since : since when, in seconds of the Unix epoch, a Dagster run was seen without a live container
    unanswered : Dagster runs whose jobs the cluster could not tell about; they come last in the next look
    """

    still_since: Mapping[str, float] = field(default_factory=dict)
    unanswered: frozenset[str] = frozenset()

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "LastLook":
        kept = json.loads(cursor or "{}")
        return cls(kept.get("still_since", {}), frozenset(kept.get("unanswered", ())))

    def to_cursor(self) -> str:
        return json.dumps({"still_since": dict(self.still_since), "unanswered": sorted(self.unanswered)})

    def in_order(self, run_ids: Iterable[str]) -> list[str]:
        """The runs in the order in which to ask.

        Runs whose jobs did not answer last time come last, so that they delay no other.
        """
        return sorted(run_ids, key=lambda run_id: (run_id in self.unanswered, run_id))


def upkeep_sensor(interval_s: int = 60) -> dg.SensorDefinition:
    """A sensor that looks after all jobs of this Dagster every `interval_s` seconds. It starts no run.

    Where the cluster is and how long to wait it reads where the launcher does: in `run_launcher` of dagster.yaml.
    """

    @dg.sensor(
        name="metronome_upkeep",
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Stops containers of runs that are over, fails runs that never begin, and removes their jobs.",
    )
    def metronome_upkeep(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cluster = cluster_of(context.instance.get_ref().run_launcher_data)
        if cluster is None:
            return dg.SkipReason("Nothing to do: the run launcher of dagster.yaml has no Metronome.")
        done, known = look_after(context.instance, cluster, LastLook.from_cursor(context.cursor))
        context.update_cursor(known.to_cursor())
        return dg.SkipReason("\n".join(done) or "Nothing to do.")

    return metronome_upkeep


def look_after(
    instance: dg.DagsterInstance,
    cluster: MetronomeResource,
    known: LastLook,
    clock: Callable[[], float] = time.time,
    look_s: float = LOOK_S,
) -> tuple[list[str], LastLook]:
    """Look once at our jobs, and at the Dagster runs that are about to begin or to be canceled.

    Each job is asked for once, side by side, within `look_s` seconds in all: the next look is the repetition.

    Returns what was done, in words, and what the next look should know. A job that can't be judged is named and kept.
    Raises MetronomeError when the cluster can't be asked at all.
    """
    with cluster.metronome.for_one_look(look_s) as metronome:
        ours = {job["labels"][RUN_LABEL]: job for job in metronome.jobs() if _is_ours(job, cluster.job_prefix)}
        begun = {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))}
        waiting = {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=list(OPEN)))}
        # Dagster's own monitoring looks after runs that have begun.
        run_ids = known.in_order((ours.keys() | waiting) - begun)
        judge = _RunJudge(instance, cluster, metronome)
        done: list[str] = []
        still_since: dict[str, float] = {}
        unanswered: set[str] = set()
        not_reached = 0
        for run_id, seen in _looks(metronome, cluster.job_prefix, run_ids):
            id = job_id(cluster.job_prefix, run_id)
            try:
                if isinstance(seen, MetronomeError):
                    raise seen
                says, since = judge.judge(run_id, seen, known.still_since.get(run_id), clock())
            except MetronomeError as error:
                still_since |= {run_id: known.still_since[run_id]} if run_id in known.still_since else {}
                if isinstance(error, OutOfTime):
                    not_reached += 1
                else:
                    unanswered.add(run_id)
                    done.append(f"{id} can't be judged now: {error}")
                continue
            done += [f"{id}{says}"] if says else []
            still_since |= {} if since is None else {run_id: since}
    if not_reached:
        done.append(f"{not_reached} jobs were not reached in {look_s:.0f} s. They come first in the next look.")
    return done, LastLook(still_since, frozenset(unanswered))


def _looks(metronome: Metronome, prefix: str, run_ids: Sequence[str]) -> Iterator[tuple[str, Seen | MetronomeError]]:
    """How the job of each run is, or why that is not known, as the answers come."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        looks = {pool.submit(metronome.look_at, job_id(prefix, run_id)): run_id for run_id in run_ids}
        for done in as_completed(looks):
            error = done.exception()
            if error is not None and not isinstance(error, MetronomeError):
                raise error
            yield looks[done], error or done.result()


@dataclass(frozen=True)
class _RunJudge:
    """Judges and acts with what one look asks: `metronome` is the cluster's client for as long as the look lasts."""

    instance: dg.DagsterInstance
    cluster: MetronomeResource
    metronome: Metronome

    def judge(self, run_id: str, seen: Seen, still_since: float | None, now_s: float) -> tuple[str, float | None]:
        """Do what is to be done about a job; what that is, in words, and since when it has had no live container."""
        record = self.instance.get_run_record_by_id(run_id)
        if record is None:
            return " belongs to no run of this Dagster. It is left alone.", None
        launched = self._launched(record)
        since = now_s if still_since is None or seen.state in (JobState.QUEUED, JobState.ACTIVE) else still_since
        # A run that an outage put back into the queue is launched anew, and what was seen before counts no more.
        since = max(since, launched or since)
        action, why = verdict(
            record.dagster_run.status.value,
            seen,
            launched_s=now_s - (launched or now_s),
            still_s=now_s - since,
            over_s=now_s - (record.end_time or now_s),
            patience=self.cluster.patience,
        )
        self._act(record.dagster_run, seen, action, why)
        says = f": {why}. Done: {action.value}." if action is not Action.WAIT else ""
        return says, since if action in (Action.WAIT, Action.STOP) else None

    def _launched(self, record: dg.RunRecord) -> float | None:
        """When Dagster last handed the run to the launcher; None when it is not about to begin."""
        if record.dagster_run.status is not dg.DagsterRunStatus.STARTING:
            return None
        return self.instance.get_run_stats(record.dagster_run.run_id).launch_time

    def _act(self, run: dg.DagsterRun, seen: Seen, action: Action, why: str) -> None:
        id = job_id(self.cluster.job_prefix, run.run_id)
        for late in seen.others:
            self.metronome.stop_run(id, late)
        if action is Action.WAIT:
            return
        if action is Action.STOP:
            self.metronome.stop_run(id, seen.run_id)
        # Deleting the job deletes its history, so that what it says is written down first.
        info = describe(self.metronome, id, seen) if action is Action.FAIL else f"Metronome job {id}: {why}."
        data = EngineEventData(metadata={"Metronome job": dg.MetadataValue.url(page(self.cluster.url, id))})
        if action is not Action.STOP:
            self.metronome.delete_job(id)
        self.instance.report_engine_event(f"{info} Done: {action.value}.", run, data)
        if action is Action.FAIL:
            self.instance.report_run_failed(run, f"{why}\n{info}")
        if action is Action.CANCEL:
            self.instance.report_run_canceled(run, why)


def _is_ours(job: Mapping[str, Any], prefix: str) -> bool:
    run_id = (job.get("labels") or {}).get(RUN_LABEL)
    return run_id is not None and job["id"] == job_id(prefix, run_id)
