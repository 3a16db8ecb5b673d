"""A whole installation for a test: the real daemon on real HDFS and PostgreSQL, its intervals cut to seconds."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import psycopg
import yaml  # type: ignore[import-untyped]
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.scheduler.instigation import InstigatorTick
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, WILL_RETRY_TAG
from sqlalchemy import Engine, make_url, select

from markdown_pricing import DATA
from markdown_pricing.countries import Countries, read_countries
from markdown_pricing.erp.refresh import Receipt, content_hash
from markdown_pricing.erp.tables import engine_for, ensure_tables, refreshes
from markdown_pricing.lake import Lake
from markdown_pricing.lake.paths import snapshot_folder, success_file
from markdown_pricing.orchestration.names import JOB, WEEK_TAG
from tests.lake import spark
from tests.postgres.server import WITHOUT_TLS, PostgresServer
from tests.processes import end_groups, wait_until
from tests.quick import STEADY, sold

PROJECT = Path(__file__).parents[2]
ARTICLES = 20
POOL = 2
ON_A_SLOT = (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED)


@dataclass
class Installation:
    """One lake, one ERP, one Dagster; each a place of its own on the shared servers."""

    folder: Path
    lake: Lake
    erp: Engine
    countries: Countries
    instance: dg.DagsterInstance
    environment: dict[str, str]
    storage: "psycopg.Connection[Any]"
    """To Dagster's database, for frequent looks: Dagster's instance connects anew for each."""
    most_at_once: int = 0
    """The most runs that were seen in STARTING or STARTED."""
    _daemons: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    # The daemon

    def start_daemon(self) -> None:
        command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(self.folder / "workspace.yaml")]
        with self.log.open("ab") as log:
            # A process group of its own takes the code server and the runs' workers along when it ends.
            daemon = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self._daemons.append(daemon)

    def kill_daemon(self) -> None:
        """kill -9 of the daemon alone, as the kernel does it when memory is short."""
        self._daemons[-1].kill()
        self._daemons[-1].wait()

    def stop(self) -> None:
        """End every process that was started here, also those that a killed daemon left behind."""
        end_groups(self._daemons)

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    def log_tail(self) -> str:
        """The last lines of the log, without those of level DEBUG."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else ["no daemon has run"]
        return "\n".join([line for line in lines if " - DEBUG - " not in line][-60:])

    # What Dagster recorded

    def runs(self, week: date | None = None) -> list[dg.RunRecord]:
        """The runs of one week or of all, oldest first."""
        tags = {WEEK_TAG: week.isoformat()} if week else {}
        return list(self.instance.get_run_records(dg.RunsFilter(job_name=JOB, tags=tags), ascending=True))

    def wait_for_runs(self, number: int, within_s: float = 1800) -> list[dg.RunRecord]:
        """All runs, oldest first, once there are `number`, all have ended and none waits for its retry."""

        def all_ended() -> list[dg.RunRecord]:
            statuses = self.statuses()
            self.most_at_once = max(self.most_at_once, sum(status in ON_A_SLOT for status in statuses))
            if len(statuses) < number or not set(statuses) <= set(FINISHED_STATUSES):
                return []
            records = self.runs()
            runs = [record.dagster_run for record in records]
            return records if all(run.is_finished and not _awaits_retry(run) for run in runs) else []

        return wait_until(f"{number} runs have ended", all_ended, within_s, self.state)

    def statuses(self) -> list[DagsterRunStatus]:
        """Those of the countries' runs."""
        found = self.storage.execute("SELECT status FROM runs WHERE pipeline_name = %s", [JOB])
        return [DagsterRunStatus(status) for (status,) in found]

    def state(self) -> dict[str, int]:
        """How many runs there are in each status."""
        statuses = [status.value for status in self.statuses()]
        return {status: statuses.count(status) for status in sorted(set(statuses))}

    def ticks(self, since: float = 0.0) -> list[InstigatorTick]:
        """The looks of the sensor, oldest first; those that have ended."""
        ticks: Iterable[InstigatorTick] = [
            tick
            for sensor in self.instance.all_instigator_state()
            if sensor.name == "training_data_sensor"
            for tick in self.instance.get_ticks(sensor.instigator_origin_id, sensor.selector_id, after=since)
        ]
        return sorted((tick for tick in ticks if tick.status.value != "STARTED"), key=lambda tick: tick.timestamp)

    def wait_for_looks(self, number: int) -> list[InstigatorTick]:
        """The sensor's next looks."""
        now = time.time()
        return wait_until(
            f"the sensor has looked {number} times",
            lambda: ticks if len(ticks := self.ticks(since=now)) >= number else [],
            180,
            self.log_tail,
        )

    def steps(self, run_id: str, event: DagsterEventType = DagsterEventType.STEP_START) -> list[str]:
        """The steps of a run that have come so far, in their order."""
        return [str(entry.step_key) for entry in self.instance.all_logs(run_id, of_type=event)]

    def worker_of(self, run_id: str) -> int:
        """The process that works on a run."""
        entries = self.instance.all_logs(run_id, DagsterEventType.ENGINE_EVENT)
        metadata = [entry.dagster_event.engine_event_data.metadata for entry in entries if entry.dagster_event]
        [process] = {str(known["pid"].value) for known in metadata if "pid" in known}
        return int(process)

    # The lake and the ERP

    def sales_of(self, week: date) -> dict[str, list[Any]]:
        """A table of sales for each country, in one part file."""
        return {code: [sold(code, week, ARTICLES)] for code in self.countries}

    def deliver(self, week: date, parts: dict[str, list[Any]], *, success: bool = True) -> None:
        spark.deliver(self.lake, parts, week, success=success)

    def redeliver(self, week: date, parts: dict[str, list[Any]]) -> None:
        """The week written anew as Spark does it: the old delivery is gone first, `_SUCCESS` is not there yet."""
        spark.take_away(self.lake, success_file(week))
        spark.take_away(self.lake, snapshot_folder(week))
        self.deliver(week, parts, success=False)

    def complete(self, week: date) -> float:
        """Spark's last act, `_SUCCESS`; the moment of it, seconds since 1970."""
        spark.put(self.lake, success_file(week))
        written = self.lake.entry(success_file(week))
        assert written
        return written.modified_ms / 1000

    def receipts(self) -> dict[str, list[Receipt]]:
        """What was refreshed, each country's receipts oldest first."""
        with self.erp.connect() as connection:
            rows = connection.execute(select(refreshes).order_by(refreshes.c.refreshed_at)).mappings()
            receipts = [Receipt(**row) for row in rows]
        return {code: [receipt for receipt in receipts if receipt.country == code] for code in self.countries}

    def content_hashes(self) -> dict[str, str]:
        """What the rows of each country say now."""
        return {code: content_hash(self.erp, code) for code in self.countries}


