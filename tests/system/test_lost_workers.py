"""A run whose process dies with its code server, or with the machine: failed within minutes, and retried to its end.

The code server, the daemon and the run's process are real; only the minutes are seconds. Storage is SQLite.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG

from markdown_pricing import DATA
from markdown_pricing.orchestration.promises import COULD_NOT_RETRY
from tests.processes import answers, end_groups, free_port, is_alive, wait_until
from tests.system.waiting_location import GO_ON

PROJECT = Path(__file__).parents[2]
LOCATION = "tests.system.waiting_location"
POLL_S = 5
"""Between two looks of the monitor."""


class Machine:
    """One machine with a code server and a daemon, as compose has them, and one run under way."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        config: dict[str, Any] = yaml.safe_load((DATA / "dagster.yaml").read_text())
        config["run_monitoring"]["poll_interval_seconds"] = POLL_S
        config["run_coordinator"]["config"] |= {"dequeue_interval_seconds": 1, "user_code_failure_retry_delay": 1}
        (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
        server = {"host": "localhost", "port": self.port, "location_name": "waiting"}
        (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        self.instance = dg.DagsterInstance.from_config(str(folder))
        self.started: list[subprocess.Popen[bytes]] = []
        self.start_code_server()
        self.start_daemon()

    def start_code_server(self) -> None:
        self.code_server = self._start("dagster", "api", "grpc", "-m", LOCATION, "-p", str(self.port))
        wait_until("the code server answers", lambda: answers(self.port), 120, self.log)

    def start_daemon(self) -> None:
        self.daemon = self._start("dagster._daemon", "run", "-w", str(self.folder / "workspace.yaml"))

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """kill -9 of that process alone."""
        process.kill()
        process.wait()

    def run(self) -> dg.DagsterRun:
        """The first run."""
        return self.instance.get_runs()[-1]

    def wait_for_step(self, step: str) -> int:
        """The process of the first run, once it is in that step."""

        def begun() -> list[int]:
            runs = self.instance.get_runs()
            logs = self.instance.all_logs(runs[-1].run_id) if runs else []
            events = [entry.dagster_event for entry in logs if entry.dagster_event]
            if not any(event.event_type == DagsterEventType.STEP_START and event.step_key == step for event in events):
                return []
            data = [event.engine_event_data for event in events if event.event_type == DagsterEventType.ENGINE_EVENT]
            return [int(str(each.metadata["pid"].value)) for each in data if "pid" in each.metadata]

        return wait_until(f"{step} has begun", begun, 180, self.log)[0]

    def wait_for_end(self) -> dg.DagsterRun:
        """The first run, once it has failed and its retry has ended."""

        def ended() -> dg.DagsterRun | None:
            retried = self.run().tags.get(AUTO_RETRY_RUN_ID_TAG)
            retry = self.instance.get_run_by_id(retried) if retried else None
            return retry if retry and retry.is_finished else None

        return wait_until("its retry has ended", ended, 240, self.log)

    def steps(self, run: dg.DagsterRun) -> list[str]:
        return [str(entry.step_key) for entry in self.instance.all_logs(run.run_id, DagsterEventType.STEP_START)]

    def why_failed(self) -> str:
        failure = self.instance.all_logs(self.run().run_id, DagsterEventType.RUN_FAILURE)[0]
        return str(failure.dagster_event and failure.dagster_event.message)

    def said_of_run(self) -> list[str]:
        """What Dagster's daemons have noted of the first run."""
        logs = self.instance.all_logs(self.run().run_id, DagsterEventType.ENGINE_EVENT)
        return [str(entry.dagster_event and entry.dagster_event.message) for entry in logs]

    def log(self) -> str:
        return "".join((self.folder / "log").read_text(errors="replace").splitlines(keepends=True)[-60:])

    def _start(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "DAGSTER_HOME": str(self.folder), "PYTHONPATH": str(PROJECT)}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        return process


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    try:
        yield machine
    finally:
        end_groups(machine.started)
        machine.instance.dispose()


def test_a_code_server_that_is_killed_takes_its_run_along_which_is_failed_and_retried(machine: Machine) -> None:
    """The run's process does not outlive it; the retry goes on with the step that was under way.

    However long the code server is away: here until the run has failed and Dagster has given its retry up, which the
    sensor then promises anew.
    """
    worker = machine.wait_for_step("wait")

    machine.kill(machine.code_server)
    wait_until("its worker has ended", lambda: not is_alive(worker), 10, machine.log)
    wait_until("Dagster has given the retry up", lambda: COULD_NOT_RETRY in machine.said_of_run(), 180, machine.log)
    machine.start_code_server()
    (machine.folder / GO_ON).touch()
    retry = machine.wait_for_end()

    assert (machine.run().status, retry.status) == (DagsterRunStatus.FAILURE, DagsterRunStatus.SUCCESS)
    assert "its process is gone and has not said why" in machine.why_failed()
    assert machine.steps(retry) == ["wait"]


def test_after_a_restart_of_the_machine_its_runs_are_failed_and_retried(machine: Machine) -> None:
    """Everything is gone at once, and comes back in any order: here the daemon is first."""
    machine.wait_for_step("wait")

    end_groups(machine.started)
    machine.start_daemon()
    machine.start_code_server()
    (machine.folder / GO_ON).touch()

    assert machine.wait_for_end().status == DagsterRunStatus.SUCCESS


def test_a_stop_of_the_code_server_ends_its_runs_in_good_order(machine: Machine) -> None:
    """As compose stops it: the signal reaches its whole group, and each run says that it was interrupted."""
    machine.wait_for_step("wait")

    os.killpg(machine.code_server.pid, signal.SIGINT)

    assert machine.code_server.wait(timeout=60) is not None
    assert machine.run().status == DagsterRunStatus.FAILURE
    assert "Execution was interrupted unexpectedly" in machine.why_failed()
