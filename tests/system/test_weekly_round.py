"""The weekly round of all countries and of some, end to end: the real daemon, HDFS and PostgreSQL, 20 articles each.

The rounds are looked at from every side: the first delivery, in which the daemon is killed, and, of three countries, a
re-delivery with one that is broken.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster import DagsterRunStatus
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, RUN_KEY_TAG

from markdown_pricing.erp.refresh import Receipt
from markdown_pricing.lake.paths import predictions_file
from markdown_pricing.lake.snapshot import find_snapshot
from markdown_pricing.orchestration.names import COUNTRY_TAG, NOT_RETRIED_TAG, ROUND_TAG
from markdown_pricing.weeks import due_weeks
from tests.lake.tables import row_count
from tests.postgres.server import PostgresServer
from tests.processes import wait_until
from tests.system.installation import ARTICLES, POOL, Installation, installation, write_countries

pytestmark = pytest.mark.timeout(3600)

THREE, ALL = "three countries", "all countries"
redelivered = pytest.mark.parametrize("shop", [THREE], indirect=True, scope="module")
BROKEN = "HUN"
SOME = ("DEU", "HUN", "MLT")


@pytest.fixture(scope="module")
def week() -> date:
    """The newest week that is due, so that the calendar decides nothing."""
    now = datetime.now(UTC)
    return list(due_weeks(date(2020, 1, 6), now))[-1]


@pytest.fixture(scope="module", params=[THREE, ALL])
def shop(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    hdfs: str,
    postgres: PostgresServer,
    week: date,
) -> Iterator[Installation]:
    """Some or all countries; the week is due."""
    folder = tmp_path_factory.mktemp("shop")
    file = write_countries(folder, SOME) if request.param == THREE else None
    with installation(folder, hdfs, postgres, start_week=week, countries_file=file) as shop:
        yield shop


@pytest.fixture(scope="module")
def sales(shop: Installation, week: date) -> dict[str, list[Any]]:
    return shop.sales_of(week)


@dataclass(frozen=True)
class Round:
    """What was seen of one round."""

    delivered_at: float
    stamp: str
    runs: list[dg.RunRecord]
    ticks: list[InstigatorTick]
    receipts: dict[str, list[Receipt]]
    runs_when_killed: int = 0
    runs_before_success: int = 0
    ticks_before_success: tuple[InstigatorTick, ...] = ()

    @property
    def by_country(self) -> dict[str, dg.DagsterRun]:
        return {run.dagster_run.tags[COUNTRY_TAG]: run.dagster_run for run in self.runs}


@pytest.fixture(scope="module")
def first_round(shop: Installation, week: date, sales: dict[str, list[Any]]) -> Round:
    """The parts arrive, some looks later `_SUCCESS`; the daemon is killed while it submits, and started again."""
    shop.start_daemon()
    shop.deliver(week, sales, success=False)
    waiting = shop.wait_for_looks(2)
    before = len(shop.statuses())
    delivered_at = shop.complete(week)
    wait_until("the round has begun", lambda: shop.statuses(), 300, shop.log_tail, every_s=0.02)
    shop.kill_daemon()
    submitted = len(shop.statuses())
    shop.start_daemon()
    shop.wait_for_runs(len(shop.countries))
    shop.wait_for_looks(2)
    return Round(
        delivered_at,
        find_snapshot(shop.lake, week).stamp,
        shop.runs(),
        shop.ticks(since=waiting[0].timestamp - 1),
        shop.receipts(),
        runs_when_killed=submitted,
        runs_before_success=before,
        ticks_before_success=tuple(waiting),
    )


@pytest.fixture(scope="module")
def second_round(shop: Installation, week: date, sales: dict[str, list[Any]], first_round: Round) -> Round:
    """The week is delivered once more; one country's file has lost its end."""
    shop.redeliver(week, sales | {BROKEN: [_cut_short(sales[BROKEN][0])]})
    since = time.time()
    delivered_at = shop.complete(week)
    before = {run.dagster_run.run_id for run in first_round.runs}
    shop.wait_for_runs(len(first_round.runs) + len(shop.countries))
    shop.wait_for_looks(2)
    runs = [run for run in shop.runs() if run.dagster_run.run_id not in before]
    return Round(delivered_at, find_snapshot(shop.lake, week).stamp, runs, shop.ticks(since=since - 1), shop.receipts())


