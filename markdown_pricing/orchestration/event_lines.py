"""What happens in a run as log lines: one for each step, with all its figures, and Dagster's own events beside them.

`dagster.yaml` names the handler (python_logs), so every run of the instance has it: those of the daemon, of the
launchpad and of `markdown-pricing run`.
"""

import logging
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from dagster._core.events import (
    AssetFailedToMaterializeData,
    EngineEventData,
    HookErroredData,
    JobCanceledData,
    JobFailureData,
)
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData
from dagster._core.log_manager import DagsterLogRecordMetadata, get_log_record_metadata
from dagster._core.storage.tags import RETRY_NUMBER_TAG

from markdown_pricing.orchestration.figures import LOGGED
from markdown_pricing.orchestration.names import ERROR_NAME, week_and_country_in
from markdown_pricing.process.logs import FAILURE, SUCCESS, UNKNOWN, OnceOnly, duration, tell

Fields = dict[str, object]

STEP_ENDS = {
    DagsterEventType.STEP_SUCCESS: SUCCESS,
    DagsterEventType.STEP_FAILURE: FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY: FAILURE,
    DagsterEventType.STEP_SKIPPED: UNKNOWN,
}
RUN_ENDS = {
    DagsterEventType.RUN_SUCCESS: SUCCESS,
    DagsterEventType.RUN_FAILURE: FAILURE,
    DagsterEventType.RUN_CANCELED: UNKNOWN,
}
LEVELS = {
    DagsterEventType.RUN_SUCCESS: logging.INFO,
    DagsterEventType.RUN_CANCELED: logging.WARNING,
    DagsterEventType.RUN_FAILURE: logging.ERROR,
    DagsterEventType.STEP_UP_FOR_RETRY: logging.WARNING,
    DagsterEventType.STEP_FAILURE: logging.ERROR,
}
"""How much an event means to whoever reads the lines: an error is what is lost, a warning what somebody may look at."""
NOT_LOGGED = {
    DagsterEventType.STEP_INPUT,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.LOADED_INPUT,
    DagsterEventType.HANDLED_OUTPUT,
    DagsterEventType.LOGS_CAPTURED,
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    DagsterEventType.STEP_WORKER_STARTING,
    DagsterEventType.STEP_WORKER_STARTED,
}
"""Dagster's own bookkeeping, of which nobody makes a dashboard."""
MAY_HAVE_ERROR = (
    AssetFailedToMaterializeData,
    EngineEventData,
    HookErroredData,
    JobCanceledData,
    JobFailureData,
    StepFailureData,
    StepRetryData,
)
"""The kinds of what an event says beside its message that may have an error."""


class EventLines(logging.Handler):
    """Turns a run's events into lines; whatever goes wrong with one stays here."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._figures: dict[tuple[str, str], Fields] = {}
        """The figures of each step under way, by run and step. A step materializes before its end is logged."""
        self._once = OnceOnly()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._tell(record.levelno, get_log_record_metadata(record))
        except Exception as error:
            self._once.say(error)

    def _tell(self, level: int, logged: DagsterLogRecordMetadata) -> None:
        event = logged["dagster_event"]
        bound = run_facts(logged["run_id"], logged["job_name"], logged["job_tags"], logged["step_key"])
        if event is None:
            tell(logged["orig_message"], {**bound, "event.dataset": "markdown_pricing.message"}, level)
            return
        kind, key = event.event_type, (str(logged["run_id"]), str(event.step_key))
        if kind in (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION):
            self._figures.setdefault(key, {}).update(_figures(_metadata(event)))
        elif kind in STEP_ENDS:
            facts = {**bound, **self._figures.pop(key, {}), **_step_facts(event), "event.outcome": STEP_ENDS[kind]}
            tell(event.message or kind.value, facts, LEVELS.get(kind, logging.INFO))
        elif kind == DagsterEventType.ASSET_CHECK_EVALUATION:
            _tell_check(event.asset_check_evaluation_data, bound)
        elif kind not in NOT_LOGGED:
            dagster = {
                "event.dataset": "dagster.event",
                "event.action": _action(event),
                "event.outcome": RUN_ENDS.get(kind),
            }
            tell(event.message or kind.value, {**bound, **dagster, **_error_facts(event)}, LEVELS.get(kind, level))


def run_facts(run_id: str | None, job: str | None, tags: Mapping[str, str], step: str | None = None) -> Fields:
    """The fields that all log lines of a run have."""
    week, country = week_and_country_in(tags)
    return {
        "markdown.week": week or None,
        "markdown.country": country or None,
        "markdown.run_id": run_id,
        "markdown.job": job,
        "markdown.step": step,
        "markdown.attempt": 1 + int(tags.get(RETRY_NUMBER_TAG, "0")),
    }


def _step_facts(event: dg.DagsterEvent) -> Fields:
    facts: Fields = {"event.dataset": "markdown_pricing.step", "event.action": event.step_key}
    if event.is_step_success:
        facts |= duration(event.step_success_data.duration_ms / 1000)
    return {**facts, **_error_facts(event)}


def _error_facts(event: dg.DagsterEvent) -> Fields:
    """The error's type and its own words, without a stack trace; no field when the event has no error."""
    data = event.event_specific_data
    error = data.error if isinstance(data, MAY_HAVE_ERROR) else None
    if error is None:
        return {}
    failure = data.user_failure_data if isinstance(data, StepFailureData) else None
    cause = error.cause or error
    named = failure.metadata.get(ERROR_NAME) if failure else None
    message = failure.description if failure and failure.description else cause.message.strip()
    return {"error.type": named.value if named else cause.cls_name, "error.message": message[:4000]}


def _tell_check(check: dg.AssetCheckEvaluation, bound: Fields) -> None:
    outcome = SUCCESS if check.passed else FAILURE
    facts = {
        **bound,
        "event.dataset": "markdown_pricing.check",
        "event.action": check.check_name,
        "event.outcome": outcome,
        "markdown.blocks": bool(check.blocking and not check.passed),
    }
    message = check.description or f"{check.check_name}: {outcome}"
    level = logging.ERROR if facts["markdown.blocks"] else logging.WARNING
    tell(message, facts, logging.INFO if check.passed else level)


def _figures(metadata: Mapping[str, dg.MetadataValue[Any]]) -> Fields:
    """The figures that have a log field. Words in place of a number are left out."""
    recorded = {figure: figure.of(metadata) for figure in LOGGED if figure.label in metadata}
    return {
        figure.field: value
        for figure, value in recorded.items()
        if not figure.is_number or isinstance(value, int | float)
    }


def _metadata(event: dg.DagsterEvent) -> Mapping[str, dg.MetadataValue[Any]]:
    if event.event_type == DagsterEventType.ASSET_MATERIALIZATION:
        return event.step_materialization_data.materialization.metadata
    return event.asset_observation_data.asset_observation.metadata


def _action(event: dg.DagsterEvent) -> str:
    """Dagster's word for it: run_start where its storage says PIPELINE_START."""
    return event.event_type.value.replace("PIPELINE_", "RUN_").lower()
