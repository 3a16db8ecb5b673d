"""A round on this machine without a server: each country is a run of its own, in this process or in N workers."""

import os
import signal
import sqlite3
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.storage.tags import MAX_RETRIES_TAG, REPOSITORY_LABEL_TAG

from markdown_pricing.orchestration.faults import why_failed
from markdown_pricing.orchestration.figures import ARTICLES, GRADE, LEAD_OVER_HABIT, LEAD_OVER_KEEP, MARKDOWNS
from markdown_pricing.orchestration.local_launcher import is_local
from markdown_pricing.orchestration.names import (
    COUNTRY_TAG,
    ETL_JOB,
    JOB,
    MODEL,
    POOL,
    PREDICTIONS,
    REFRESH,
    SHARED_JOB,
    SUPERSEDED_BY,
    WEEK_TAG,
)
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.orchestration.resources import SharedLearning
from markdown_pricing.orchestration.worker_lock import held_by_this_process
from markdown_pricing.threads import limit_threads
from markdown_pricing.workers import worker_processes

REFRESHED, ARCHIVED, FAILED = "refreshed", "archived", "failed"
LOCATION = "markdown_pricing"


@dataclass(frozen=True)
class Outcome:
    """How one country's run ended."""

    country: str
    status: str
    run_id: str
    seconds: float
    message: str = ""
    articles: int | None = None
    markdowns: int | None = None
    lead_over_keep_pct: float | None = None
    lead_over_habit_pct: float | None = None
    grade: str | None = None

    @property
    def failed(self) -> bool:
        return self.status == FAILED


def learn_shared_demand(week: date, workers: int) -> str:
    """Run the job `shared_demand` in this process. Returns why it failed, an empty text when it did not.

    `workers` learn from one country each at a time: before they have, no country can be priced.
    """
    limit_threads(workers)
    resources = {"shared_learning": SharedLearning(processes=workers)}
    with dg.DagsterInstance.get() as instance:
        result = _run(instance, SHARED_JOB, week.isoformat(), {WEEK_TAG: week.isoformat()}, resources)
    return "" if result.success else why_failed(result.all_events)


def make_snapshot(week: date) -> str:
    """Run the job `etl` in this process. Returns why it failed, an empty text when it did not."""
    with dg.DagsterInstance.get() as instance:
        result = _run(instance, ETL_JOB, week.isoformat(), {WEEK_TAG: week.isoformat()})
    return "" if result.success else why_failed(result.all_events)


def price_countries(week: date, countries: Sequence[str], workers: int) -> Iterator[Outcome]:
    """Prices `countries` in the order given, `workers` at a time; yields each when it is done.

    DAGSTER_HOME names the instance that records the runs.
    """
    _show_pool()
    limit_threads(workers)  # whatever their number: else a country's last digits would hang on who is priced beside it
    if workers == 1 or len(countries) == 1:
        for country in countries:
            yield price_country(week, country)
        return
    with worker_processes(min(workers, len(countries)), workers) as pool:
        futures = {pool.submit(_price_in_a_worker, week, country): country for country in countries}
        for future in as_completed(futures):
            try:
                yield future.result()
            except Exception as error:
                message = f"its worker was lost: {error}. Run the country again."
                yield Outcome(futures[future], FAILED, run_id="", seconds=0.0, message=message)


def price_country(week: date, country: str) -> Outcome:
    """Price one country by one run of the job `markdown_pricing` in this process."""
    started = time.monotonic()
    with dg.DagsterInstance.get() as instance:
        tags = {WEEK_TAG: week.isoformat(), COUNTRY_TAG: country}
        result = _run(instance, JOB, str(partition_key(week, country)), tags)
    return _outcome(country, result, time.monotonic() - started)


def _price_in_a_worker(week: date, country: str) -> Outcome:
    """A worker that is stopped ends: else it would go on with the next country."""
    try:
        return price_country(week, country)
    except KeyboardInterrupt:
        os._exit(1)


