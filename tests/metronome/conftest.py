"""A cluster on this machine, and a Dagster instance whose runs go there."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.monitoring.run_monitoring import monitor_started_run

from markdown_pricing.metronome import MetronomeResource
from markdown_pricing.metronome.upkeep import LastLook, look_after
from tests.doubles.dcos import Dcos
from tests.metronome import work
from tests.metronome.servers import PREFIX, cluster_settings, environment, install
from tests.processes import wait_until


@pytest.fixture
def version() -> str:
    """The version of Metronome that the double plays."""
    return "0.6.33"


@pytest.fixture
def container() -> dict[str, Any]:
    """What the launcher's configuration gives every container beside the image."""
    return {}


@pytest.fixture
def dcos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> Iterator[Dcos]:
    for name, value in environment(tmp_path / "dagster").items():
        monkeypatch.setenv(name, value)
    with Dcos(tmp_path / "dcos", images=("pricing:1",), version=version) as dcos:
        yield dcos


@pytest.fixture
def cluster(dcos: Dcos) -> MetronomeResource:
    return MetronomeResource(**cluster_settings(dcos))


class Site:
    """Dagster with its storage, its launcher, and the two that look after runs: monitoring and upkeep."""

    def __init__(self, instance: dg.DagsterInstance, dcos: Dcos, cluster: MetronomeResource) -> None:
        self.instance = instance
        self.dcos = dcos
        self.cluster = cluster
        self.known = LastLook()
        self.told: list[str] = []

    def new_run(self, job: dg.JobDefinition, tags: dict[str, str] | None = None) -> dg.DagsterRun:
        origin = dg.reconstructable(job).get_python_origin()
        place = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name=work.__name__), "tests")
        remote = RemoteJobOrigin(RemoteRepositoryOrigin(place, "__repository__"), job.name)
        return self.instance.create_run_for_job(job, tags=tags, job_code_origin=origin, remote_job_origin=remote)

    def launch(self, job: dg.JobDefinition, tags: dict[str, str] | None = None) -> dg.DagsterRun:
        run = self.new_run(job, tags)
        self.instance.launch_run(run.run_id, None)  # type: ignore[arg-type]
        return run

    def job_id(self, run: dg.DagsterRun) -> str:
        return f"{PREFIX}.{run.run_id}"

    def status(self, run: dg.DagsterRun) -> str:
        now = self.instance.get_run_by_id(run.run_id)
        assert now is not None
        return now.status.value

    def poll(self, later_s: float = 0.0) -> bool:
        """One poll of Dagster's monitoring and one of ours; False, for the loops that poll until something is true."""
        for record in self.instance.get_run_records(dg.RunsFilter(statuses=[DagsterRunStatus.STARTED])):
            try:
                monitor_started_run(self.instance, None, record, logging.getLogger("monitoring"))  # type: ignore[arg-type]
            except Exception as error:  # the daemon goes on with the next run, too
                self.told.append(str(error))
        told, self.known = look_after(self.instance, self.cluster, self.known, lambda: time.time() + later_s)
        self.told += told
        return False

    def poll_until(self, run: dg.DagsterRun, status: str, timeout_s: float = 40.0) -> None:
        def polled() -> bool:
            return self.status(run) == status or self.poll()

        self._wait(f"a poll finds {status}", polled, timeout_s, run)

    def poll_until_removed(self, run: dg.DagsterRun, timeout_s: float = 20.0) -> None:
        def polled() -> bool:
            return self.job_id(run) not in self.dcos.jobs or self.poll()

        self._wait("its job is removed", polled, timeout_s, run)

    def wait_until(self, run: dg.DagsterRun, status: str, timeout_s: float = 40.0) -> None:
        """Wait until the run has this status. Nobody asks the cluster: the worker says so itself."""
        self._wait(f"it is in {status}", lambda: self.status(run) == status, timeout_s, run)

    def _wait(self, what: str, look: Callable[[], bool], timeout_s: float, run: dg.DagsterRun) -> None:
        wait_until(what, look, timeout_s, lambda: (self.status(run), self.told, self.messages(run)), every_s=0.1)

    def messages(self, run: dg.DagsterRun) -> str:
        return "\n".join(entry.message or "" for entry in self.instance.all_logs(run.run_id))


@pytest.fixture
def site(tmp_path: Path, dcos: Dcos, cluster: MetronomeResource, container: dict[str, Any]) -> Iterator[Site]:
    home = tmp_path / "dagster"
    install(home, cluster_settings(dcos), container)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield Site(instance, dcos, cluster)