def _cut_short(table: pa.Table) -> bytes:
    """A Parquet file of which the second half is lost."""
    file = pa.BufferOutputStream()
    pq.write_table(table, file)
    whole: bytes = file.getvalue().to_pybytes()
    return whole[: len(whole) // 2]


def test_part_files_without_success_start_nothing(first_round: Round, week: date) -> None:
    """A snapshot that is still being written is none; the sensor says for which week it waits."""
    assert first_round.runs_before_success == 0
    for tick in first_round.ticks_before_success:
        assert tick.status == TickStatus.SKIPPED
        assert f"Waiting for {week}" in str(tick.skip_reason)


def test_the_round_starts_within_a_tick_of_success(first_round: Round, capsys: pytest.CaptureFixture[str]) -> None:
    """No look of the sensor passes between the arrival of `_SUCCESS` and the one that starts the round."""
    starting = next(tick for tick in first_round.ticks if tick.run_requests)
    between = [tick for tick in first_round.ticks if first_round.delivered_at < tick.timestamp < starting.timestamp]
    assert between == []
    first_run = min(run.create_timestamp for run in first_round.runs).timestamp()
    with capsys.disabled():
        print(f"\nfirst run {first_run - first_round.delivered_at:.1f} s after _SUCCESS")


def test_a_daemon_killed_while_it_submits_starts_nothing_twice_and_forgets_nothing(
    first_round: Round, shop: Installation
) -> None:
    """kill -9 after the first of the runs were created: in the end each country has one, under a key of its own."""
    assert 0 < first_round.runs_when_killed < len(shop.countries), "the daemon was not killed while it submitted"
    submitted = [run.dagster_run for run in first_round.runs if PARENT_RUN_ID_TAG not in run.dagster_run.tags]
    assert Counter(run.tags[COUNTRY_TAG] for run in submitted) == Counter(list(shop.countries))
    assert len({run.tags[RUN_KEY_TAG] for run in submitted}) == len(shop.countries)
    assert {run.tags[ROUND_TAG].partition("@")[2] for run in submitted} == {first_round.stamp}


def test_never_more_runs_at_once_than_the_pool_has_slots(first_round: Round, shop: Installation) -> None:
    """Two slots: two runs in STARTING or STARTED, and at some moment both are used."""
    assert shop.most_at_once == POOL


def test_every_country_is_refreshed_from_the_delivery(first_round: Round, shop: Installation, week: date) -> None:
    """Each country has one receipt of the week, for all its articles, by its own run."""
    assert {run.status for run in first_round.by_country.values()} == {DagsterRunStatus.SUCCESS}
    for country, receipts in first_round.receipts.items():
        assert [(receipt.week, receipt.articles) for receipt in receipts] == [(week, ARTICLES)], country
        assert receipts[0].run_id == first_round.by_country[country].run_id


def test_the_predictions_of_every_country_are_back_on_hdfs(first_round: Round, shop: Installation, week: date) -> None:
    rows = {country: row_count(shop.lake, predictions_file(week, country)) for country in shop.countries}
    assert rows == dict.fromkeys(shop.countries, ARTICLES)


@redelivered
def test_a_redelivery_is_priced_exactly_once_more(second_round: Round, shop: Installation) -> None:
    """A run for each country, under the new delivery's name, and none after it."""
    assert Counter(run.dagster_run.tags[COUNTRY_TAG] for run in second_round.runs) == Counter(list(shop.countries))
    assert {run.dagster_run.tags[ROUND_TAG].partition("@")[2] for run in second_round.runs} == {second_round.stamp}
    # What the countries share first, then the countries.
    assert sum(bool(tick.run_requests) for tick in second_round.ticks) == 2


@redelivered
def test_a_broken_country_fails_alone(first_round: Round, second_round: Round, shop: Installation) -> None:
    """The others have a second receipt; the broken country keeps the rows that it had."""
    failed = {country for country, run in second_round.by_country.items() if run.status != DagsterRunStatus.SUCCESS}
    assert failed == {BROKEN}
    for country, receipts in second_round.receipts.items():
        rounds = [first_round] if country == BROKEN else [first_round, second_round]
        assert [receipt.run_id for receipt in receipts] == [each.by_country[country].run_id for each in rounds]
    assert shop.content_hashes()[BROKEN] == first_round.receipts[BROKEN][0].content_hash


@redelivered
def test_bad_data_is_not_retried_and_the_run_says_so(second_round: Round) -> None:
    run = second_round.by_country[BROKEN]
    assert run.tags[NOT_RETRIED_TAG] == "CorruptFile"
    assert "dagster/auto_retry_run_id" not in run.tags
