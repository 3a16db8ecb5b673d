"""Retries that Dagster has promised: it begins each at most once, and not at all after some mishaps.

Dagster's daemon is told of a retry by the event of the failure. Recording the failure once more tells it again.
"""

from datetime import datetime

import dagster as dg
from dagster._core.events import JobFailureData
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, MAX_RETRIES_TAG, WILL_RETRY_TAG

from markdown_pricing.orchestration.names import REMINDED_TAG

COULD_NOT_RETRY = "Failed to retry run"
"""So Dagster 1.13 says that it has tried to begin a retry and met an error, such as a code server that is away. It
takes the promise back then, so that by its tags the run is like one that has no retries left."""


def renew_withdrawn(instance: dg.DagsterInstance, since: datetime) -> list[str]:
    """Remind Dagster, once, of each retry that it could not begin; the ids of the failed runs.

    Whoever calls this is in a code server, which is what has been missing.

    since : runs that failed before it are left alone
    """
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags={WILL_RETRY_TAG: "false"}, updated_after=since)
    withdrawn = [run.run_id for run in instance.get_runs(failed) if _is_withdrawn(instance, run)]
    for run_id in withdrawn:
        instance.add_run_tags(run_id, {WILL_RETRY_TAG: "true"})
        remind_of_retry(instance, run_id)
    return withdrawn


def _is_withdrawn(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if run.tags.get(REMINDED_TAG) == run.run_id or run.tags.get(MAX_RETRIES_TAG) == "0":
        return False
    if AUTO_RETRY_RUN_ID_TAG in run.tags:
        return False
    said = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return any(entry.dagster_event and entry.dagster_event.message == COULD_NOT_RETRY for entry in said)


def remind_of_retry(instance: dg.DagsterInstance, run_id: str) -> None:
    """Records the failure once more, for Dagster's daemon to see: it begins the retry of a run at most once."""
    instance.add_run_tags(run_id, {REMINDED_TAG: run_id})
    run = instance.get_run_by_id(run_id)
    if run and run.status == dg.DagsterRunStatus.FAILURE:
        event = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.RUN_FAILURE.value,
            job_name=run.job_name,
            message="It failed before and a retry was promised that has not begun: Dagster is reminded of it, once.",
            event_specific_data=JobFailureData(error=None),
        )
        instance.report_dagster_event(event, run_id=run_id)


def give_up_retry(instance: dg.DagsterInstance, run_id: str) -> None:
    """Let the run count as failed for good."""
    instance.add_run_tags(run_id, {MAX_RETRIES_TAG: "0", WILL_RETRY_TAG: "false"})
    if run := instance.get_run_by_id(run_id):
        instance.report_engine_event(
            "Its retry was promised, Dagster was reminded of it, and it has not begun: the run counts as failed for "
            "good. Materialize from the page what it was for.",
            run,
        )
