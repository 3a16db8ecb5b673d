"""What the countries share is learnt before they are priced, and holds nobody up for ever."""

from datetime import UTC, datetime

from dagster import DagsterRunStatus

from markdown_pricing.lake.snapshot import find_snapshot
from markdown_pricing.orchestration.names import (
    SHARED,
    SHARED_JOB,
    WITHOUT_SHARED_TAG,
)
from markdown_pricing.orchestration.next_round import SHARED_LIMIT
from tests.orchestration.looks import COUNTRIES, MINUTE, MONDAY, WEEK, Sensor, last_two_weeks


def test_what_the_countries_share_comes_first(sensor: Sensor) -> None:
    """One run, for the week and the content stamp; the countries wait for it and then start, each without a remark."""
    sensor.shares = False
    sensor.deliver(WEEK)
    stamp = find_snapshot(sensor.lake, WEEK).stamp
    assert sensor.looks(MONDAY) == [f"{WEEK}@{stamp}:{SHARED_JOB}"]
    [request] = sensor.requests
    assert (request.job_name, request.partition_key) == (SHARED_JOB, str(WEEK))
    assert sensor.looks(MONDAY + MINUTE) == []
    assert "waits for what the countries share" in sensor.said
    sensor.share()
    assert len(sensor.looks(MONDAY + 2 * MINUTE)) == len(COUNTRIES)
    assert all(WITHOUT_SHARED_TAG not in request.tags for request in sensor.requests)


def test_what_is_shared_already_is_not_learnt_again(sensor: Sensor) -> None:
    """Whatever made it, command line or page; but only from this very delivery."""
    sensor.shares = False
    sensor.deliver(WEEK)
    sensor.record_shared(WEEK, find_snapshot(sensor.lake, WEEK).stamp)
    assert len(sensor.looks(MONDAY)) == len(COUNTRIES)
    sensor.finish()
    sensor.redeliver(WEEK)
    [key] = sensor.looks(MONDAY + MINUTE)
    assert key.endswith(SHARED_JOB)


def test_a_retry_of_what_is_shared_is_waited_for(sensor: Sensor) -> None:
    sensor.shares = False
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)
    lost = sensor.shared_run()
    sensor.instance.add_run_tags(lost.run_id, {"dagster/will_retry": "true"})
    sensor.end(lost, DagsterRunStatus.FAILURE)
    assert sensor.looks(MONDAY + MINUTE) == []


def test_the_countries_start_without_it_when_it_failed_for_good(sensor: Sensor) -> None:
    """Each run says why, and it is not asked for a second time, not even by a sensor that lost its cursor."""
    sensor.shares = False
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)
    sensor.end(sensor.shared_run(), DagsterRunStatus.FAILURE)
    keys = sensor.looks(MONDAY + MINUTE)
    assert len(keys) == len(COUNTRIES)
    assert {request.tags[WITHOUT_SHARED_TAG] for request in sensor.requests} == {"its run did not succeed"}
    sensor.forgets()
    assert sensor.looks(MONDAY + 2 * MINUTE) == keys


def test_the_countries_start_without_it_when_it_takes_too_long(sensor: Sensor) -> None:
    """Counted from its first run, which is canceled and not retried; the asset says so once."""
    sensor.shares = False
    now = datetime.now(UTC)
    _, week = last_two_weeks(sensor, now)
    sensor.looks(now)
    assert sensor.looks(now + SHARED_LIMIT - MINUTE) == []
    assert len(sensor.looks(now + SHARED_LIMIT + MINUTE)) == len(COUNTRIES)
    assert all("took longer" in request.tags[WITHOUT_SHARED_TAG] for request in sensor.requests)
    late = sensor.shared_run()
    assert (late.status, late.tags["dagster/max_retries"]) == (DagsterRunStatus.CANCELED, "0")
    [record] = sensor.instance.fetch_observations(SHARED, limit=10).records
    assert record.asset_observation
    assert record.asset_observation.partition == str(week)


def test_a_lost_cursor_asks_for_what_is_shared_no_second_time(sensor: Sensor) -> None:
    """While its run is under way, and when it is there."""
    sensor.shares = False
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)
    sensor.forgets()
    assert sensor.looks(MONDAY + MINUTE) == []
    sensor.share()
    sensor.forgets()
    assert len(sensor.looks(MONDAY + 2 * MINUTE)) == len(COUNTRIES)


def test_a_week_redelivered_while_it_is_learnt_from_is_learnt_from_anew(sensor: Sensor) -> None:
    """What was learnt from the first delivery starts no country of the second one."""
    sensor.shares = False
    sensor.deliver(WEEK)
    [first] = sensor.looks(MONDAY)
    sensor.redeliver(WEEK)
    [second] = sensor.looks(MONDAY + MINUTE)
    assert second.endswith(SHARED_JOB)
    assert second != first
    assert sensor.looks(MONDAY + 2 * MINUTE) == []


def test_nothing_is_learnt_when_no_country_is_left_to_price(sensor: Sensor) -> None:
    sensor.shares = False
    sensor.deliver(WEEK)
    for country in COUNTRIES:
        sensor.settle(WEEK, country)
    assert sensor.looks(MONDAY) == []
