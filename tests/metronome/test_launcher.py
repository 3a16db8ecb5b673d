"""Dagster runs as Metronome jobs: launched once, ended in the right state, whatever happens between."""

import os
import signal
from threading import Thread

import dagster as dg
import pytest
from dagster._core.launcher.base import LaunchRunContext

from markdown_pricing.metronome import MetronomeResource
from markdown_pricing.metronome.errors import BadJob, Final, Transient
from tests.doubles.dcos import Dcos, Fault
from tests.metronome import work
from tests.metronome.conftest import Site
from tests.processes import wait_until


def lines() -> list[str]:
    file = work.marks() / "lines"
    return file.read_text().split() if file.exists() else []


def begin(site: Site) -> dg.DagsterRun:
    run = site.launch(work.long)
    site.wait_until(run, "STARTED")
    return run


def test_a_run_is_one_job_that_is_gone_when_the_run_is_over(site: Site) -> None:
    run = site.launch(work.short, {"metronome/cpus": "0.5"})
    site.wait_until(run, "SUCCESS")
    site.dcos.wait_for(lambda: not site.dcos.alive(site.job_id(run)))
    site.poll()

    assert lines() == [run.run_id]
    assert site.dcos.bodies[0]["run"]["cpus"] == 0.5
    assert site.dcos.jobs == {}
    assert "exited 0" in site.messages(run)


def test_a_run_that_fails_fails(site: Site) -> None:
    run = site.launch(work.failing)
    site.wait_until(run, "FAILURE")
    site.poll_until(run, "FAILURE")

    assert "Steps failed: ['break_down']" in site.messages(run)


def test_a_start_that_never_came_is_removed_and_the_launch_fails(site: Site) -> None:
    site.dcos.fail(Fault("POST /v1/jobs/*/runs", 502))

    with pytest.raises(Transient, match="was not started"):
        site.launch(work.short)
    assert site.dcos.jobs == {}


def test_two_daemons_launch_the_same_run_once(site: Site) -> None:
    run = site.new_run(work.short)
    other = dg.DagsterInstance.get()
    with site.dcos.holding("POST /v1/jobs/*/runs") as first_is_between_its_calls:
        first = Thread(target=lambda: site.instance.launch_run(run.run_id, None))  # type: ignore[arg-type]
        first.start()
        assert first_is_between_its_calls.wait(30)
        other.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    first.join()
    site.wait_until(run, "SUCCESS")

    assert lines() == [run.run_id]
    assert "Another process launches this run" in site.messages(run)


def test_the_cluster_cannot_tell_and_the_run_goes_on(site: Site) -> None:
    run = begin(site)
    site.dcos.fail(Fault("GET /v1/jobs*", 502, times=100))
    with pytest.raises(Transient):
        site.poll()
    site.dcos.heal()
    (work.marks() / "go").touch()
    site.poll_until(run, "SUCCESS")


def test_a_killed_worker_fails_its_run(site: Site) -> None:
    run = begin(site)
    os.kill(site.dcos.alive(site.job_id(run))[0], signal.SIGKILL)
    site.dcos.wait_for(lambda: not site.dcos.jobs[site.job_id(run)].runs)
    site.poll()

    assert site.status(run) == "FAILURE"


def test_a_worker_that_exits_0_without_an_end_fails_its_run(site: Site) -> None:
    run = site.launch(work.leaving)
    site.poll_until(run, "FAILURE")

    assert "did not end its Dagster run" in site.messages(run)


def test_the_agent_is_lost_while_the_process_lives_on(site: Site) -> None:
    run = begin(site)
    site.dcos.lose_agent(site.job_id(run))
    site.poll()

    assert site.status(run) == "FAILURE"
    assert site.dcos.most_alive[site.job_id(run)] == 1


def test_a_run_between_the_runs_and_the_history_is_looked_at_again(site: Site) -> None:
    run = begin(site)
    site.dcos.vanish(site.job_id(run))
    site.poll()
    assert site.status(run) == "STARTED"

    site.poll_until(run, "FAILURE")
    assert "neither running nor in the history" in site.messages(run)


def test_no_room_for_an_hour(site: Site) -> None:
    site.dcos.slots = 0
    run = site.launch(work.short)
    site.poll(later_s=3500)
    assert site.status(run) == "STARTING"

    site.poll(later_s=3700)
    assert site.status(run) == "FAILURE"
    assert "longer than 3600 s" in site.messages(run)
    site.dcos.make_room(10)
    assert lines() == []
    assert site.dcos.jobs == {}


def test_a_container_that_is_late_for_its_run_is_stopped(site: Site) -> None:
    run = begin(site)
    site.instance.report_run_failed(run, "Dagster's own start timeout")
    site.poll(later_s=1)
    site.dcos.wait_for(lambda: not site.dcos.alive(site.job_id(run)))
    site.poll()

    assert site.dcos.jobs == {}


@pytest.mark.parametrize(
    "tags",
    [
        {"metronome/image": "evil:1"},
        {"metronome/constraints": '[["rack", "IS", "a"]]'},
        {"metronome/cmd": "env", "metronome/cpus": "1"},
    ],
    ids=str,
)
def test_a_run_that_asks_for_another_container_is_no_job(site: Site, tags: dict[str, str]) -> None:
    with pytest.raises(BadJob, match=r"users may set metronome/cpus, metronome/mem, metronome/gpus\."):
        site.launch(work.short, tags)

    assert site.dcos.bodies == []


