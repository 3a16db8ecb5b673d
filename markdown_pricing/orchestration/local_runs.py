"""One run on this machine without a server, in this process, which Dagster's page finds and can repeat."""

import os
import time
import warnings
from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from markdown_pricing.orchestration.faults import why_failed
from markdown_pricing.orchestration.local_storage import events_held_open, keep_engines
from markdown_pricing.orchestration.names import COUNTRY_TAG, ETL_JOB, JOB, LOCATION, SHARED_JOB, WEEK_TAG
from markdown_pricing.orchestration.outcome import RunOutcome, outcome_of
from markdown_pricing.orchestration.partitions import partition_key

MODULE = "markdown_pricing.definitions"


def price_country(week: date, country: str, run_id: str | None = None, repeats: str | None = None) -> RunOutcome:
    """Price one country by one run of the job `markdown_pricing`.

    run_id  : the id that the run shall have; a new one when not given
    repeats : the id of the run that this one repeats
    """
    load_definitions()  # which takes the first country of a worker seconds that are not its own
    started = time.monotonic()
    tags = {WEEK_TAG: week.isoformat(), COUNTRY_TAG: country}
    result = _run(JOB, str(partition_key(week, country)), tags, run_id, repeats)
    return outcome_of(country, result, time.monotonic() - started)


def learn_shared_demand(week: date, processes: int, run_id: str | None = None, repeats: str | None = None) -> str:
    """Run the job `shared_demand`, which learns from `processes` countries at a time.

    Returns why it failed, an empty text when it did not.
    """
    config = {"resources": {"shared_learning": {"config": {"processes": processes}}}}
    result = _run(SHARED_JOB, week.isoformat(), {WEEK_TAG: week.isoformat()}, run_id, repeats, config)
    return "" if result.success else why_failed(result.all_events)


def make_snapshot(week: date, run_id: str | None = None, repeats: str | None = None) -> str:
    """Run the job `etl`. Returns why it failed, an empty text when it did not."""
    result = _run(ETL_JOB, week.isoformat(), {WEEK_TAG: week.isoformat()}, run_id, repeats)
    return "" if result.success else why_failed(result.all_events)


@cache
def load_definitions() -> dg.Definitions:
    """Loaded with the first run of this process, which sets the process up."""
    from markdown_pricing.definitions import defs

    keep_engines()
    return defs()


@lru_cache(maxsize=1)
def _instance(home: str) -> dg.DagsterInstance:
    """Dagster's instance in `home`, made once for all runs of this process.

    Each time that it is made, it looks whether its database is of this version of Dagster.
    """
    return dg.DagsterInstance.get()


def _run(
    job: str,
    partition: str,
    tags: Mapping[str, str],
    run_id: str | None,
    repeats: str | None,
    config: Mapping[str, Any] | None = None,
) -> dg.JobExecutionResult:
    loaded = load_definitions().resolve_job_def(job)
    # Of dagster.yaml's python_logs, at every run; said to nobody who could do anything about it.
    warnings.filterwarnings("ignore", "Handling yaml-defined logging", dg.BetaWarning)
    # Dagster itself looks nowhere else for the home of its instance.
    instance = _instance(os.environ["DAGSTER_HOME"])
    run = instance.create_run_for_job(
        loaded,
        run_id=run_id,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **(config or {})},
        tags={
            **loaded.get_tags_for_partition_key(partition, selected_asset_keys=None),
            **tags,
            # A daemon leaves it alone: the command itself repeats what is worth it.
            MAX_RETRIES_TAG: "0",
        },
        parent_run_id=repeats,
        root_run_id=repeats,
        # Without it the page could not start the run again.
        remote_job_origin=_origin_of(job),
    )
    with events_held_open(run.run_id):
        result = execute_run(InMemoryJob(loaded), run, instance)
    if _was_stopped(result):
        raise KeyboardInterrupt
    return result


def _origin_of(job: str) -> RemoteJobOrigin:
    """Where Dagster's page finds the job: in the code location of workspace.yaml, by that location's name."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name=MODULE), LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job)


def _was_stopped(result: dg.JobExecutionResult) -> bool:
    """Whether a stop ended the run, which Dagster records in its events and does not raise."""
    failures = (e.job_failure_data for e in result.all_events if e.event_type == dg.DagsterEventType.RUN_FAILURE)
    return any(f.failure_reason is not None and f.failure_reason.value == "UNEXPECTED_TERMINATION" for f in failures)
