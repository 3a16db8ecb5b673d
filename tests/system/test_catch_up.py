"""Weeks that were missed, came late or were cut off by a dead worker, with the real daemon, HDFS and PostgreSQL.

Three countries, three due weeks. The two newer ones are delivered before the daemon is up; while it catches up, a
worker is killed. The oldest week comes last.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, RETRY_NUMBER_TAG
from sqlalchemy import text

from markdown_pricing.erp.refresh import Receipt
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.snapshot import find_snapshot
from markdown_pricing.orchestration.names import COUNTRY_TAG, REFRESH, SUPERSEDED_BY, WEEK_TAG
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.weeks import due_weeks
from tests.postgres.server import PostgresServer
from tests.processes import wait_until
from tests.system.installation import ARTICLES, Installation, installation, write_countries

pytestmark = pytest.mark.timeout(1200)

CODES = ("DEU", "POL", "HUN")
FLOW = ["decisions", "training_data", "demand_model", "markdown_predictions", "erp_refresh"]


@pytest.fixture(scope="module")
def weeks() -> tuple[date, date, date]:
    """The last three due weeks, oldest first, so that the calendar decides nothing."""
    *_, oldest, older, newest = due_weeks(date(2020, 1, 6), datetime.now(UTC))
    return oldest, older, newest


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, hdfs: str, postgres: PostgresServer, weeks: tuple[date, date, date]
) -> Iterator[Installation]:
    """Three countries, in a file of their own; all three weeks are due."""
    folder = tmp_path_factory.mktemp("small_shop")
    with installation(folder, hdfs, postgres, weeks[0], countries_file=write_countries(folder, CODES)) as shop:
        yield shop


@dataclass(frozen=True)
class CaughtUp:
    """What was seen of the two missed weeks."""

    runs: list[dg.RunRecord]
    killed: str
    receipts: dict[str, list[Receipt]]
    content_hashes: dict[str, str]


@pytest.fixture(scope="module")
def caught_up(shop: Installation, weeks: tuple[date, date, date]) -> CaughtUp:
    """Both weeks priced; of the newest, which comes first, a worker is killed while it waits to write to the ERP."""
    _, older, newest = weeks
    for week in (newest, older):
        shop.deliver(week, shop.sales_of(week))
    with shop.erp.connect() as lock:
        # The sensor may read the receipts.
        lock.execute(text("LOCK TABLE markdown_refreshes IN SHARE MODE"))
        shop.start_daemon()
        killed = wait_until("a run wants to write to the ERP", lambda: _at_the_erp(shop), 300, shop.state)
        os.kill(shop.worker_of(killed), signal.SIGKILL)
        wait_until("its end is seen", lambda: _status(shop, killed) == DagsterRunStatus.FAILURE, 120, shop.state)
    runs = shop.wait_for_runs(2 * len(CODES) + 1)
    shop.wait_for_looks(2)
    return CaughtUp(runs, killed, shop.receipts(), shop.content_hashes())


def _at_the_erp(shop: Installation) -> str | None:
    """A run whose last step has begun."""
    ids = [run.dagster_run.run_id for run in shop.runs() if run.dagster_run.status == DagsterRunStatus.STARTED]
    return next((run_id for run_id in ids if "erp_refresh" in shop.steps(run_id)), None)


def _status(shop: Installation, run_id: str) -> DagsterRunStatus:
    run = shop.instance.get_run_by_id(run_id)
    assert run
    return run.status


@pytest.fixture(scope="module")
def archived(shop: Installation, weeks: tuple[date, date, date], caught_up: CaughtUp) -> list[dg.RunRecord]:
    """The runs of the oldest week, which is delivered when newer ones are in the ERP."""
    shop.deliver(weeks[0], shop.sales_of(weeks[0]))
    shop.wait_for_runs(len(caught_up.runs) + len(CODES))
    shop.wait_for_looks(2)
    return shop.runs(weeks[0])


def test_missed_weeks_are_caught_up_newest_first_one_round_at_a_time(
    caught_up: CaughtUp, weeks: tuple[date, date, date]
) -> None:
    """The older week's first run is created when the newer week's last one, a retry included, has ended."""
    _, older, newest = (
        [run for run in caught_up.runs if run.dagster_run.tags[WEEK_TAG] == str(week)] for week in weeks
    )
    assert (len(older), len(newest)) == (len(CODES), len(CODES) + 1)
    assert max(run.end_time or 0 for run in newest) < min(run.create_timestamp.timestamp() for run in older)


def test_a_week_that_was_not_delivered_holds_nobody_up(caught_up: CaughtUp, weeks: tuple[date, date, date]) -> None:
    """The oldest of the three is missing, and the others are done."""
    assert {run.dagster_run.tags[WEEK_TAG] for run in caught_up.runs} == {str(week) for week in weeks[1:]}


def test_each_run_reads_its_own_week(caught_up: CaughtUp, shop: Installation, weeks: tuple[date, date, date]) -> None:
    """What a week's results were made from is that week's delivery, whenever they were made."""
    for week in weeks[1:]:
        stamp = find_snapshot(shop.lake, week).stamp
        for country in CODES:
            kept, origin = Results(shop.lake, week, country).recommendations.read()
            assert origin.snapshot == stamp
            assert {str(found)[:10] for found in kept.rows["week"]} == {str(week)}
            assert len(kept.rows) == ARTICLES


def test_the_erp_holds_the_newest_week_in_the_end(caught_up: CaughtUp, weeks: tuple[date, date, date]) -> None:
    """It was refreshed once; the older week, priced after it, went to the lake alone."""
    for country, receipts in caught_up.receipts.items():
        assert [receipt.week for receipt in receipts] == [weeks[2]], country
        assert caught_up.content_hashes[country] == receipts[-1].content_hash


def test_a_killed_worker_is_replaced_from_where_it_stopped(caught_up: CaughtUp, shop: Installation) -> None:
    """kill -9 of a run's process: one retry, which executes only the step that had not ended."""
    retries = [run.dagster_run for run in caught_up.runs if RETRY_NUMBER_TAG in run.dagster_run.tags]
    assert [(run.tags[RETRY_NUMBER_TAG], run.tags[PARENT_RUN_ID_TAG]) for run in retries] == [("1", caught_up.killed)]
    [retry] = retries
    assert retry.status == DagsterRunStatus.SUCCESS
    assert set(shop.steps(caught_up.killed)) >= set(FLOW)
    assert shop.steps(retry.run_id) == ["erp_refresh"]
    receipts = caught_up.receipts[retry.tags[COUNTRY_TAG]]
    assert receipts[0].run_id == retry.run_id


