"""What Metronome's answers mean, and what is done about them."""

from typing import Any

import pytest

from markdown_pricing.metronome.health import Action, JobState, Patience, Seen, read_job, verdict

PATIENCE = Patience(queue_s=3600, unseen_s=120, exit_s=60)


def run(id: str, status: str, tasks: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"id": id, "status": status, "createdAt": f"2026-11-23T08:00:0{id}", "tasks": [{"id": t} for t in tasks]}


def history(good: tuple[str, ...] = (), bad: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "successfulFinishedRuns": [{"id": id, "tasks": []} for id in good],
        "failedFinishedRuns": [{"id": id, "tasks": ["t"]} for id in bad],
    }


@pytest.mark.parametrize(
    ("job", "seen"),
    [
        ({"activeRuns": [run("1", "INITIAL")]}, Seen(JobState.QUEUED, "1")),
        ({"activeRuns": [run("1", "STARTING")]}, Seen(JobState.QUEUED, "1")),
        ({"activeRuns": [run("1", "STARTING", ("t",))]}, Seen(JobState.ACTIVE, "1", ("t",))),
        ({"activeRuns": [run("1", "ACTIVE", ("t",))]}, Seen(JobState.ACTIVE, "1", ("t",))),
        ({"activeRuns": [run("1", "A_NEW_WORD")]}, Seen(JobState.ACTIVE, "1")),
        ({"activeRuns": [run("1", "SUCCESS")]}, Seen(JobState.SUCCEEDED, "1")),
        ({"activeRuns": [], "history": history(good=("1",))}, Seen(JobState.SUCCEEDED, "1")),
        ({"history": history(bad=("1",))}, Seen(JobState.FAILED, "1", ("t",))),
        ({"activeRuns": [run("2", "ACTIVE"), run("1", "ACTIVE")]}, Seen(JobState.ACTIVE, "1", (), ("2",))),
        ({"activeRuns": [run("2", "ACTIVE")], "history": history(bad=("1",))}, Seen(JobState.ACTIVE, "2")),
        ({"history": history()}, Seen(JobState.UNSEEN)),
        ({}, Seen(JobState.UNSEEN)),
    ],
)
def test_a_job_is_looked_at(job: dict[str, Any], seen: Seen) -> None:
    assert read_job(job) == seen


@pytest.mark.parametrize(
    ("status", "state", "launched_s", "still_s", "over_s", "action"),
    [
        # It has not begun.
        ("STARTING", JobState.QUEUED, 3599, 0, 0, Action.WAIT),
        ("STARTING", JobState.QUEUED, 3600, 0, 0, Action.FAIL),
        ("STARTING", JobState.ACTIVE, 99_999, 0, 0, Action.WAIT),
        ("STARTING", JobState.FAILED, 1, 0, 0, Action.FAIL),
        ("STARTING", JobState.SUCCEEDED, 1, 0, 0, Action.FAIL),
        ("STARTING", JobState.UNSEEN, 99_999, 119, 0, Action.WAIT),
        ("STARTING", JobState.UNSEEN, 1, 120, 0, Action.FAIL),
        # It is to be canceled; its worker may say so itself while the container ends.
        ("CANCELING", JobState.ACTIVE, 0, 0, 0, Action.STOP),
        ("CANCELING", JobState.QUEUED, 0, 0, 0, Action.CANCEL),
        ("CANCELING", JobState.FAILED, 0, 59, 0, Action.WAIT),
        ("CANCELING", JobState.FAILED, 0, 60, 0, Action.CANCEL),
        ("CANCELING", JobState.UNSEEN, 0, 119, 0, Action.WAIT),
        ("CANCELING", JobState.UNSEEN, 0, 120, 0, Action.CANCEL),
        # It is over; its worker has a while to exit, and a start that was lost may still be on its way.
        ("FAILURE", JobState.QUEUED, 0, 0, 0, Action.STOP),
        ("SUCCESS", JobState.ACTIVE, 0, 0, 59, Action.WAIT),
        ("FAILURE", JobState.ACTIVE, 0, 0, 60, Action.STOP),
        ("CANCELED", JobState.FAILED, 0, 0, 0, Action.REMOVE),
        ("SUCCESS", JobState.SUCCEEDED, 0, 0, 0, Action.REMOVE),
        ("FAILURE", JobState.UNSEEN, 0, 119, 999, Action.WAIT),
        ("FAILURE", JobState.UNSEEN, 0, 120, 999, Action.REMOVE),
        # A run that has begun is its monitoring's, one that was not launched its queue's.
        ("STARTED", JobState.FAILED, 0, 999, 0, Action.WAIT),
        ("QUEUED", JobState.FAILED, 0, 999, 0, Action.WAIT),
    ],
)
def test_a_run_without_a_worker_that_answers_for_it_is_judged(
    status: str, state: JobState, launched_s: float, still_s: float, over_s: float, action: Action
) -> None:
    done, why = verdict(status, Seen(state, "1"), launched_s, still_s, over_s, PATIENCE)

    assert done is action
    assert bool(why) is (action is not Action.WAIT)
