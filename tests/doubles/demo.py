"""`make metronome-demo`: the weekly round of some countries as Metronome jobs, on a cluster that is this machine."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import yaml
from rich.console import Console
from rich.table import Table
from sqlalchemy import make_url

from markdown_pricing import DATA
from markdown_pricing.countries import read_countries
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration.names import COUNTRY_TAG
from markdown_pricing.sample.deliver import deliver_sample
from markdown_pricing.weeks import this_week
from tests.doubles.dcos import Dcos
from tests.postgres.server import WITHOUT_TLS, PostgresServer, postgres_server
from tests.processes import end_groups

PROJECT = Path(__file__).parents[2]
PREFIX = "dagster.markdown-pricing"
STORAGE_PASSWORD, ERP_PASSWORD, ACCOUNT_PASSWORD = "of-the-storage", "of-the-erp", "let-me-in"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--countries", default="DEU,AUT,NLD,FRA,HUN,MLT")
    parser.add_argument("--articles", type=int, default=30, help="of each country")
    parser.add_argument("--slots", type=int, default=2, help="containers that the cluster has room for")
    parser.add_argument("--port", type=int, default=3000, help="of the Dagster UI")
    parser.add_argument("--once", action="store_true", help="end when the round has ended")
    options = parser.parse_args()
    # Ends what it started, however it is ended.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        return show(options)
    except KeyboardInterrupt:
        print("Interrupted: the demo has ended with all that it had started.")
        return 1


def show(options: argparse.Namespace) -> int:
    """The whole demo; with `--once` until its round has ended, else until it is interrupted."""
    folder = PROJECT / ".local" / "metronome-demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    countries = options.countries.split(",")
    with postgres_server() as server, Dcos(folder / "dcos", slots=options.slots) as dcos:
        environment = settle(folder, server, dcos, countries)
        deliver(folder, countries, options.articles)
        with patch.dict(os.environ, environment), serving(folder, options.port), dg.DagsterInstance.get() as instance:
            print(f"Dagster UI: http://localhost:{options.port}/runs  cluster: {dcos.url}, room for {options.slots}")
            states = follow(instance, len(countries))
            Console(width=150).print(table(instance, dcos))
            while not options.once:
                signal.pause()
    return 0 if set(states) == {"SUCCESS"} else 1


def settle(folder: Path, server: PostgresServer, dcos: Dcos, countries: Sequence[str]) -> dict[str, str]:
    """Databases, the dagster.yaml that we hand out, the chosen countries; returns the environment of the servers."""
    storage, erp = make_url(server.fresh_database()), server.fresh_database()
    dcos.secrets |= {
        "markdown-pricing/erp-password": server.password or ERP_PASSWORD,
        "markdown-pricing/dagster-password": server.password or STORAGE_PASSWORD,
    }
    dcos.users = {"pricing-robot": ACCOUNT_PASSWORD}
    rows = (DATA / "countries.csv").read_text().splitlines()
    chosen = [row for row in rows if row.startswith("#") or row.split(",")[0] in {*countries, "country"}]
    (folder / "countries.csv").write_text("\n".join(chosen) + "\n")
    for_workers = {
        "MARKDOWN_PRICING_LAKE": str(folder / "lake"),
        "MARKDOWN_PRICING_ERP": erp,
        "MARKDOWN_PRICING_COUNTRIES": str(folder / "countries.csv"),
        "MARKDOWN_PRICING_START_WEEK": this_week(datetime.now(UTC)).isoformat(),
        "DB_USER": server.user,
        "DAGSTER_PG_HOST": str(storage.host),
        "DAGSTER_PG_USER": server.user,
        "DAGSTER_PG_DB": str(storage.database),
    }
    config = yaml.safe_load((DATA / "dagster.metronome.yaml").read_text())
    to_storage = config["storage"]["custom"]["config"]["postgres_db"]
    to_storage |= {"port": storage.port or 5432, "params": to_storage["params"] | WITHOUT_TLS}
    config["run_launcher"]["config"]["env"] = {name: {"env": name} for name in for_workers}
    config["run_coordinator"]["config"]["dequeue_interval_seconds"] = 1
    config["run_monitoring"]["poll_interval_seconds"] = 5
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    location = {"module_name": "tests.system.fast_location", "location_name": "markdown_pricing"}
    workspace = {"load_from": [{"python_module": {**location, "working_directory": str(PROJECT)}}]}
    (folder / "workspace.yaml").write_text(yaml.safe_dump(workspace))
    return {
        **for_workers,
        "DAGSTER_HOME": str(folder),
        "PYTHONPATH": str(PROJECT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DAGSTER_PG_PASSWORD": server.password or STORAGE_PASSWORD,
        "DB_PASSWORD": server.password or ERP_PASSWORD,
        "MARKDOWN_PRICING_IMAGE": "markdown-pricing:demo",
        "METRONOME_URL": dcos.url,
        "METRONOME_CA_FILE": str(dcos.ca_file),
        "METRONOME_UID": "pricing-robot",
        "METRONOME_PASSWORD": ACCOUNT_PASSWORD,
        "METRONOME_JOB_PREFIX": PREFIX,
    }


def deliver(folder: Path, countries: Sequence[str], articles: int) -> None:
    known = read_countries(folder / "countries.csv")
    week = this_week(datetime.now(UTC))
    deliver_sample(Lake(str(folder / "lake")), week, [known[code] for code in countries], articles)


@contextmanager
def serving(folder: Path, port: int) -> Iterator[None]:
    """Daemon and web server, with a log file each in `folder`."""
    programs = [["dagster._daemon", "run"], ["dagster_webserver", "-h", "127.0.0.1", "-p", str(port)]]
    processes = []
    for module, *arguments in programs:
        with (folder / f"{module}.log").open("wb") as log:
            command = [sys.executable, "-m", module, *arguments, "-w", str(folder / "workspace.yaml")]
            processes.append(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True))
    try:
        yield
    finally:
        end_groups(processes)


def follow(instance: dg.DagsterInstance, countries: int) -> list[str]:
    """Tells how the runs stand until shared demand and every country are over; returns the countries' ends."""
    told = ""
    while True:
        runs = instance.get_runs()
        of_countries = [run for run in runs if COUNTRY_TAG in run.tags and "dagster/retry_number" not in run.tags]
        states = [run.status.value for run in runs]
        text = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "waiting for the sensor"
        if text != told:
            print(f"{datetime.now():%H:%M:%S}  {text}", flush=True)
            told = text
        if len(of_countries) >= countries and all(run.is_finished for run in runs):
            return [run.status.value for run in of_countries]
        time.sleep(1)


def table(instance: dg.DagsterInstance, dcos: Dcos) -> Table:
    grid = Table("run", "of", "state", "Metronome job", "containers at once")
    for run in reversed(instance.get_runs()):
        job = f"{PREFIX}.{run.run_id}"
        of = run.tags.get(COUNTRY_TAG, run.job_name)
        grid.add_row(run.run_id[:8], of, run.status.value, job, str(dcos.most_alive.get(job, 0)))
    return grid


if __name__ == "__main__":
    sys.exit(main())
