"""Dagster's own servers on a cluster that can be told to fail: a code server, a daemon or two, and a web server."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import dagster as dg
import yaml
from dagster._core.events import JobFailureData
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, WILL_RETRY_TAG

from tests.doubles.dcos import Dcos
from tests.metronome import work
from tests.processes import answers, end_groups, free_port, wait_until
from tests.storage import make_storage

PREFIX = "dagster.test"
PROJECT = Path(__file__).parents[2]
WITHIN_S = 120
RETRY_DUE_AFTER_S = 15
"""Three of the daemon's looks for failures, which are five seconds apart."""


def cluster_settings(dcos: Dcos) -> dict[str, Any]:
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


def install(home: Path, cluster: Mapping[str, Any], container: Mapping[str, Any] | None = None, **more: Any) -> None:
    """A dagster.yaml whose launcher is ours; `more` is further parts of it."""
    make_storage(home)
    config = {
        **cluster,
        "image": "pricing:1",
        "mem": 64,
        "settle_s": 1.0,
        "env": {work.MARKS: str(home)},
        **(container or {}),
    }
    launcher = {"module": "markdown_pricing.metronome", "class": "MetronomeRunLauncher", "config": config}
    (home / "dagster.yaml").write_text(
        yaml.safe_dump({"run_launcher": launcher, "telemetry": {"enabled": False}, **more})
    )


def environment(home: Path) -> dict[str, str]:
    """The environment of each of Dagster's processes."""
    return {
        "DAGSTER_HOME": str(home),
        work.MARKS: str(home),
        "DCOS_PASSWORD": "let-me-in",
        "PYTHONPATH": str(PROJECT),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }


