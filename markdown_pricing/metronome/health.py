"""Decide what Metronome's answer about a job means for its Dagster run, by states and seconds, without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

QUEUED_WORDS = ("INITIAL", "STARTING")


class JobState(Enum):
    """The states of the one Metronome run that a job has."""

    QUEUED = "waits for room in the cluster"
    ACTIVE = "has a container"
    SUCCEEDED = "exited 0"
    FAILED = "failed, or was stopped"
    UNSEEN = "is neither running nor in the history"


@dataclass(frozen=True)
class Seen:
    """A job's run as one answer of Metronome shows it.

    tasks  : Metronome's names of the run's containers
    others : ids of further runs of the same job, which should not exist
    """

    state: JobState
    run_id: str = ""
    tasks: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        run = f"Metronome run {self.run_id}" if self.run_id else "the Metronome run"
        return f"{run} {self.state.value}"


def read_job(job: Mapping[str, Any]) -> Seen:
    """Read `job`, as GET /v1/jobs/{id} returns it with activeRuns and history.

    A run that is not over wins over those that are. Of several such runs the eldest counts, and the rest are `others`.
    An unknown word for the status counts as a running container, so that the run is looked at again and never given up.
    """
    active = sorted(job.get("activeRuns") or [], key=lambda run: (run["createdAt"], run["id"]))
    live = [run for run in active if run["status"] not in ("SUCCESS", "FAILED")]
    if live:
        first = live[0]
        queued = first["status"] in QUEUED_WORDS and not first.get("tasks")
        return Seen(
            JobState.QUEUED if queued else JobState.ACTIVE,
            first["id"],
            _tasks(first),
            tuple(run["id"] for run in live[1:]),
        )
    if active:
        over = JobState.SUCCEEDED if active[-1]["status"] == "SUCCESS" else JobState.FAILED
        return Seen(over, active[-1]["id"], _tasks(active[-1]))
    history = job.get("history") or {}
    for key, over in (("successfulFinishedRuns", JobState.SUCCEEDED), ("failedFinishedRuns", JobState.FAILED)):
        for run in history.get(key) or []:
            return Seen(over, run["id"], tuple(run.get("tasks") or ()))
    return Seen(JobState.UNSEEN)


def _tasks(run: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(task["id"] for task in run.get("tasks") or [])


class Action(Enum):
    """What to do about a job whose Dagster run has no worker that answers for it."""

    WAIT = "wait"
    STOP = "stop its container"
    FAIL = "remove the job, and fail the Dagster run"
    CANCEL = "remove the job, and report the Dagster run as canceled"
    REMOVE = "remove the job"


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds; chosen to be far above what a healthy cluster needs.

    queue_s  : the longest wait in Metronome's queue
    unseen_s : how long a run may be in neither list before it counts as lost; when a run ends, a healthy cluster shows
        that for milliseconds
    exit_s   : how long a worker may take to exit once its Dagster run is over
    """

    queue_s: float = 3600.0
    unseen_s: float = 120.0
    exit_s: float = 60.0


def verdict(
    status: str, seen: Seen, launched_s: float, still_s: float, over_s: float, patience: Patience
) -> tuple[Action, str]:
    """What to do about a job, and why, in words for the reader of the Dagster run.

    status : the Dagster run's status, read after the job was looked at, because a worker reports before it exits
    launched_s : seconds since Dagster handed the run to the launcher
    still_s : seconds since the job was first seen without a live run, 0 while it has one
    over_s : seconds since the Dagster run was over, 0 while it is not
    """
    lives = seen.state in (JobState.QUEUED, JobState.ACTIVE)
    lost = seen.state is JobState.UNSEEN and still_s >= patience.unseen_s
    ended = seen.state in (JobState.SUCCEEDED, JobState.FAILED)
    if status in ("SUCCESS", "FAILURE", "CANCELED"):
        if seen.state is JobState.QUEUED or (lives and over_s >= patience.exit_s):
            return Action.STOP, f"{seen} although the Dagster run is over"
        # A run that is not seen may still come: a start whose answer was lost may be on its way.
        return (Action.REMOVE, f"{seen}") if ended or lost else (Action.WAIT, "")
    if status == "CANCELING":
        if seen.state is JobState.ACTIVE:
            return Action.STOP, f"{seen} although the Dagster run is to be canceled"
        if seen.state is JobState.QUEUED or lost or (ended and still_s >= patience.exit_s):
            return Action.CANCEL, f"{seen}"
    if status == "STARTING":
        if ended:
            return (
                Action.FAIL,
                f"{seen} before the Dagster run began: look at its image and at the first lines it wrote",
            )
        if seen.state is JobState.QUEUED and launched_s >= patience.queue_s:
            wanted = "Give the cluster room, ask for less by the run's tags, or raise `queue_timeout_s`."
            return Action.FAIL, f"{seen} for {launched_s:.0f} s, longer than {patience.queue_s:.0f} s. {wanted}"
        if lost:
            return Action.FAIL, f"{seen} for {still_s:.0f} s: it was never started, or it is lost"
    return Action.WAIT, ""
