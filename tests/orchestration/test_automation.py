"""What one look of the sensor decides at a `now` of the test's choosing: no daemon, a local lake, Dagster in memory."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from markdown_pricing.erp.errors import ErpUnreachable
from markdown_pricing.lake import Lake, LakeMissing
from markdown_pricing.lake.paths import predictions_file
from markdown_pricing.lake.snapshot import deliveries, find_snapshot
from markdown_pricing.orchestration.alerts import alerts_due
from markdown_pricing.orchestration.automation import jobs_of_a_round, weekly_round
from markdown_pricing.orchestration.names import (
    COUNTRY_TAG,
    GONE,
    JOB,
    LATE,
    OPENED,
    REFRESH,
    ROUND_TAG,
    SNAPSHOT,
    STAMP,
    STAMP_TAG,
    WEEK_TAG,
)
from markdown_pricing.orchestration.next_round import WEEKS_PER_LOOK
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.orchestration.situation import Progress
from markdown_pricing.weeks import ONE_WEEK, opens_at
from tests.lake import spark
from tests.orchestration.looks import (
    COUNTRIES,
    HOUR,
    MINUTE,
    MONDAY,
    NEXT_MONDAY,
    NEXT_WEEK,
    PARTITIONS,
    WEEK,
    Sensor,
    last_two_weeks,
)


def test_a_week_is_not_opened_before_its_monday_eight_o_clock(sensor: Sensor) -> None:
    """A snapshot that is early starts nothing; at 08:00 head office it does."""
    sensor.deliver(WEEK)
    assert sensor.looks(MONDAY - MINUTE) == []
    assert sensor.observed(OPENED) == []
    assert len(sensor.looks(MONDAY)) == len(COUNTRIES)
    assert sensor.observed(OPENED) == [str(WEEK)]


def test_the_schedule_opens_every_missed_week_once() -> None:
    """After three weeks of downtime one tick opens all three, and the next opens none again."""
    with dg.instance_for_test() as instance:  # on disk: a schedule opens its instance anew
        schedule, _ = weekly_round(PARTITIONS, jobs_of_a_round(["erp_refresh"]), look_every_s=60)
        for _ in range(2):
            context = dg.build_schedule_context(instance, scheduled_execution_time=opens_at(WEEK + 2 * ONE_WEEK))
            assert schedule.evaluate_tick(context).run_requests == []
        opened = [
            str(record.asset_observation.partition)
            for record in instance.fetch_observations(SNAPSHOT, limit=10, ascending=True).records
            if record.asset_observation
        ]
        assert opened == [str(WEEK), str(NEXT_WEEK), str(WEEK + 2 * ONE_WEEK)]


def test_a_week_is_reported_late_once_and_still_looked_for(sensor: Sensor) -> None:
    """Not within 24 hours of its opening; then once; and when it comes in the end it is priced."""
    sensor.looks(MONDAY)
    sensor.looks(MONDAY + 24 * HOUR)
    assert sensor.observed(LATE) == []
    for hours in (25, 26, 50):
        sensor.looks(MONDAY + hours * HOUR)
    assert sensor.observed(LATE) == [str(WEEK)]
    sensor.deliver(WEEK)
    assert len(sensor.looks(MONDAY + 51 * HOUR)) == len(COUNTRIES)


def test_cannot_tell_is_an_error_and_not_an_empty_answer(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A lake that is away makes the tick fail."""
    with pytest.raises(LakeMissing):
        Sensor(instance, Lake(str(tmp_path / "nowhere"))).looks(MONDAY)


def test_each_run_is_for_one_country_of_the_delivery(sensor: Sensor) -> None:
    """Run key, partition and tags name week, content stamp and country."""
    sensor.deliver(WEEK)
    stamp = find_snapshot(sensor.lake, WEEK).stamp
    keys = sensor.looks(MONDAY)
    assert sorted(keys) == sorted(f"{WEEK}@{stamp}:{country}" for country in COUNTRIES)
    for request in sensor.requests:
        country = request.tags[COUNTRY_TAG]
        assert request.partition_key == str(partition_key(WEEK, country))
        assert (request.tags[WEEK_TAG], request.tags[STAMP_TAG]) == (str(WEEK), stamp)
        assert request.run_key == f"{request.tags[ROUND_TAG]}:{country}"


