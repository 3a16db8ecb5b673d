"""Measure what a launch through Metronome costs beside Dagster's own launcher, and how often the cluster is asked.

    python bench/launcher.py [--runs 45]

The cluster is the one of the tests, on this machine: what is compared is the launcher's work, not a network's.
"""

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import yaml  # type: ignore[import-untyped]
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.monitoring.run_monitoring import monitor_started_run

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.metronome import MetronomeResource  # noqa: E402
from markdown_pricing.metronome.upkeep import LastLook, look_after  # noqa: E402
from tests.doubles.dcos import Dcos  # noqa: E402
from tests.metronome import work  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=45)
    runs = parser.parse_args().runs
    os.environ |= {"PYTHONPATH": str(PROJECT), "DCOS_PASSWORD": "let-me-in"}
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        of_dagster = launches(Path(folder) / "dagster", {}, runs, lambda instance: None)
        with Dcos(Path(folder) / "dcos", slots=runs) as dcos:
            cluster = {
                "url": dcos.url,
                "ca_file": str(dcos.ca_file),
                "uid": "robot",
                "password_env": "DCOS_PASSWORD",
                "job_prefix": "dagster.bench",
            }
            config = {**cluster, "image": "any:1", "env": {work.MARKS: str(Path(folder) / "metronome")}}
            launcher = {"module": "markdown_pricing.metronome", "class": "MetronomeRunLauncher", "config": config}
            calls: dict[str, int] = {}

            def count(instance: dg.DagsterInstance) -> None:
                calls["launch"] = len(dcos.requests)
                wait_for_all(instance, runs)
                calls["before"] = len(dcos.requests)
                for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
                    monitor_started_run(instance, None, record, logging.getLogger("bench"))  # type: ignore[arg-type]
                calls["monitoring"] = len(dcos.requests) - calls["before"]
                look_after(instance, MetronomeResource.model_validate(cluster), LastLook())
                calls["upkeep"] = len(dcos.requests) - calls["before"] - calls["monitoring"]

            of_metronome = launches(Path(folder) / "metronome", {"run_launcher": launcher}, runs, count)
    for name, seconds in (("Dagster's default launcher", of_dagster), ("MetronomeRunLauncher", of_metronome)):
        print(f"{name:27s} {runs} launches: median {statistics.median(seconds):.3f} s, all {sum(seconds):.1f} s")
    print(f"ratio of the medians        {statistics.median(of_metronome) / statistics.median(of_dagster):.2f}")
    print(f"calls of a launch           {calls['launch'] / runs:.2f} (with one login)")
    print(f"calls of a poll, {runs} running: monitoring {calls['monitoring']}, upkeep {calls['upkeep']}")
    print(f"requests a minute           {calls['monitoring'] + calls['upkeep']} at one poll a minute each")


def launches(
    home: Path, config: dict[str, object], runs: int, then: Callable[[dg.DagsterInstance], None]
) -> list[float]:
    """The seconds of each of `runs` launches, one after the other. Their workers wait until all are launched."""
    home.mkdir()
    (home / "dagster.yaml").write_text(yaml.safe_dump({"telemetry": {"enabled": False}, **config}))
    os.environ |= {"DAGSTER_HOME": str(home), work.MARKS: str(home)}
    file = PROJECT / "tests" / "metronome" / "work.py"
    target = PythonFileTarget(str(file), None, str(PROJECT), "bench")
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        workspace = stack.enter_context(WorkspaceProcessContext(instance, target)).create_request_context()
        repository = workspace.get_code_location("bench").get_repository("__repository__")
        job = repository.get_full_job("long")
        created = [
            instance.create_run_for_job(
                work.long, remote_job_origin=job.get_remote_origin(), job_code_origin=job.get_python_origin()
            )
            for _ in range(runs)
        ]
        seconds = []
        for run in created:
            started = time.perf_counter()
            instance.launch_run(run.run_id, workspace)
            seconds.append(time.perf_counter() - started)
        then(instance)
        (home / "go").touch()
        wait_for_all(instance, runs, dg.DagsterRunStatus.SUCCESS)
    return seconds


def wait_for_all(
    instance: dg.DagsterInstance, runs: int, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
) -> None:
    ends = time.monotonic() + 20 * runs + 60
    while instance.get_runs_count(dg.RunsFilter(statuses=[status])) < runs:
        if time.monotonic() > ends:
            raise SystemExit(f"not all of {runs} runs came to {status.value}")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
