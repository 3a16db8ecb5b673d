"""The launcher under Dagster's own daemon and web server, each a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import dagster as dg
import pytest
import yaml
from dagster_graphql import DagsterGraphQLClient

from tests.doubles.dcos import Dcos, Fault
from tests.metronome import work
from tests.metronome.conftest import Site, settings

WITHIN_S = 90
# On a busy machine a second may pass between the two calls of a launch.
UNHURRIED = {"unseen_timeout_s": 5.0}
FORCE_TERMINATION = """
    mutation ($runId: String!) {
      terminateRun(runId: $runId, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename }
    }
"""


class Servers:
    """A daemon or two, and a web server, on the site's storage."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.processes: list[subprocess.Popen[bytes]] = []
        self.workspace = folder / "workspace.yaml"
        (folder / "location.py").write_text(
            dedent(f"""
            import dagster as dg
            from markdown_pricing.metronome import MetronomeResource, upkeep_sensor
            from tests.metronome import work

            defs = dg.Definitions(
                jobs=[work.short, work.long],
                sensors=[upkeep_sensor(1)],
                resources={{"metronome": MetronomeResource(**{settings(site.dcos) | UNHURRIED!r})}},
            )
            """)
        )
        location = {"relative_path": "location.py", "location_name": "tests"}
        self.workspace.write_text(yaml.safe_dump({"load_from": [{"python_file": location}]}))

    def start_daemon(self) -> "subprocess.Popen[bytes]":
        return self._start("dagster._daemon", "run")

    def start_web_server(self) -> DagsterGraphQLClient:
        self._start("dagster_webserver", "-h", "127.0.0.1", "-p", str(self.port))
        until(lambda: _answers(self.port), "the web server answers")
        return DagsterGraphQLClient("127.0.0.1", port_number=self.port)

    def _start(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", module, *arguments, "-w", str(self.workspace)]
        with (self.folder / f"{module}.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()

    def runs(self) -> list[dg.DagsterRun]:
        return list(reversed(self.site.instance.get_runs()))

    def states(self) -> list[str]:
        return [run.status.value for run in self.runs()]


def until(true: Callable[[], object], what: str, state: Callable[[], object] = lambda: "") -> None:
    ends = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < ends, f"{what}: not within {WITHIN_S} s. {state()}"
        signal.sigtimedwait([], 0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def servers(site: Site, tmp_path: Path) -> Iterator[Servers]:
    home = Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml"
    configured = yaml.safe_load(home.read_text())
    configured["run_coordinator"] = {
        "module": "dagster.core.run_coordinator",
        "class": "QueuedRunCoordinator",
        "config": {"dequeue_interval_seconds": 1},
    }
    configured["run_retries"] = {"enabled": True, "max_retries": 3}
    configured["run_monitoring"] = {
        "enabled": True,
        "poll_interval_seconds": 1,
        "start_timeout_seconds": 600,
        "max_resume_run_attempts": 0,
    }
    home.write_text(yaml.safe_dump(configured))
    servers = Servers(site, tmp_path)
    try:
        yield servers
    finally:
        servers.stop()


def submit(client: DagsterGraphQLClient, job: str) -> str:
    return str(client.submit_job_execution(job, repository_location_name="tests", repository_name="__repository__"))


def test_a_killed_worker_is_retried_by_dagster_alone(servers: Servers, dcos: Dcos) -> None:
    servers.start_daemon()
    client = servers.start_web_server()
    run_id = submit(client, "long")
    until(lambda: (work.marks() / f"began.{run_id}").exists(), "the run has begun", servers.states)
    os.kill(dcos.alive(f"dagster.test.{run_id}")[0], signal.SIGKILL)
    (work.marks() / "go").touch()
    until(lambda: servers.states() == ["FAILURE", "SUCCESS"], "Dagster has retried", servers.states)
    until(lambda: dcos.jobs == {}, "both jobs are removed", lambda: list(dcos.jobs))

    assert [body["run"]["restart"] for body in dcos.bodies] == [{"policy": "NEVER"}] * 2


def test_canceled_on_the_page_while_it_waits_and_while_it_runs(servers: Servers, dcos: Dcos) -> None:
    dcos.slots = 1
    servers.start_daemon()
    client = servers.start_web_server()
    running = submit(client, "long")
    until(lambda: (work.marks() / f"began.{running}").exists(), "the first run has begun", servers.states)
    waiting = submit(client, "short")
    until(lambda: f"dagster.test.{waiting}" in dcos.jobs, "the second is at the cluster", servers.states)
    # Dagster itself offers no other end to a run that has not begun.
    client._execute(FORCE_TERMINATION, {"runId": waiting})
    until(lambda: f"dagster.test.{waiting}" not in dcos.jobs, "its job is taken from the queue", servers.states)
    client.terminate_run(running)
    until(lambda: servers.states() == ["CANCELED", "CANCELED"], "both are canceled", servers.states)
    until(lambda: dcos.jobs == {}, "both jobs are removed", lambda: list(dcos.jobs))

    assert dcos.most_alive.get(f"dagster.test.{waiting}", 0) == 0


def test_a_daemon_killed_between_the_two_calls_is_followed_by_another(servers: Servers, dcos: Dcos) -> None:
    first = servers.start_daemon()
    client = servers.start_web_server()
    dcos.fail(Fault("POST /v1/jobs/*/runs"))
    with dcos.holding("POST /v1/jobs/*/runs") as is_between:
        submit(client, "short")
        assert is_between.wait(WITHIN_S)
        first.kill()
        first.wait()
    servers.start_daemon()
    until(lambda: servers.states() == ["FAILURE", "SUCCESS"], "the second has cleaned up and retried", servers.states)

    assert max(dcos.most_alive.values()) == 1


def test_two_daemons_start_every_run_once(servers: Servers, dcos: Dcos) -> None:
    servers.start_daemon()
    servers.start_daemon()
    client = servers.start_web_server()
    run_ids = [submit(client, "short") for _ in range(6)]
    until(lambda: servers.states() == ["SUCCESS"] * 6, "all have run", servers.states)

    assert sorted((work.marks() / "lines").read_text().split()) == sorted(run_ids)
    assert max(dcos.most_alive.values()) == 1