def test_the_largest_countries_start_first_when_none_was_ever_timed(sensor: Sensor) -> None:
    sensor.deliver(WEEK)
    spark.put(sensor.lake, spark.part_path("AUT", 1, WEEK), spark.sales(5_000))
    spark.put(sensor.lake, spark.part_path("POL", 1, WEEK), spark.sales(500))
    assert [key[-3:] for key in sensor.looks(MONDAY)] == ["AUT", "POL", "DEU"]
    priorities = [int(request.tags["dagster/priority"]) for request in sensor.requests]
    assert priorities == sorted(set(priorities), reverse=True)


def test_a_country_that_was_never_timed_starts_before_those_that_were(sensor: Sensor) -> None:
    """It may be the longest of all; the others follow by the seconds of their last run, the longest first."""
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)
    for country, seconds in (("DEU", 5.0), ("AUT", 9.0)):
        run = sensor.run_of(country)
        _take(sensor.instance, run, seconds)
    sensor.finish(*COUNTRIES)
    sensor.deliver(NEXT_WEEK)
    assert [key[-3:] for key in sensor.looks(NEXT_MONDAY)] == ["POL", "AUT", "DEU"]


def test_one_round_at_a_time_the_newest_delivered_week_first(sensor: Sensor) -> None:
    """The older week waits until the last run of the newer one has ended."""
    for week in (WEEK, NEXT_WEEK):
        sensor.deliver(week)
    assert {key[:10] for key in sensor.looks(NEXT_MONDAY)} == {str(NEXT_WEEK)}
    sensor.finish("DEU", "AUT")
    assert sensor.looks(NEXT_MONDAY + MINUTE) == []
    assert "1 run unfinished" in sensor.said
    sensor.finish("POL")
    assert {key[:10] for key in sensor.looks(NEXT_MONDAY + 2 * MINUTE)} == {str(WEEK)}


def test_a_new_monday_is_started_while_an_older_week_is_caught_up(sensor: Sensor) -> None:
    """And the older week's round goes on beside it; a look after that starts neither again."""
    sensor.deliver(WEEK)
    sensor.looks(NEXT_MONDAY)
    sensor.deliver(NEXT_WEEK)

    assert {key[:10] for key in sensor.looks(NEXT_MONDAY + MINUTE)} == {str(NEXT_WEEK)}
    assert sensor.looks(NEXT_MONDAY + 2 * MINUTE) == []
    assert sensor.said.count("3 runs unfinished") == 2


def test_an_older_week_whose_predictions_lie_on_the_lake_is_done(sensor: Sensor) -> None:
    """Dagster's database is empty: the newest week is priced, of the older one only the country that lacks them."""
    for week in (WEEK, NEXT_WEEK):
        sensor.deliver(week)
        for country in ("DEU", "POL"):
            sensor.predict(week, country)
    assert sorted(key[-3:] for key in sensor.looks(NEXT_MONDAY)) == sorted(COUNTRIES)
    sensor.finish()
    assert [(key[:10], key[-3:]) for key in sensor.looks(NEXT_MONDAY + MINUTE)] == [(str(WEEK), "AUT")]


def test_a_broken_file_of_predictions_is_made_again(sensor: Sensor) -> None:
    for week in (WEEK, NEXT_WEEK):
        sensor.deliver(week)
    for country in COUNTRIES:
        sensor.settle(NEXT_WEEK, country)
        sensor.predict(WEEK, country)
    with sensor.lake.filesystem.open(f"{sensor.lake.root}/{predictions_file(WEEK, 'AUT')}", "wb") as file:
        file.write(b"not Parquet")
    assert [key[-3:] for key in sensor.looks(NEXT_MONDAY)] == ["AUT"]


def test_what_the_erp_has_lost_is_refreshed_again(sensor: Sensor) -> None:
    """Restored from a backup of the week before, it is asked for each country once, and only for the refresh."""
    for week in (WEEK, NEXT_WEEK):
        sensor.deliver(week)
        for country in COUNTRIES:
            sensor.settle(week, country)
            if week == WEEK and country != "AUT":
                backup = dict(sensor.erp.receipts)
    assert sensor.looks(NEXT_MONDAY) == []
    now_there = sensor.erp.receipts["AUT"]
    sensor.erp.receipts.clear()
    sensor.erp.receipts.update({**backup, "AUT": now_there})

    keys = sensor.looks(NEXT_MONDAY + MINUTE)

    assert sorted(key.partition(":")[2][:9] for key in keys) == ["DEU:after", "POL:after"]
    assert {key[:10] for key in keys} == {str(NEXT_WEEK)}
    assert all(request.asset_selection == [REFRESH] for request in sensor.requests)
    assert sensor.looks(NEXT_MONDAY + 2 * MINUTE) == []
    assert "2 runs unfinished" in sensor.said
    sensor.finish()
    assert sensor.looks(NEXT_MONDAY + 3 * MINUTE) == []


