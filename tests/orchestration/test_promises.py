"""Retries that Dagster has promised: a round waits for them, and one that does not begin is asked for once more."""

from datetime import UTC, datetime
from unittest.mock import Mock

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._daemon.auto_run_reexecution import auto_run_reexecution
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon

from tests.orchestration.looks import MINUTE, MONDAY, NEXT_MONDAY, NEXT_WEEK, WEEK, Sensor, event_of


def test_a_run_that_will_be_retried_is_not_over(sensor: Sensor) -> None:
    """Between its failure and its retry no run is under way, and yet the round is."""
    for week in (WEEK, NEXT_WEEK):
        sensor.deliver(week)
    sensor.looks(NEXT_MONDAY)
    sensor.finish("DEU", "AUT")
    lost = sensor.run_of("POL")
    sensor.instance.add_run_tags(lost.run_id, {"dagster/will_retry": "true"})
    sensor.end(lost, DagsterRunStatus.FAILURE)
    assert sensor.looks(NEXT_MONDAY + MINUTE) == []
    sensor.instance.add_run_tags(lost.run_id, {"dagster/auto_retry_run_id": "its retry, which ends at once"})
    assert {key[:10] for key in sensor.looks(NEXT_MONDAY + 2 * MINUTE)} == {str(WEEK)}


def test_a_promised_retry_that_dagster_passed_over_is_begun_after_a_reminder(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's own daemon passes a failure over that it reads before status and promise are stored.

    It takes the failure that is recorded once more for what it is. A look after that reminds it no second time, and at
    last the run counts as failed.
    """
    retried: list[str] = []
    monkeypatch.setattr(auto_run_reexecution, "retry_run", lambda run, _: retried.append(run.run_id))
    daemon, workspace = EventLogConsumerDaemon(), Mock(instance=sensor.instance)
    list(daemon.run_iteration(workspace))
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)
    lost = sensor.run_of("POL")
    with monkeypatch.context() as patched:
        patched.setattr(
            sensor.instance.run_storage, "handle_run_event", lambda *_: list(daemon.run_iteration(workspace))
        )
        sensor.end(lost, DagsterRunStatus.FAILURE)
    sensor.instance.run_storage.handle_run_event(
        lost.run_id, event_of(lost, dg.DagsterEventType.RUN_FAILURE), datetime.now(UTC)
    )
    sensor.instance.add_run_tags(lost.run_id, {"dagster/will_retry": "true"})
    list(daemon.run_iteration(workspace))
    assert retried == []

    now = datetime.now(UTC)
    for minutes in (6, 7, 8):
        sensor.looks(now + minutes * MINUTE)
        list(daemon.run_iteration(workspace))

    assert retried == [lost.run_id]
    assert sensor.run_of("POL").tags["dagster/will_retry"] == "false"


def test_a_retry_that_dagster_could_not_begin_while_the_code_server_was_away_is_begun_at_the_next_look(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of the code server, which interrupts its runs. Another error at the second try is the last."""
    tried: list[str] = []

    def without_a_code_server(run: dg.DagsterRun, _: object) -> None:
        tried.append(run.run_id)
        raise DagsterUserCodeUnreachableError("Could not reach user code server")

    monkeypatch.setattr(auto_run_reexecution, "retry_run", without_a_code_server)
    daemon, workspace = EventLogConsumerDaemon(), Mock(instance=sensor.instance)
    list(daemon.run_iteration(workspace))
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)
    lost = sensor.run_of("POL")
    sensor.end(lost, DagsterRunStatus.FAILURE)
    sensor.instance.add_run_tags(lost.run_id, {"dagster/will_retry": "true"})
    list(daemon.run_iteration(workspace))
    assert tried == [lost.run_id]
    assert sensor.run_of("POL").tags["dagster/will_retry"] == "false"

    now = datetime.now(UTC)
    for minutes in (1, 2, 3):
        sensor.looks(now + minutes * MINUTE)
        list(daemon.run_iteration(workspace))

    assert tried == [lost.run_id] * 2