class Servers:
    """What operators run, with polls as short as Dagster allows. `cluster` wins over the settings of the tests."""

    def __init__(self, home: Path, dcos: Dcos, start_timeout_s: int = 600, **cluster: Any) -> None:
        self.home = home
        self.dcos = dcos
        # On a busy machine a second may pass between the two calls of a launch, and a worker takes some to exit.
        settings = cluster_settings(dcos) | {"unseen_timeout_s": 4.0, "exit_timeout_s": 25.0, **cluster}
        install(
            home,
            settings,
            run_coordinator={
                "module": "dagster.core.run_coordinator",
                "class": "QueuedRunCoordinator",
                "config": {"dequeue_interval_seconds": 1, "max_concurrent_runs": -1},
            },
            run_retries={"enabled": True, "max_retries": 0},
            run_monitoring={
                "enabled": True,
                "poll_interval_seconds": 1,
                "start_timeout_seconds": start_timeout_s,
                "max_resume_run_attempts": 0,
            },
        )
        (home / "location.py").write_text(
            dedent("""
            import dagster as dg
            from markdown_pricing.metronome import upkeep_sensor
            from tests.metronome import work

            defs = dg.Definitions(jobs=[work.short, work.long, work.leaving], sensors=[upkeep_sensor(1)])
            """)
        )
        location = {"relative_path": "location.py", "location_name": "tests"}
        (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_file": location}]}))
        self._port = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._reminded: set[str] = set()

    def __enter__(self) -> "Servers":
        self._instance = dg.DagsterInstance.from_config(str(self.home))
        self.daemon = self.start_daemon()
        self._start("dagster_webserver", "-h", "127.0.0.1", "-p", str(self._port))
        until(lambda: answers(self._port), "the web server answers", (self.home / "dagster_webserver.log").read_text)
        from dagster_graphql import DagsterGraphQLClient  # half a second's import, in one process of the tests

        self._client = DagsterGraphQLClient("127.0.0.1", port_number=self._port)
        return self

    def __exit__(self, *_: object) -> None:
        end_groups(self._processes)
        self._instance.dispose()

    def start_daemon(self) -> "subprocess.Popen[bytes]":
        return self._start("dagster._daemon", "run")

    def kill_daemon(self) -> None:
        self.daemon.kill()
        self.daemon.wait()

    def _start(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", module, *arguments, "-w", str(self.home / "workspace.yaml")]
        with (self.home / f"{module}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.home,
                env={**os.environ, **environment(self.home)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    # A user's hand

    def submit(self, job: str, retries: int = 0, **tags: str) -> str:
        """Through the web server; returns the id of the run."""
        tags = {"dagster/max_retries": str(retries), **{f"metronome/{name}": value for name, value in tags.items()}}
        place = {"repository_location_name": "tests", "repository_name": "__repository__"}
        return str(self._client.submit_job_execution(job, tags=tags, **place))

    def begin(self, retries: int = 0) -> str:
        """A run whose worker waits for `end_all`; returns when it has begun."""
        run_id = self.submit("long", retries)
        until(lambda: (self.home / f"began.{run_id}").exists(), "the run has begun", lambda: self.tell(run_id))
        return run_id

    def end_all(self) -> None:
        """Runs that wait, and that are yet to come, end well."""
        (self.home / "go").touch()

    def cancel(self, run_id: str) -> None:
        self._client.terminate_run(run_id)

    def force_termination(self, run_id: str) -> None:
        self._client._execute(
            """
            mutation ($runId: String!) {
              terminateRun(runId: $runId, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename }
            }
            """,
            {"runId": run_id},
        )

    # What is seen

    def tries(self, run_id: str) -> list[dg.DagsterRun]:
        """The run and its retries, oldest first."""
        again = self._instance.get_runs(dg.RunsFilter(tags={"dagster/root_run_id": run_id}))
        first = self._instance.get_run_by_id(run_id)
        assert first is not None
        return [first, *reversed(again)]

    def states(self, run_id: str) -> list[str]:
        return [run.status.value for run in self.tries(run_id)]

    def until(self, run_id: str, *states: str) -> None:
        def reached() -> bool:
            self._remind_of_retries()
            return self.states(run_id) == list(states)

        until(reached, " ".join(states), lambda: self.tell(run_id))

    def _remind_of_retries(self) -> None:
        """Dagster passes over a failure that it reads half stored, until the failure is recorded once more."""
        failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags={WILL_RETRY_TAG: "true"})
        for record in self._instance.get_run_records(failed):
            run, ended = record.dagster_run, record.end_time or time.time()
            is_overdue = AUTO_RETRY_RUN_ID_TAG not in run.tags and time.time() - ended > RETRY_DUE_AFTER_S
            if is_overdue and run.run_id not in self._reminded:
                self._reminded.add(run.run_id)
                data, kind = JobFailureData(error=None), dg.DagsterEventType.RUN_FAILURE.value
                event = dg.DagsterEvent(kind, run.job_name, event_specific_data=data, message="It failed before.")
                self._instance.report_dagster_event(event, run_id=run.run_id)

    def tell(self, run_id: str) -> str:
        """What Dagster's page shows of every try: messages, and the errors behind them."""
        told = []
        for run in self.tries(run_id):
            told.append(f"{run.run_id} {run.status.value}")
            for entry in self._instance.all_logs(run.run_id):
                event = entry.dagster_event
                error = event.engine_event_data.error if event and event.is_engine_event else None
                told += [entry.message, error.to_string() if error else ""]
        return "\n".join(told)

    def job(self, run_id: str) -> str:
        return f"{PREFIX}.{run_id}"

    def alive(self, run_id: str) -> list[int]:
        return self.dcos.alive(self.job(run_id))

    def lines(self, run_id: str) -> int:
        """How often the work of the run, or of a retry of it, was done."""
        file = self.home / "lines"
        ids = {run.run_id for run in self.tries(run_id)}
        return sum(line in ids for line in file.read_text().split()) if file.exists() else 0

    def starts(self) -> int:
        """Runs that Metronome was asked to start."""
        return sum(request.startswith("POST") and request.endswith("/runs") for request in self.dcos.requests)


def until(true: Callable[[], object], what: str, state: Callable[[], object] = lambda: "") -> None:
    wait_until(what, true, WITHIN_S, state, every_s=0.1)