def test_an_erp_that_does_not_answer_starts_nothing_and_is_named(sensor: Sensor) -> None:
    """What is done is then not known; the week is opened all the same, and the next look goes on."""
    sensor.deliver(WEEK)
    sensor.erp.away.append(ErpUnreachable("erp.example", "no answer"))
    assert sensor.looks(MONDAY) == []
    assert "Nothing is started" in sensor.said
    assert "erp.example" in sensor.said
    assert sensor.observed(OPENED) == [str(WEEK)]
    sensor.erp.away.clear()
    assert len(sensor.looks(MONDAY + MINUTE)) == len(COUNTRIES)


def test_a_look_lists_the_files_of_a_limited_number_of_weeks(sensor: Sensor) -> None:
    """After years without a record: a look ends within its minute, and the next one goes on."""
    weeks = [WEEK + n * ONE_WEEK for n in range(WEEKS_PER_LOOK + 2)]
    for week in weeks:
        sensor.deliver(week)
        for country in COUNTRIES:
            sensor.predict(week, country)
    for country in COUNTRIES:
        sensor.settle(weeks[-1], country)

    assert sensor.looks(opens_at(weeks[-1])) == []
    assert len(Progress.from_cursor(sensor.cursor).started) == WEEKS_PER_LOOK
    assert sensor.looks(opens_at(weeks[-1]) + MINUTE) == []
    assert len(Progress.from_cursor(sensor.cursor).started) == len(weeks)


def test_only_the_countries_that_were_delivered_are_started(sensor: Sensor) -> None:
    """A delivery of one starts one run; those that were not there the week before either are no news."""
    sensor.deliver_only(WEEK, "AUT")
    sensor.lake.filesystem.makedirs(f"{sensor.lake.root}/markdown_training_data/{WEEK}/country=POL")

    assert [key[-3:] for key in sensor.looks(MONDAY)] == ["AUT"]
    assert sensor.observed(GONE) == []


def test_a_country_that_is_gone_gives_one_warning_and_starts_nothing(sensor: Sensor) -> None:
    """The round ends without it: incomplete, in one message and in its digest. Nothing is retried for it."""
    sensor.deliver(WEEK)
    sensor.deliver_only(NEXT_WEEK, "AUT", "DEU")

    assert sorted(key[-3:] for key in sensor.looks(NEXT_MONDAY)) == ["AUT", "DEU"]
    sensor.finish()
    for minutes in range(1, 4):
        sensor.looks(NEXT_MONDAY + minutes * MINUTE)
    sensor.forgets()
    sensor.looks(NEXT_MONDAY + HOUR)

    assert {run.tags[COUNTRY_TAG] for run in sensor.runs() if run.tags[WEEK_TAG] == str(NEXT_WEEK)} == {"AUT", "DEU"}
    told = [due.alert() for due in alerts_due(sensor.instance, sensor.lake, WEEK, datetime.now(UTC))]
    [warning] = [alert for alert in told if alert.action == "round_incomplete"]
    assert f"The delivery of {NEXT_WEEK} lacks POL, which the delivered week before it held." in warning.text
    [digest] = [alert for alert in told if alert.action == "round_ended" and str(NEXT_WEEK) in alert.title]
    assert digest.title.endswith("2 of 3 countries done, incomplete")
    assert digest.facts["event.outcome"] == "failure"


def test_whether_a_country_is_gone_is_asked_of_the_last_delivered_week(sensor: Sensor) -> None:
    """A week that was never delivered in between says nothing."""
    last = NEXT_WEEK + ONE_WEEK
    sensor.deliver(WEEK)
    spark.put(sensor.lake, spark.part_path("AUT", 0, NEXT_WEEK))
    sensor.deliver_only(last, "AUT")

    sensor.looks(opens_at(last))

    assert sensor.observed(GONE) == [str(last)]


