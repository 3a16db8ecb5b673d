"""What Metronome's answers mean, and what is done about them."""

from typing import Any

import pytest

from markdown_pricing.metronome.health import Action, Patience, Seen, State, look, verdict

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
        ({"activeRuns": [run("1", "INITIAL")]}, Seen(State.QUEUED, "1")),
        ({"activeRuns": [run("1", "STARTING")]}, Seen(State.QUEUED, "1")),
        ({"activeRuns": [run("1", "STARTING", ("t",))]}, Seen(State.ACTIVE, "1", ("t",))),
        ({"activeRuns": [run("1", "ACTIVE", ("t",))]}, Seen(State.ACTIVE, "1", ("t",))),
        ({"activeRuns": [run("1", "A_NEW_WORD")]}, Seen(State.ACTIVE, "1")),
        ({"activeRuns": [run("1", "SUCCESS")]}, Seen(State.SUCCEEDED, "1")),
        ({"activeRuns": [], "history": history(good=("1",))}, Seen(State.SUCCEEDED, "1")),
        ({"history": history(bad=("1",))}, Seen(State.FAILED, "1", ("t",))),
        ({"activeRuns": [run("2", "ACTIVE"), run("1", "ACTIVE")]}, Seen(State.ACTIVE, "1", (), ("2",))),
        ({"activeRuns": [run("2", "ACTIVE")], "history": history(bad=("1",))}, Seen(State.ACTIVE, "2")),
        ({"history": history()}, Seen(State.UNSEEN)),
        ({}, Seen(State.UNSEEN)),
    ],
)
def test_a_job_is_looked_at(job: dict[str, Any], seen: Seen) -> None:
    assert look(job) == seen


@pytest.mark.parametrize(
    ("status", "state", "launched_s", "still_s", "over_s", "action"),
    [
        # It has not begun.
        ("STARTING", State.QUEUED, 3599, 0, 0, Action.WAIT),
        ("STARTING", State.QUEUED, 3600, 0, 0, Action.FAIL),
        ("STARTING", State.ACTIVE, 99_999, 0, 0, Action.WAIT),
        ("STARTING", State.FAILED, 1, 0, 0, Action.FAIL),
        ("STARTING", State.SUCCEEDED, 1, 0, 0, Action.FAIL),
        ("STARTING", State.UNSEEN, 99_999, 119, 0, Action.WAIT),
        ("STARTING", State.UNSEEN, 1, 120, 0, Action.FAIL),
        # It is to be canceled; its worker may say so itself while the container ends.
        ("CANCELING", State.ACTIVE, 0, 0, 0, Action.STOP),
        ("CANCELING", State.QUEUED, 0, 0, 0, Action.CANCEL),
        ("CANCELING", State.FAILED, 0, 59, 0, Action.WAIT),
        ("CANCELING", State.FAILED, 0, 60, 0, Action.CANCEL),
        ("CANCELING", State.UNSEEN, 0, 119, 0, Action.WAIT),
        ("CANCELING", State.UNSEEN, 0, 120, 0, Action.CANCEL),
        # It is over; its worker has a while to exit, and a start that was lost may still be on its way.
        ("FAILURE", State.QUEUED, 0, 0, 0, Action.STOP),
        ("SUCCESS", State.ACTIVE, 0, 0, 59, Action.WAIT),
        ("FAILURE", State.ACTIVE, 0, 0, 60, Action.STOP),
        ("CANCELED", State.FAILED, 0, 0, 0, Action.REMOVE),
        ("SUCCESS", State.SUCCEEDED, 0, 0, 0, Action.REMOVE),
        ("FAILURE", State.UNSEEN, 0, 119, 999, Action.WAIT),
        ("FAILURE", State.UNSEEN, 0, 120, 999, Action.REMOVE),
        # A run that has begun is its monitoring's, one that was not launched its queue's.
        ("STARTED", State.FAILED, 0, 999, 0, Action.WAIT),
        ("QUEUED", State.FAILED, 0, 999, 0, Action.WAIT),
    ],
)
def test_a_run_without_a_worker_that_answers_for_it_is_judged(
    status: str, state: State, launched_s: float, still_s: float, over_s: float, action: Action
) -> None:
    done, why = verdict(status, Seen(state, "1"), launched_s, still_s, over_s, PATIENCE)

    assert done is action
    assert bool(why) is (action is not Action.WAIT)
