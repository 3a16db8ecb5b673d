"""An outage of the cluster: a launch that surely started nothing waits, and costs none of the run's tries."""

import os
import time

import pytest
from dagster._core.storage.tags import MAX_RETRIES_TAG

from markdown_pricing.metronome.errors import BadJob, Conflict, Final, MetronomeError, NotFound, NotStarted, Transient
from markdown_pricing.metronome.outage import Next, after
from markdown_pricing.metronome.upkeep import LastLook
from tests.doubles.dcos import Fault
from tests.metronome import work
from tests.metronome.conftest import Site

CREATE, START = "POST /v1/jobs", "POST /v1/jobs/*/runs"
FOREVER = 1_000_000
AT_ONCE = pytest.mark.parametrize("container", [{"retry_s": 0.0}], ids=["no repetitions"])


@pytest.mark.parametrize(
    ("error", "tried_s", "what"),
    [
        (NotStarted("no connection"), 0.0, Next.QUEUE),
        (NotStarted("503"), 3599.0, Next.QUEUE),
        (NotStarted("503"), 3600.0, Next.FAIL),
        (Transient("the answer to its start was lost, and it is removed"), 0.0, Next.FAIL),
        (Final("the IAM refuses robot"), 0.0, Next.GIVE_UP),
        (NotFound("no permission"), 0.0, Next.GIVE_UP),
        (Conflict("has runs"), 0.0, Next.GIVE_UP),
        (BadJob("A tag of the run", ["metronome/mem=lots"]), 0.0, Next.GIVE_UP),
    ],
)
def test_what_becomes_of_a_launch_that_did_not_succeed(error: MetronomeError, tried_s: float, what: Next) -> None:
    assert after(error, tried_s, limit_s=3600.0) is what


def starts(site: Site) -> int:
    return sum(request.startswith("POST") and request.endswith("/runs") for request in site.dcos.requests)


@AT_ONCE
@pytest.mark.parametrize(
    "fault",
    [Fault("*", 503, times=FOREVER), Fault(START, 503, times=FOREVER), Fault(CREATE, 500, done=True, times=FOREVER)],
    ids=["nothing answers", "its start is refused", "whether its job was made is not known"],
)
def test_a_launch_that_surely_started_nothing_goes_back_to_the_queue_and_is_made_later(
    site: Site, fault: Fault
) -> None:
    site.dcos.fail(fault)
    run = site.launch(work.short)
    assert site.status(run) == "QUEUED"
    assert "Nothing was started" in site.messages(run)

    site.dcos.heal(slots=0)
    site.dcos.requests.clear()
    site.instance.launch_run(run.run_id, None)  # type: ignore[arg-type]  # as the queue does

    assert site.status(run) == "STARTING"
    assert list(site.dcos.jobs) == [site.job_id(run)]
    assert starts(site) == len(site.dcos.jobs[site.job_id(run)].runs) == 1


@AT_ONCE
def test_a_job_that_somebody_has_started_meanwhile_is_left_to_him(site: Site) -> None:
    site.dcos.slots = 0
    site.dcos.fail(Fault(START, 503))
    run = site.launch(work.short)
    started = site.cluster.metronome.start_run(site.job_id(run))["id"]
    site.instance.launch_run(run.run_id, None)  # type: ignore[arg-type]

    assert list(site.dcos.jobs[site.job_id(run)].runs) == [started]
    assert "Another process launches this run" in site.messages(run)


@pytest.mark.parametrize("container", [{"retry_s": 0.0, "queue_timeout_s": 0.0}], ids=["no wait"])
def test_a_launch_that_has_waited_long_enough_fails_with_the_clusters_words(site: Site) -> None:
    site.dcos.fail(Fault("*", 503, times=FOREVER))
    with pytest.raises(Transient, match="503"):
        site.launch(work.short)


def test_wrong_credentials_are_not_tried_again(site: Site) -> None:
    site.dcos.users = {"robot": "another"}
    run = site.new_run(work.short)
    with pytest.raises(Final, match="refuses robot"):
        site.instance.launch_run(run.run_id, None)  # type: ignore[arg-type]

    now = site.instance.get_run_by_id(run.run_id)
    assert now is not None
    assert now.status.value == "FAILURE"
    assert now.tags[MAX_RETRIES_TAG] == "0"


def test_a_start_that_is_answered_in_html_is_looked_for_like_a_lost_answer(site: Site) -> None:
    site.dcos.slots = 0
    site.dcos.fail(Fault(START, 200, done=True))
    run = site.launch(work.short)

    assert site.status(run) == "STARTING"
    assert starts(site) == len(site.dcos.jobs[site.job_id(run)].runs) == 1
    assert "the answer to its start was lost" in site.messages(run)


@AT_ONCE
def test_a_run_that_is_terminated_in_an_outage_is_canceled_when_the_cluster_is_back(site: Site) -> None:
    site.dcos.slots = 0
    run = site.launch(work.short)
    site.dcos.fail(Fault("*", 503, times=FOREVER))

    assert site.instance.run_launcher.terminate(run.run_id)
    assert site.status(run) == "CANCELING"
    assert "as soon as the cluster lets it" in site.messages(run)

    site.dcos.heal(slots=0)
    site.poll()
    assert site.status(run) == "CANCELED"
    assert site.dcos.jobs == {}
    assert not (work.marks() / "lines").exists(), os.listdir(work.marks())


@AT_ONCE
def test_what_was_seen_before_an_outage_does_not_count_against_a_run_that_is_launched_anew(site: Site) -> None:
    site.cluster = site.cluster.model_copy(update={"unseen_timeout_s": 120.0})
    site.dcos.forgets_runs = True
    run = site.launch(work.short)
    site.known = LastLook({run.run_id: time.time() - 300.0})
    site.poll()
    assert site.status(run) == "STARTING"

    site.poll(later_s=121.0)
    assert site.status(run) == "FAILURE"