def test_a_missing_week_holds_nobody_up(sensor: Sensor) -> None:
    sensor.deliver(NEXT_WEEK)
    assert {key[:10] for key in sensor.looks(NEXT_MONDAY)} == {str(NEXT_WEEK)}


def test_a_week_that_is_delivered_early_is_named(sensor: Sensor) -> None:
    """It starts on its own Monday; until then the sensor says that it has seen it."""
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)
    sensor.finish("DEU", "AUT", "POL")
    sensor.deliver(NEXT_WEEK)

    assert sensor.looks(MONDAY + MINUTE) == []
    assert f"Delivered early, to be started from their own Monday on: {NEXT_WEEK}." in sensor.said
    assert sensor.looks(NEXT_MONDAY)


def test_people_can_read_the_times_in_the_cursor(sensor: Sensor) -> None:
    """And what is read is what was written, to the millisecond."""
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)

    [written] = json.loads(sensor.cursor)["started"].values()
    assert datetime.fromisoformat(written).tzinfo == UTC
    assert Progress.from_cursor(sensor.cursor).started == {str(WEEK): deliveries(sensor.lake)[WEEK]}


def test_nothing_is_started_twice(sensor: Sensor) -> None:
    """Not while the round is under way, not after it, and not for a country that failed for good."""
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)
    assert sensor.looks(MONDAY + MINUTE) == []
    sensor.finish("DEU", "AUT")
    sensor.end(sensor.run_of("POL"), DagsterRunStatus.FAILURE)
    assert sensor.looks(MONDAY + 2 * MINUTE) == []
    assert "Every delivered week has been started" in sensor.said


def test_a_lost_cursor_starts_nothing_twice(sensor: Sensor) -> None:
    """What is refreshed is known from its materialization; what failed gets the run key that it had."""
    sensor.deliver(WEEK)
    [key] = [key for key in sensor.looks(MONDAY) if key.endswith("POL")]
    sensor.finish("DEU", "AUT")
    sensor.end(sensor.run_of("POL"), DagsterRunStatus.FAILURE)
    sensor.forgets()
    assert sensor.looks(MONDAY + MINUTE) == [key]


def test_a_redelivered_week_is_started_once_more(sensor: Sensor) -> None:
    """Under keys of its own, for every country."""
    sensor.deliver(WEEK)
    first = sensor.looks(MONDAY)
    sensor.finish()
    sensor.redeliver(WEEK)
    second = sensor.looks(MONDAY + MINUTE)
    assert len(second) == len(COUNTRIES)
    assert not set(first) & set(second)
    sensor.finish()
    assert sensor.looks(MONDAY + 2 * MINUTE) == []


def test_what_the_command_line_or_the_page_refreshed_is_not_started_again(sensor: Sensor) -> None:
    """The recorded materializations of that very delivery count, whatever made them."""
    sensor.deliver(WEEK)
    for country in COUNTRIES:
        sensor.settle(WEEK, country)
    assert sensor.looks(MONDAY) == []


def test_only_the_countries_that_are_missing_are_started(sensor: Sensor) -> None:
    """Those that were refreshed from an earlier delivery are missing, too."""
    sensor.deliver(WEEK)
    sensor.settle(WEEK, "DEU")
    sensor.redeliver(WEEK)
    sensor.settle(WEEK, "AUT")
    assert sorted(key[-3:] for key in sensor.looks(MONDAY)) == ["DEU", "POL"]


def test_a_week_archived_below_a_newer_one_is_settled(sensor: Sensor) -> None:
    """Its refresh was not attempted, which an observation says; that is no reason to run it again."""
    sensor.deliver(WEEK)
    for country in COUNTRIES:
        sensor.settle(WEEK, country, superseded_by=NEXT_WEEK)
    assert sensor.looks(NEXT_MONDAY) == []


def test_every_delivery_is_recorded_with_its_stamp(sensor: Sensor) -> None:
    """The snapshot's asset has one record of each."""
    sensor.deliver(WEEK)
    stamps = [find_snapshot(sensor.lake, WEEK).stamp]
    sensor.looks(MONDAY)
    sensor.finish()
    sensor.looks(MONDAY + MINUTE)
    sensor.redeliver(WEEK)
    stamps.append(find_snapshot(sensor.lake, WEEK).stamp)
    sensor.looks(MONDAY + 2 * MINUTE)
    records = sensor.instance.fetch_materializations(SNAPSHOT, limit=10, ascending=True).records
    events = [record.asset_materialization for record in records]
    assert [event.metadata[STAMP].value for event in events if event] == stamps


