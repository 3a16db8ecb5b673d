"""The facts of a look, as they are gathered from Dagster, the lake and the ERP."""

from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from markdown_pricing.orchestration.facts import gather
from markdown_pricing.orchestration.situation import Progress, RunState
from markdown_pricing.weeks import ONE_WEEK
from tests.orchestration.looks import COUNTRIES, MINUTE, MONDAY, NEXT_MONDAY, NEXT_WEEK, PARTITIONS, WEEK, Sensor


def test_the_facts_hold_every_run_under_way_whatever_started_it(sensor: Sensor) -> None:
    """The sensor, a page or a command line; a failed run whose retry is promised; and what has ended beside a round."""
    sensor.deliver(WEEK)
    sensor.looks(MONDAY)
    sensor.finish("DEU", "AUT")
    by_page = {"dagster/partition/week": str(WEEK), "dagster/partition/country": "DEU"}
    create_run_for_test(sensor.instance, "__ASSET_JOB", status=DagsterRunStatus.STARTED, tags=by_page)
    create_run_for_test(sensor.instance, "__ASSET_JOB", status=DagsterRunStatus.FAILURE, tags=by_page)
    promised = {**by_page, "dagster/will_retry": "true"}
    create_run_for_test(sensor.instance, "__ASSET_JOB", status=DagsterRunStatus.FAILURE, tags=promised)

    runs = gather(sensor.instance, sensor.lake, sensor.erp, PARTITIONS, Progress(), MONDAY + MINUTE).runs

    assert sorted((run.week, run.country, bool(run.round), run.state.name) for run in runs if not run.shared) == [
        (str(WEEK), "DEU", False, RunState.AWAITS_RETRY.name),
        (str(WEEK), "DEU", False, RunState.OVER.name),
        (str(WEEK), "DEU", False, RunState.UNDER_WAY.name),
        (str(WEEK), "POL", True, RunState.UNDER_WAY.name),
    ]


def test_deliveries_are_looked_into_up_to_the_first_with_a_country_to_price(sensor: Sensor) -> None:
    """Later ones are known by their time alone: a long catch-up lists no files of a hundred weeks each minute."""
    newest = NEXT_WEEK + ONE_WEEK
    for week in (WEEK, NEXT_WEEK, newest):
        sensor.deliver(week)
    for country in COUNTRIES:
        sensor.settle(newest, country)

    facts = gather(sensor.instance, sensor.lake, sensor.erp, PARTITIONS, Progress(), NEXT_MONDAY + ONE_WEEK)

    assert list(facts.delivered) == [WEEK, NEXT_WEEK, newest]
    assert [delivery.week for delivery in facts.deliveries] == [newest, NEXT_WEEK]
    assert {receipt.country for receipt in facts.receipts} == set(COUNTRIES)
