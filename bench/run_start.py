"""Time the run of a small country in a process of its own, as clusters start it, from the start of the process.

    python bench/run_start.py [--runs 5] [--articles 20]

The process is Dagster's, `dagster api execute_run`, on a lake in a folder, with SQLite and one thread. Figures are
medians, and the container's own start is not among them.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

WEEK, COUNTRY = date(2026, 2, 9), "MLT"


def environment(folder: Path) -> dict[str, str]:
    """An installation in the folder, for this process and for those that it starts."""
    return {
        "DAGSTER_HOME": str(folder / "dagster"),
        "MARKDOWN_PRICING_ERP": f"sqlite:///{folder / 'erp.sqlite'}",
        "MARKDOWN_PRICING_LAKE": str(folder / "lake"),
        "MARKDOWN_PRICING_LOG": "off",
        "MARKDOWN_PRICING_START_WEEK": WEEK.isoformat(),
        "OMP_NUM_THREADS": "1",
    }


def measure(runs: int, articles: int) -> None:
    import dagster as dg
    from dagster._core.code_pointer import CodePointer
    from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
    from dagster._grpc.types import ExecuteRunArgs

    from markdown_pricing.countries import read_countries
    from markdown_pricing.lake.filesystem import Lake
    from markdown_pricing.orchestration.dagster_home import make_dagster_home
    from markdown_pricing.orchestration.local_runs import MODULE, load_definitions
    from markdown_pricing.orchestration.names import COUNTRY_TAG, JOB, WEEK_TAG
    from markdown_pricing.orchestration.partitions import partition_key
    from markdown_pricing.sample.deliver import deliver_sample

    deliver_sample(Lake(os.environ["MARKDOWN_PRICING_LAKE"]), WEEK, [read_countries()[COUNTRY]], articles)
    make_dagster_home(Path(os.environ["DAGSTER_HOME"]))
    job = load_definitions().resolve_job_def(JOB)
    key = str(partition_key(WEEK, COUNTRY))
    tags = {**job.get_tags_for_partition_key(key, selected_asset_keys=None), WEEK_TAG: str(WEEK), COUNTRY_TAG: COUNTRY}
    code = JobPythonOrigin(JOB, RepositoryPythonOrigin(sys.executable, CodePointer.from_module(MODULE, "defs", None)))
    begins, ends, processor, kilobytes = [], [], [], []
    with dg.DagsterInstance.get() as instance:
        for _ in range(runs):
            run = instance.create_run_for_job(job, tags=tags, job_code_origin=code)
            command = ExecuteRunArgs(code, run.run_id, instance.get_ref()).get_command_args()
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
            subprocess.run(command, check=True, capture_output=True)
            ends.append(time.time() - started)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            events = instance.all_logs(run.run_id)
            steps = [e.timestamp for e in events if e.dagster_event_type == dg.DagsterEventType.STEP_START]
            begins.append(min(steps) - started)
            kilobytes.append(sum(len(dg.serialize_value(event)) for event in events) / 1000)
    print("| s to the first step | s to the end | processor s | events | kB of events |\n|---|---|---|---|---|")
    first, end, cpu, size = (statistics.median(figures) for figures in (begins, ends, processor, kilobytes))
    print(f"| {first:.1f} | {end:.1f} | {cpu:.1f} | {len(events)} | {size:.0f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--articles", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(environment(Path(folder)))
        measure(given.runs, given.articles)