def write_countries(folder: Path, codes: tuple[str, ...]) -> Path:
    """The packaged countries file with these countries only, written to `folder`."""
    head, *rows = (DATA / "countries.csv").read_text().splitlines()
    file = folder / "countries.csv"
    file.write_text("\n".join([head, *(row for row in rows if row[:3] in codes)]) + "\n")
    return file


@contextmanager
def installation(
    folder: Path, hdfs_url: str, server: PostgresServer, start_week: date, countries_file: Path | None = None
) -> Iterator[Installation]:
    """An installation that has never run; its processes end with the `with` block."""
    storage, erp_url = make_url(server.fresh_database()), server.fresh_database()
    password = server.password or "not asked for"
    secrets = {"STORAGE_HOST": str(storage.host), "STORAGE_PASSWORD": password}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MARKDOWN_PRICING_", "DAGSTER_"))},
        **secrets,
        "DAGSTER_HOME": str(folder),
        # A code server that has two cores to share with all else takes longer to start a run than Dagster's 60 s.
        "DAGSTER_GRPC_TIMEOUT_SECONDS": "180",
        "PYTHONPATH": str(PROJECT),
        "MARKDOWN_PRICING_LAKE": f"{hdfs_url}/{folder.name}",
        "MARKDOWN_PRICING_ERP": erp_url,
        "MARKDOWN_PRICING_START_WEEK": start_week.isoformat(),
        "MARKDOWN_PRICING_MODEL": STEADY,
        "DB_USER": server.user,
        "DB_PASSWORD": password,
    }
    if countries_file:
        environment["MARKDOWN_PRICING_COUNTRIES"] = str(countries_file)
    (folder / "dagster.yaml").write_text(yaml.safe_dump(_dagster_yaml(storage, server.user)))
    (folder / "workspace.yaml").write_text(yaml.safe_dump(_WORKSPACE))
    lake, erp = Lake(environment["MARKDOWN_PRICING_LAKE"]), engine_for(erp_url, server.user, password)
    lake.filesystem.makedirs(lake.root)
    ensure_tables(erp)
    countries = read_countries(countries_file or DATA / "countries.csv")
    with (
        patch.dict(os.environ, secrets),
        dg.DagsterInstance.from_config(str(folder)) as instance,
        psycopg.connect(
            host=storage.host,
            port=storage.port,
            dbname=storage.database,
            user=server.user,
            password=password,
            autocommit=True,
        ) as watch,
    ):
        here = Installation(folder, lake, erp, countries, instance, environment, watch)
        try:
            yield here
        finally:
            here.stop()


def _awaits_retry(run: dg.DagsterRun) -> bool:
    return run.tags.get(WILL_RETRY_TAG) == "true" and AUTO_RETRY_RUN_ID_TAG not in run.tags


_WORKSPACE = {
    "load_from": [
        {
            "python_module": {
                "module_name": "tests.system.fast_location",
                "working_directory": str(PROJECT),
                "location_name": "markdown_pricing",
            }
        }
    ]
}


def _dagster_yaml(storage: Any, user: str) -> dict[str, Any]:
    """The packaged file with seconds in place of minutes, and its storage on PostgreSQL."""
    config: dict[str, Any] = yaml.safe_load((DATA / "dagster.yaml").read_text())
    config["concurrency"]["pools"]["default_limit"] = POOL
    config["run_coordinator"]["config"]["dequeue_interval_seconds"] = 1
    config["run_monitoring"] |= {
        "start_timeout_seconds": 180,
        "poll_interval_seconds": 2,
        "free_slots_after_run_end_seconds": 5,
    }
    handed_out = yaml.safe_load((DATA / "dagster.metronome.yaml").read_text())["storage"]["custom"]
    config["storage"] = {
        "custom": handed_out
        | {
            "config": {
                "postgres_db": {
                    "hostname": {"env": "STORAGE_HOST"},
                    "port": storage.port or 5432,
                    "username": user,
                    "password": {"env": "STORAGE_PASSWORD"},
                    "db_name": storage.database,
                    # SQLAlchemy's own choice, psycopg 3, does not know the way dagster-postgres notifies.
                    "scheme": "postgresql+psycopg2",
                    # Dagster takes the server's local time for UTC; five hours off, each new run would be overdue.
                    "params": {"options": "-c timezone=utc", **WITHOUT_TLS},
                }
            }
        }
    }
    return config