@pytest.mark.parametrize("container", [{"image": "nobody/knows:this"}])
def test_an_unknown_image_fails_its_run_before_it_began(site: Site) -> None:
    run = site.launch(work.short)
    site.poll()

    assert site.status(run) == "FAILURE"
    assert "before the Dagster run began" in site.messages(run)


def test_canceled_while_it_runs(site: Site) -> None:
    run = begin(site)

    assert site.instance.run_launcher.terminate(run.run_id)
    site.wait_until(run, "CANCELED")
    assert not site.instance.run_launcher.terminate(run.run_id)


def test_a_worker_that_the_upkeep_has_stopped_first_is_not_overtaken_by_the_cancel(site: Site) -> None:
    site.dcos.kill_grace_s = 600
    run = begin(site)
    began = work.marks() / f"began.{run.run_id}"
    # Stopped earlier, it might hold a lock of Dagster's database.
    wait_until("its work has begun", began.exists, 60, lambda: site.messages(run))
    [pid] = site.dcos.alive(site.job_id(run))
    os.kill(pid, signal.SIGSTOP)
    site.instance.report_run_canceling(run)
    site.poll()

    assert site.instance.run_launcher.terminate(run.run_id)
    assert site.status(run) == "CANCELING"
    os.kill(pid, signal.SIGCONT)
    site.wait_until(run, "CANCELED")


def test_a_job_that_is_not_ours_is_not_touched(site: Site) -> None:
    job = {"id": "dagster.test.other", "labels": {}, "run": {"cpus": 1, "mem": 64, "disk": 0, "cmd": "true"}}
    site.cluster.metronome.create_job(job)
    unknown = {**job, "id": "dagster.test.abc", "labels": {"dagster-run": "abc"}}
    site.cluster.metronome.create_job(unknown)
    site.poll(later_s=10_000)
    site.poll(later_s=20_000)

    assert set(site.dcos.jobs) == {"dagster.test.other", "dagster.test.abc"}
    assert "belongs to no run of this Dagster" in site.told[0]


def test_a_wrong_certificate_authority_fails_the_launch(site: Site, dcos: Dcos) -> None:
    cluster = site.cluster.model_copy(update={"ca_file": None})
    with pytest.raises(Final, match="ca_file"):
        cluster.metronome.jobs()


def test_what_the_cluster_refuses_fails_the_launch_in_its_words(site: Site) -> None:
    with pytest.raises(Final, match="secrets"):
        site.cluster.metronome.create_job(
            {"id": "a", "run": {"cpus": 1, "mem": 64, "disk": 0, "cmd": "true", "env": {"A": {"secret": "undefined"}}}}
        )


def test_an_unreachable_cluster_fails_the_launch_with_its_address() -> None:
    with pytest.raises(Transient, match="no connection"):
        MetronomeResource(url="https://127.0.0.1:9", retry_s=0.1).metronome.jobs()


@pytest.mark.parametrize(
    "container",
    [
        {"env": {"DB_PASSWORD": "hunter2"}},
        {"env": {"DB_PASSWORD": {"env": "DCOS_PASSWORD"}}},
        {"env": {"ERP": "postgresql://erp/prices?password=hunter2"}},
        {"labels": {"api-token": "hunter2"}},
        {"artifacts": [{"uri": "https://robot:hunter2@files.example.com/rules.toml"}]},
    ],
)
def test_a_job_that_would_hold_a_secret_is_not_made(site: Site) -> None:
    with pytest.raises(Final, match="would stand as text in every job") as refused:
        site.launch(work.short)

    assert "hunter2" not in str(refused.value)
    assert site.dcos.bodies == []


def test_no_secret_is_in_what_the_cluster_was_sent(site: Site) -> None:
    site.launch(work.short)
    assert "let-me-in" not in str(site.dcos.bodies)


def test_the_last_lines_of_the_sandbox_are_in_the_debug_info(site: Site) -> None:
    run = site.launch(work.failing)
    site.wait_until(run, "FAILURE")
    site.dcos.wait_for(lambda: not site.dcos.jobs[site.job_id(run)].runs)

    assert "broken on purpose" in site.instance.run_launcher.get_run_worker_debug_info(run)


@pytest.mark.parametrize(("version", "container"), [("0.6.70", {"networks": [{"mode": "host"}]})])
def test_a_later_metronome_may_give_the_container_networks(site: Site) -> None:
    run = site.launch(work.short)
    site.wait_until(run, "SUCCESS")
    site.poll_until_removed(run)

    assert site.dcos.bodies[0]["run"]["networks"] == [{"mode": "host"}]


@pytest.mark.parametrize("container", [{"networks": [{"mode": "host"}]}])
def test_networks_are_not_sent_to_a_metronome_that_does_not_know_them(site: Site) -> None:
    with pytest.raises(BadJob, match="networks"):
        site.launch(work.short)

    assert site.dcos.bodies == []