def test_a_round_that_has_had_its_day_is_canceled_and_not_retried(sensor: Sensor) -> None:
    """Counted from its first run: what is left is canceled, one that waits for its retry gets none; reported once."""
    now = datetime.now(UTC)
    week_before, week = last_two_weeks(sensor, now)
    sensor.looks(now)
    sensor.finish("DEU")
    assert sensor.looks(now + 23 * HOUR) == []
    lost = sensor.run_of("POL")
    sensor.instance.add_run_tags(lost.run_id, {"dagster/will_retry": "true"})
    sensor.end(lost, DagsterRunStatus.FAILURE)
    assert sensor.run_of("AUT").status == DagsterRunStatus.QUEUED
    assert sensor.looks(now + 25 * HOUR) == []
    assert "canceled AUT, POL" in sensor.said
    assert sensor.run_of("AUT").status == DagsterRunStatus.CANCELED
    for country in ("AUT", "POL"):
        tags = sensor.run_of(country).tags
        assert (tags["dagster/max_retries"], tags["dagster/will_retry"]) == ("0", "false")
    assert sensor.observed("Round limit reached") == [str(week)]
    assert {key[:10] for key in sensor.looks(now + 26 * HOUR)} == {str(week_before)}


def test_a_worker_that_takes_no_cancellation_does_not_save_the_others(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look does not fail; the runs behind it are canceled, too, and the end of the day is reported once."""
    now = datetime.now(UTC)
    _, week = last_two_weeks(sensor, now)
    sensor.looks(now)
    silent = sensor.run_of("AUT")
    coordinator = sensor.instance.run_coordinator
    cancel = coordinator.cancel_run

    def cancel_unless_silent(run_id: str) -> bool:
        if run_id == silent.run_id:
            raise ConnectionError("no answer")
        return cancel(run_id)

    monkeypatch.setattr(coordinator, "cancel_run", cancel_unless_silent)
    for hours in (25, 26):
        assert sensor.looks(now + hours * HOUR) == []
    assert {sensor.run_of(country).status for country in ("DEU", "POL")} == {DagsterRunStatus.CANCELED}
    assert sensor.observed("Round limit reached") == [str(week)]


def test_a_cursor_of_the_version_before_is_read(sensor: Sensor) -> None:
    assert Progress.from_cursor('{"round": "2026-02-09@ab", "started": {"2026-02-09": 5}}') == Progress({str(WEEK): 5})


def test_a_round_waits_while_a_command_prices_its_week(sensor: Sensor) -> None:
    """As `make ui` does beside `make run`: its countries are not priced a second time, and what it leaves is."""
    sensor.deliver(WEEK)
    by_command = {WEEK_TAG: str(WEEK), COUNTRY_TAG: "DEU"}
    run = create_run_for_test(sensor.instance, JOB, status=DagsterRunStatus.STARTED, tags=by_command)
    began = sensor.instance.get_run_record_by_id(run.run_id).create_timestamp

    assert sensor.looks(began + MINUTE) == []
    assert "under way beside it: DEU" in sensor.said

    sensor.settle(WEEK, "DEU")
    sensor.end(run, DagsterRunStatus.SUCCESS)
    assert sensor.looks(began + MINUTE) == []
    assert "just ended beside it" in sensor.said
    assert [key.split(":")[1] for key in sensor.looks(began + 10 * MINUTE)] == ["AUT", "POL"]


def _take(instance: dg.DagsterInstance, run: dg.DagsterRun, seconds: float) -> None:
    """The run succeeds after so many seconds."""
    began = datetime.now(UTC)
    for kind, at in (
        (dg.DagsterEventType.RUN_START, began),
        (dg.DagsterEventType.RUN_SUCCESS, began + timedelta(seconds=seconds)),
    ):
        event = dg.DagsterEvent(event_type_value=kind.value, job_name=JOB)
        instance.run_storage.handle_run_event(run.run_id, event, update_timestamp=at)
