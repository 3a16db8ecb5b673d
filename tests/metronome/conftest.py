"""A cluster on this machine, and a Dagster instance whose runs go there."""

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._daemon.monitoring.run_monitoring import monitor_started_run

from markdown_pricing.metronome import MetronomeResource
from markdown_pricing.metronome.upkeep import look_after
from tests.doubles.dcos import Dcos
from tests.metronome import work

PREFIX = "dagster.test"


@pytest.fixture
def dcos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dcos]:
    monkeypatch.setenv("DCOS_PASSWORD", "let-me-in")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with Dcos(tmp_path / "dcos", images=("pricing:1",)) as dcos:
        yield dcos


@pytest.fixture
def cluster(dcos: Dcos) -> MetronomeResource:
    return MetronomeResource(**settings(dcos))


def settings(dcos: Dcos) -> dict[str, object]:
    return {
        "url": dcos.url,
        "ca_file": str(dcos.ca_file),
        "uid": "robot",
        "password_env": "DCOS_PASSWORD",
        "job_prefix": PREFIX,
        "retry_s": 2.0,
        "unseen_timeout_s": 0.5,
        "exit_timeout_s": 0.0,
    }


class Site:
    """Dagster with its storage, its launcher, and the two that look after runs: monitoring and upkeep."""

    def __init__(self, instance: dg.DagsterInstance, dcos: Dcos, cluster: MetronomeResource) -> None:
        self.instance = instance
        self.dcos = dcos
        self.cluster = cluster
        self.still: dict[str, float] = {}
        self.told: list[str] = []

    def new_run(self, job: dg.JobDefinition, tags: dict[str, str] | None = None) -> dg.DagsterRun:
        origin = dg.reconstructable(job).get_python_origin()
        return self.instance.create_run_for_job(job, tags=tags, job_code_origin=origin)

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

    def poll(self, later_s: float = 0.0) -> None:
        """One poll of Dagster's monitoring and one of ours."""
        for record in self.instance.get_run_records(dg.RunsFilter(statuses=[DagsterRunStatus.STARTED])):
            try:
                monitor_started_run(self.instance, None, record, logging.getLogger("monitoring"))  # type: ignore[arg-type]
            except Exception as error:  # the daemon goes on with the next run, too
                self.told.append(str(error))
        told, self.still = look_after(self.instance, self.cluster, self.still, lambda: time.time() + later_s)
        self.told += told

    def poll_until(self, run: dg.DagsterRun, status: str, timeout_s: float = 40.0) -> None:
        ends = time.monotonic() + timeout_s
        while self.status(run) != status:
            assert time.monotonic() < ends, f"{self.status(run)}, not {status}: {self.told} {self.messages(run)}"
            self.poll()

    def poll_until_removed(self, run: dg.DagsterRun, timeout_s: float = 20.0) -> None:
        ends = time.monotonic() + timeout_s
        while self.job_id(run) in self.dcos.jobs:
            assert time.monotonic() < ends, f"its job is still there: {self.told}"
            self.poll()

    def wait_until(self, run: dg.DagsterRun, status: str, timeout_s: float = 40.0) -> None:
        """Without a poll: the worker says so itself."""
        ends = time.monotonic() + timeout_s
        while self.status(run) != status:
            assert time.monotonic() < ends, f"{self.status(run)}, not {status}: {self.messages(run)}"

    def messages(self, run: dg.DagsterRun) -> str:
        return "\n".join(entry.message or "" for entry in self.instance.all_logs(run.run_id))


@pytest.fixture
def site(tmp_path: Path, dcos: Dcos, cluster: MetronomeResource, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    home = tmp_path / "dagster"
    home.mkdir()
    launcher = {
        "module": "markdown_pricing.metronome",
        "class": "MetronomeRunLauncher",
        "config": {
            **settings(dcos),
            "image": "pricing:1",
            "mem": 64,
            "settle_s": 1.0,
            "env": {work.MARKS: str(tmp_path)},
        },
    }
    dagster_yaml = {"run_launcher": launcher, "telemetry": {"enabled": False}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(dagster_yaml))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv(work.MARKS, str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield Site(instance, dcos, cluster)
