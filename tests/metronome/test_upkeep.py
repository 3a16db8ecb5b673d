"""The upkeep reads its limits where the launcher does, and its tick ends in time whatever the cluster does."""

import time
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance import InstanceRef

from markdown_pricing.metronome import upkeep_sensor
from markdown_pricing.metronome.errors import Final, OutOfTime, Transient
from markdown_pricing.metronome.health import Patience
from markdown_pricing.metronome.resource import MetronomeResource, cluster_of
from markdown_pricing.metronome.upkeep import LOOK_S, SIDE_BY_SIDE, LastLook, look_after
from tests.doubles.dcos import Dcos, Fault
from tests.metronome import work
from tests.metronome.conftest import Site
from tests.metronome.servers import PREFIX, install


def tick(instance: dg.DagsterInstance) -> str:
    told = upkeep_sensor()(dg.build_sensor_context(instance=instance))
    assert isinstance(told, dg.SkipReason)
    return told.skip_message or ""


def leave_jobs(site: Site, number: int) -> list[str]:
    """Jobs with our label that wait for room; their ids."""
    ids = [f"{PREFIX}.0-{name}" for name in range(number)]  # they come before any run id of Dagster
    for id in ids:
        labels, run = {"dagster-run": id.removeprefix(f"{PREFIX}.")}, {"cpus": 1, "mem": 64, "disk": 0, "cmd": "true"}
        site.cluster.metronome.create_job({"id": id, "labels": labels, "run": run})
    return ids


def test_every_limit_that_dagster_yaml_sets_reaches_the_upkeep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_URL", "https://dcos.example.com")
    monkeypatch.setenv(work.MARKS, str(tmp_path))
    limits = {
        "timeout_s": 7.0,
        "retry_s": 8.0,
        "queue_timeout_s": 9.0,
        "unseen_timeout_s": 10.0,
        "exit_timeout_s": 11.0,
    }
    # The code server has no variables for what describes the containers.
    install(tmp_path, {"url": {"env": "THE_URL"}, **limits}, {"image": {"env": "NOT_SET_HERE"}})

    cluster = cluster_of(InstanceRef.from_dir(str(tmp_path)).run_launcher_data)

    assert cluster is not None
    assert {name: getattr(cluster, name) for name in limits} == limits
    assert cluster.patience == Patience(queue_s=9.0, unseen_s=10.0, exit_s=11.0)


def test_a_variable_of_the_cluster_that_is_missing_is_named(tmp_path: Path) -> None:
    install(tmp_path, {"url": {"env": "NOT_SET_HERE"}})

    with pytest.raises(Final, match="NOT_SET_HERE"):
        cluster_of(InstanceRef.from_dir(str(tmp_path)).run_launcher_data)


def test_where_no_run_goes_to_metronome_there_is_no_cluster(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")

    assert cluster_of(InstanceRef.from_dir(str(tmp_path)).run_launcher_data) is None


@pytest.mark.parametrize("container", [{"queue_timeout_s": 0.0}], ids=["a limit that only dagster.yaml has"])
def test_the_tick_keeps_the_limit_of_dagster_yaml(site: Site) -> None:
    site.dcos.slots = 0
    run = site.launch(work.short)
    told = tick(site.instance)

    assert "longer than 0 s" in told
    assert site.status(run) == "FAILURE"


def test_what_a_look_knows_goes_through_the_cursor() -> None:
    known = LastLook({"a": 1.5}, frozenset({"b"}))

    assert LastLook.from_cursor(known.to_cursor()) == known
    assert LastLook.from_cursor(None) == LastLook()
    assert known.in_order(["c", "b", "a"]) == ["a", "c", "b"]


def test_jobs_that_cannot_be_told_about_are_asked_for_once_and_hold_up_no_other(site: Site) -> None:
    broken = leave_jobs(site, 3)
    site.dcos.forgets_runs = True
    vanished = site.launch(work.short)
    site.poll()
    site.dcos.fail(*(Fault(f"GET /v1/jobs/{id}", 500, times=1000) for id in broken))
    site.dcos.requests.clear()
    site.poll(later_s=240)

    assert site.status(vanished) == "FAILURE"
    assert [site.dcos.requests.count(f"GET /v1/jobs/{id}") for id in broken] == [1] * 3
    assert {f"{PREFIX}.{run_id}" for run_id in site.known.unanswered} == set(broken)


def test_jobs_that_hang_leave_the_others_their_turn(site: Site) -> None:
    hanging = leave_jobs(site, SIDE_BY_SIDE)
    site.dcos.forgets_runs = True
    vanished = site.launch(work.short)
    known = LastLook({vanished.run_id: 0.0})
    with ExitStack() as stack:
        for id in hanging:
            stack.enter_context(site.dcos.holding(f"GET /v1/jobs/{id}"))
        started = time.monotonic()
        first, known = look_after(site.instance, site.cluster, known, look_s=0.5)
        second, known = look_after(site.instance, site.cluster, known, look_s=0.5)
        seconds = time.monotonic() - started

    assert "were not reached" in first[-1]
    assert site.status(vanished) == "FAILURE", second
    assert seconds < LOOK_S  # half a second each; the rest is Dagster's storage on a busy machine


def test_a_login_that_hangs_ends_the_look_in_time(dcos: Dcos, cluster: MetronomeResource) -> None:
    started = time.monotonic()
    with dcos.holding("POST /acs/*"), pytest.raises(Transient), cluster.metronome.for_one_look(0.2) as metronome:
        metronome.jobs()

    assert time.monotonic() - started < 5


def test_no_call_begins_when_the_look_has_had_its_time(dcos: Dcos, cluster: MetronomeResource) -> None:
    with pytest.raises(OutOfTime), cluster.metronome.for_one_look(0.0) as metronome:
        metronome.jobs()

    assert dcos.requests == []
