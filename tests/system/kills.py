"""kill -9 at a country's run, followed by what Dagster's daemon does, and what must hold after each kill.

The worker is a process of its own that runs the country's assets through Dagster. It is killed at a step's boundary, in
a publish, at the refresh's commit, or at any moment. Then its run is marked as failed, as run monitoring does it, and
started again from where it stopped, as a run's retry is.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run
from dagster._core.execution.plan.state import KnownExecutionState
from sqlalchemy import Engine

from markdown_pricing.countries import read_countries
from markdown_pricing.definitions import build
from markdown_pricing.erp.refresh import content_hash, last_receipts
from markdown_pricing.erp.rows import NOT_HASHED
from markdown_pricing.erp.tables import engine_for, ensure_tables, options, price_path, recommendations, refreshes
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.recommendations import OPTIONS, PRICE_PATH, ROWS
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import Lake, paths, read_bytes
from markdown_pricing.lake.leftovers import remove_leftovers
from markdown_pricing.lake.publish import read_parts
from markdown_pricing.orchestration.dagster_home import make_dagster_home
from markdown_pricing.orchestration.names import JOB, SHARED_JOB
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.sample.deliver import deliver_sample
from tests.lake.tables import read_table
from tests.storage import make_storage
from tests.system.moments import BOUNDARIES, ENDS_WITHIN_S, AfterEvent, Moment

WEEK = date(2026, 2, 9)
BEGAN, DONE = "began", "was done"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# A server that has the libraries loaded and forks the workers: else each would take seconds to begin.
WORKERS = multiprocessing.get_context("forkserver")
WORKERS.set_forkserver_preload(["markdown_pricing.definitions", "lightgbm", "psycopg", "tests.system.kills"])


@dataclass
class Tally:
    """What was done to the runs, and what was found afterwards."""

    kills: dict[str, int] = field(default_factory=dict)
    """By the moment."""
    runs: int = 0
    looks: int = 0
    leftovers: int = 0
    """Unfinished files that killed writers left, all taken away afterwards."""
    violations: list[str] = field(default_factory=list)

    def look(self, shop: "Shop", country: str) -> None:
        self.looks += 1
        self.violations += shop.faults(country)


@dataclass
class Shop:
    """A lake, an ERP and Dagster's storage, for countries that are priced and killed."""

    environ: Mapping[str, str]
    erp: Engine
    lake: Lake
    instance: dg.DagsterInstance
    job: dg.JobDefinition
    seconds: float = 0.0
    """That an undisturbed run takes."""

    # A run

    def create_run(self, country: str, failed: dg.DagsterRun | None = None) -> dg.DagsterRun | None:
        """A country's run, or the retry of one that failed; None when that has nothing left to do."""
        key = partition_key(WEEK, country)
        tags = {f"dagster/partition/{name}": value for name, value in key.keys_by_dimension.items()}
        tags["dagster/partition"] = str(key)
        if failed is None:
            return self.instance.create_run_for_job(self.job, run_config=QUIET, tags=tags)
        steps, known = KnownExecutionState.build_resume_retry_reexecution(self.instance, failed)
        if not steps:
            return None
        plan = create_execution_plan(
            self.job, run_config=QUIET, step_keys_to_execute=list(steps), known_state=known, tags=tags
        )
        return self.instance.create_run_for_job(
            self.job,
            execution_plan=plan,
            run_config=QUIET,
            tags=tags,
            parent_run_id=failed.run_id,
            root_run_id=failed.root_run_id or failed.run_id,
        )

    def start(self, run: dg.DagsterRun, moment: Moment | None = None) -> BaseProcess:
        """A worker for the run, which may know the moment of its death."""
        worker = WORKERS.Process(target=_work, args=(dict(self.environ), run.run_id, moment))
        worker.start()
        return worker

    def status(self, run: dg.DagsterRun) -> DagsterRunStatus:
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status

    def undisturbed(self, country: str) -> dict[str, object]:
        """What a run that nobody kills brings; it also tells how long one takes."""
        run = self.create_run(country)
        assert run is not None
        began = time.monotonic()
        self.start(run).join(ENDS_WITHIN_S)
        self.seconds = time.monotonic() - began
        assert self.status(run) == DagsterRunStatus.SUCCESS, self.why_failed(run)
        return self.results(country)

    @property
    def boundaries(self) -> list[str]:
        """Where each step of a run begins and ends, as many as the step events of an undisturbed one."""
        steps = create_execution_plan(self.job, run_config=QUIET).step_keys_to_execute
        return [f"{step} {what}" for step in steps for what in (BEGAN, DONE)]

    def last_boundary(self, run: dg.DagsterRun) -> str:
        """The last step event that the run has recorded."""
        entries = self.instance.all_logs(run.run_id, set(BOUNDARIES))
        event = entries[-1].dagster_event
        assert event is not None
        return f"{event.step_key} {BEGAN if event.event_type == DagsterEventType.STEP_START else DONE}"

    def why_failed(self, run: dg.DagsterRun) -> str:
        entries = self.instance.all_logs(run.run_id)
        return "\n".join(entry.user_message for entry in entries if "rror" in entry.user_message)[-2000:]

    # What it leaves

    def forget(self, country: str) -> None:
        """Take away all that a week has left, as if it had never been priced."""
        with self.erp.begin() as connection:
            for table in (recommendations, price_path, options, refreshes):
                connection.execute(table.delete().where(table.c.country == country))
        for file in self._readers(country):
            folder = f"{self.lake.root}/{file}".rpartition("/")[0]
            if self.lake.filesystem.exists(folder):
                self.lake.filesystem.rm(folder, recursive=True)

    def results(self, country: str) -> dict[str, object]:
        """All that the country's files and rows say, byte for byte, times and run ids aside."""
        found: dict[str, object] = {"erp": content_hash(self.erp, country)}
        for file in (paths.training_data_file, paths.model_file):
            found[file(WEEK, country)] = read_bytes(self.lake, file(WEEK, country))
        for file in (paths.predictions_file, paths.options_file):
            found[file(WEEK, country)] = _without_run(read_table(self.lake, file(WEEK, country)))
        parts = (ROWS, PRICE_PATH, OPTIONS)
        _, kept = read_parts(self.lake, paths.kept_predictions_file(WEEK, country), *parts)
        tables = (_without_run(pq.read_table(pa.BufferReader(part))) for part in kept)
        return found | dict(zip(parts, tables, strict=True))

    def faults(self, country: str) -> Iterator[str]:
        """What must never be, whenever one looks: a half set, rows without their receipt, a file that is not whole."""
        receipt, rows = last_receipts(self.erp).get(country), self._rows(country)
        if (receipt is None) != (rows == []):
            yield f"{country}: {rows} with the receipt {receipt}"
        if receipt is not None and (
            rows != [(receipt.run_id, receipt.articles)] or content_hash(self.erp, country) != receipt.content_hash
        ):
            yield f"{country}: {rows} are not those of the receipt {receipt}"
        for file, read in self._readers(country).items():
            if self.lake.entry(file):
                try:
                    read()
                except Exception as error:
                    yield f"{country}: {error}"

    def leftovers_of_a_day(self) -> int:
        """Takes away what would be a day old tomorrow; how many files that were."""
        return len(remove_leftovers(self.lake, datetime.now(UTC) + timedelta(hours=25)))

    def _readers(self, country: str) -> dict[str, Callable[[], object]]:
        """How each file that a run leaves is read; a file that is not whole is an error there."""
        results = Results(self.lake, WEEK, country)
        rows, options = paths.predictions_file(WEEK, country), paths.options_file(WEEK, country)
        return {
            paths.decisions_file(WEEK, country): results.decisions.read,
            paths.training_data_file(WEEK, country): results.training_data.read,
            paths.model_file(WEEK, country): results.model.read,
            paths.kept_predictions_file(WEEK, country): results.recommendations.read,
            rows: lambda: read_table(self.lake, rows),
            options: lambda: read_table(self.lake, options),
        }

    def _rows(self, country: str) -> list[tuple[str, int]]:
        with self.erp.connect() as connection:
            found = connection.exec_driver_sql(
                "SELECT run_id, count(*) FROM markdown_recommendations WHERE country = %s GROUP BY run_id", (country,)
            )
            return [(str(run_id), int(n)) for run_id, n in found]