def _run(
    instance: dg.DagsterInstance,
    job: str,
    partition: str,
    tags: dict[str, str],
    resources: Mapping[str, object] | None = None,
) -> dg.ExecuteInProcessResult:
    loaded = load_definitions().resolve_job_def(job)
    # Of dagster.yaml's python_logs, at every run; said to nobody who could do anything about it.
    warnings.filterwarnings("ignore", "Handling yaml-defined logging", dg.BetaWarning)
    run_id = str(uuid4())
    _signal_notes()
    home = Path(instance.root_directory)
    noticed = held_by_this_process(home, run_id) if is_local(instance) else nullcontext()
    with storage_held_open(home, run_id), noticed:
        result = loaded.execute_in_process(
            instance=instance,
            partition_key=partition,
            raise_on_error=False,
            run_id=run_id,
            resources=resources,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={
                **tags,
                # The Runs page of the job finds a run by this label.
                REPOSITORY_LABEL_TAG: f"__repository__@{LOCATION}",
                # A daemon could not start this run again: it has no code location of its own.
                MAX_RETRIES_TAG: "0",
            },
        )
    if _was_stopped(result) or _was_told_to_stop():
        raise KeyboardInterrupt
    return result


@cache
def load_definitions() -> dg.Definitions:
    """Loaded with the first run of this process, which sets the process up."""
    from markdown_pricing.definitions import defs

    return defs()


@cache
def _signal_notes() -> int:
    """Where the number of each signal can be read, from the first call on, whatever becomes of the signal.

    Dagster's handlers raise. What is raised in a callback of the garbage collector Python ignores: that stop is lost.
    """
    notes, written = os.pipe()
    for end in (notes, written):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(written)
    return notes


def _was_told_to_stop() -> bool:
    try:
        return not {signal.SIGTERM, signal.SIGINT}.isdisjoint(os.read(_signal_notes(), 1024))
    except BlockingIOError:  # no signal came
        return False


def _was_stopped(result: dg.ExecuteInProcessResult) -> bool:
    """Whether a stop ended the run, which Dagster records in its events and does not raise."""
    failures = (e.job_failure_data for e in result.all_events if e.event_type == dg.DagsterEventType.RUN_FAILURE)
    return any(f.failure_reason is not None and f.failure_reason.value == "UNEXPECTED_TERMINATION" for f in failures)


@contextmanager
def storage_held_open(home: Path, run_id: str) -> Iterator[None]:
    """Keeps the SQLite files open that Dagster opens and closes again for each of a run's events.

    When nobody has it open any more, SQLite writes what was logged back into a file, and waits for the disk to do so.
    """
    history = home / "history"
    with ExitStack() as opened:
        if history.exists():  # else Dagster's storage is another database
            for file in (history / "runs.db", history / "runs/index.db", history / f"runs/{run_id}.db"):
                connection = opened.enter_context(closing(sqlite3.connect(file)))
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # only now is its log open
        yield


def _show_pool() -> None:
    """The pool stands on the Concurrency page with its limit, which Dagster itself sees to only for a queued run."""
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)


def _outcome(country: str, result: dg.ExecuteInProcessResult, seconds: float) -> Outcome:
    if not result.success:
        return Outcome(country, FAILED, result.run_id, seconds, why_failed(result.all_events))
    modelled, predicted = (
        _metadata(result.asset_materializations_for_node(asset.to_user_string())) for asset in (MODEL, PREDICTIONS)
    )
    superseded_by = _metadata(result.asset_observations_for_node(REFRESH.to_user_string())).get(SUPERSEDED_BY)
    return Outcome(
        country,
        ARCHIVED if superseded_by else REFRESHED,
        result.run_id,
        seconds,
        message=f"the ERP already holds {superseded_by}" if superseded_by else "",
        articles=ARTICLES.of(predicted),
        markdowns=MARKDOWNS.of(predicted),
        lead_over_keep_pct=LEAD_OVER_KEEP.of(predicted),
        lead_over_habit_pct=LEAD_OVER_HABIT.of(predicted),
        grade=GRADE.of(modelled),
    )


def _metadata(events: Sequence[dg.AssetMaterialization | dg.AssetObservation]) -> dict[str, Any]:
    return {label: value.value for event in events for label, value in event.metadata.items()}