def test_a_week_older_than_the_erps_is_trained_and_archived(
    archived: list[dg.RunRecord], shop: Installation, weeks: tuple[date, date, date]
) -> None:
    """Its runs succeed, and its predictions lie on HDFS, made from that week's delivery."""
    assert [run.dagster_run.status for run in archived] == [DagsterRunStatus.SUCCESS] * len(CODES)
    stamp = find_snapshot(shop.lake, weeks[0]).stamp
    assert {Results(shop.lake, weeks[0], country).recommendations.read()[1].snapshot for country in CODES} == {stamp}


def test_a_week_older_than_the_erps_leaves_the_erp_as_it_was(
    archived: list[dg.RunRecord], caught_up: CaughtUp, shop: Installation
) -> None:
    assert shop.content_hashes() == caught_up.content_hashes
    assert shop.receipts() == caught_up.receipts


def test_the_refresh_of_an_older_week_stays_empty_and_names_the_newer_one(
    archived: list[dg.RunRecord], shop: Installation, weeks: tuple[date, date, date]
) -> None:
    """The partition of erp_refresh is not materialized; an observation says which week the ERP holds."""
    partitions = [str(partition_key(weeks[0], country)) for country in CODES]
    only_these = dg.AssetRecordsFilter(REFRESH, asset_partitions=partitions)
    assert shop.instance.fetch_materializations(only_these, limit=10).records == []
    observed = [record.asset_observation for record in shop.instance.fetch_observations(only_these, limit=10).records]
    assert sorted(str(event.partition) for event in observed if event) == sorted(partitions)
    assert {str(event.metadata[SUPERSEDED_BY].value) for event in observed if event} == {str(weeks[2])}