def kill_and_retry(shop: Shop, country: str, moments: Sequence[Moment], tally: Tally) -> None:
    """A country's run and its retries, killed at each of the moments in turn, then left alone; looked at after each."""
    run = shop.create_run(country)
    assert run is not None
    tally.runs += 1
    for moment in moments:
        if moment.kill(shop.start(run, moment)):
            label = shop.last_boundary(run) if isinstance(moment, AfterEvent) else str(moment)
            tally.kills[label] = tally.kills.get(label, 0) + 1
        tally.look(shop, country)
        if shop.status(run) == DagsterRunStatus.SUCCESS:
            return
        again = shop.create_run(country, _lost(shop, run))
        if again is None:
            return
        run = again
    shop.start(run).join(ENDS_WITHIN_S)
    tally.look(shop, country)
    if shop.status(run) != DagsterRunStatus.SUCCESS:
        tally.violations.append(f"{country}: a retry that nobody killed failed: {shop.why_failed(run)}")


def _lost(shop: Shop, run: dg.DagsterRun) -> dg.DagsterRun:
    """The run as run monitoring leaves it when it finds that the worker is gone."""
    shop.instance.report_run_failed(run, "Its worker was lost.")
    failed = shop.instance.get_run_by_id(run.run_id)
    assert failed is not None
    return failed


def _work(environ: Mapping[str, str], run_id: str, moment: Moment | None) -> None:
    """The worker's whole life."""
    os.environ.update(environ)
    settings = Settings.from_env(environ)
    with dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        if moment:
            moment.arm(instance, run_id, Lake(settings.lake_url))
        execute_run(InMemoryJob(build(settings).resolve_job_def(JOB)), run, instance)


@contextmanager
def shop(
    folder: Path, lake_url: str, erp_url: str, user: str, countries: Sequence[str], articles: int
) -> Iterator[Shop]:
    """A shop whose week is delivered and whose countries have what they share; nothing else was ever run in it."""
    home = folder / "dagster"
    make_storage(home)
    make_dagster_home(home)
    environ = {
        "DAGSTER_HOME": str(home),
        "MARKDOWN_PRICING_LAKE": lake_url,
        "MARKDOWN_PRICING_ERP": erp_url,
        "DB_USER": user,
    }
    lake, erp = Lake(lake_url), engine_for(erp_url, user, None)
    ensure_tables(erp)
    chosen = [read_countries()[code] for code in countries]
    deliver_sample(lake, WEEK, chosen, articles, seed=1)
    defs = build(Settings.from_env(environ))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        shared = defs.resolve_job_def(SHARED_JOB)
        shared.execute_in_process(partition_key=WEEK.isoformat(), instance=instance, run_config=QUIET)
        yield Shop(environ, erp, lake, instance, defs.resolve_job_def(JOB))


def _without_run(table: pa.Table) -> pa.Table:
    return table.drop_columns([name for name in NOT_HASHED if name in table.column_names])
