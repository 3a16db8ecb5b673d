"""The sensor as tests see it: at a `now` of their choosing, with no daemon, a local lake and Dagster in memory."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test

from markdown_pricing.erp.database import Erp
from markdown_pricing.erp.errors import ErpUnreachable
from markdown_pricing.erp.refresh import Receipt
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import Lake
from markdown_pricing.lake.snapshot import find_snapshot
from markdown_pricing.orchestration.automation import look
from markdown_pricing.orchestration.names import (
    CONTENT_HASH,
    COUNTRY_TAG,
    JOB,
    REFRESH,
    REFRESHED_AT,
    SHARED,
    SHARED_JOB,
    SNAPSHOT,
    STAMP,
    STAMP_TAG,
    SUPERSEDED_BY,
    WEEK_TAG,
)
from markdown_pricing.orchestration.partitions import partition_key, week_and_country
from markdown_pricing.orchestration.situation import Progress
from markdown_pricing.provenance import provenance
from markdown_pricing.weeks import ONE_WEEK, due_weeks, opens_at
from tests.lake import spark
from tests.priced import NOTHING_PRICED

WEEK = date(2026, 2, 9)
NEXT_WEEK = WEEK + ONE_WEEK
COUNTRIES = ("DEU", "AUT", "POL")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LOCATION = RemoteRepositoryOrigin(GrpcServerCodeLocationOrigin("nowhere", 1), "__repository__")
PARTITIONS = week_and_country(WEEK, COUNTRIES)
MONDAY = opens_at(WEEK)
NEXT_MONDAY = opens_at(NEXT_WEEK)


@dataclass(frozen=True)
class ErpOfReceipts(Erp):
    """Tells the receipts that the test has put into it, or, when it is away, nothing."""

    url: str = "sqlite:///nowhere"
    receipts: dict[str, Receipt] = field(default_factory=dict)
    away: list[ErpUnreachable] = field(default_factory=list)

    def last_receipts(self) -> dict[str, Receipt]:
        if self.away:
            raise self.away[0]
        return dict(self.receipts)


class Sensor:
    """The sensor's looks one after the other, each with the cursor that the last one left.

    Unless a test takes `shares` away, what the countries share is learnt at once whenever it is asked for.
    """

    def __init__(self, instance: dg.DagsterInstance, lake: Lake) -> None:
        self.instance, self.lake, self.cursor = instance, lake, ""
        self.erp = ErpOfReceipts()
        self.partitions = PARTITIONS
        self.shares = True

    def looks(self, now: datetime) -> list[str]:
        """The run keys that this look asks for; they become queued runs, as the daemon makes them."""
        keys = self._looks(now)
        if not self.shares or not keys or not keys[0].endswith(SHARED_JOB):
            return keys
        self.share()
        return self._looks(now)

    def share(self) -> None:
        """What the worker does: the result is recorded, and its run succeeds."""
        run = self.shared_run()
        self.record_shared(date.fromisoformat(run.tags[WEEK_TAG]), run.tags[STAMP_TAG])
        self.end(run, DagsterRunStatus.SUCCESS)

    def record_shared(self, week: date, stamp: str) -> None:
        event = dg.AssetMaterialization(SHARED, partition=str(week), metadata={STAMP: stamp})
        self.instance.report_runless_asset_event(event)

    def shared_run(self) -> dg.DagsterRun:
        """The newest one."""
        return next(iter(self.instance.get_runs(dg.RunsFilter(job_name=SHARED_JOB))))

    def _looks(self, now: datetime) -> list[str]:
        result = look(self.instance, self.lake, self.erp, self.partitions, Progress.from_cursor(self.cursor), now)
        assert result.cursor
        self.cursor = result.cursor
        self.said = str(result.skip_reason.skip_message if result.skip_reason else "")
        self.requests = list(result.run_requests or [])
        for event in result.asset_events:
            assert isinstance(event, dg.AssetMaterialization)
            self.instance.report_runless_asset_event(event)
        for request in self.requests:
            assert request.job_name
            create_run_for_test(
                self.instance,
                request.job_name,
                status=DagsterRunStatus.QUEUED,
                tags=dict(request.tags),
                remote_job_origin=LOCATION.get_job_origin(request.job_name),
            )
        return [str(request.run_key) for request in self.requests]

    def forgets(self) -> None:
        self.cursor = ""

    def deliver(self, week: date) -> None:
        spark.deliver(self.lake, {country: [spark.sales()] for country in COUNTRIES}, week)

    def redeliver(self, week: date) -> None:
        spark.take_away(self.lake, f"markdown_training_data/{week}")
        spark.deliver(self.lake, {country: [spark.sales(7)] for country in COUNTRIES}, week)

    def deliver_only(self, week: date, *countries: str) -> None:
        spark.deliver(self.lake, {country: [spark.sales()] for country in countries}, week)

    def runs(self) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(job_name=JOB)))

    def run_of(self, country: str) -> dg.DagsterRun:
        """The newest one."""
        return next(run for run in self.runs() if run.tags[COUNTRY_TAG] == country)

    def finish(self, *countries: str, refreshed: bool = True) -> None:
        """What the daemon and the workers do: the runs of the round succeed, and each leaves its event behind."""
        for run in self.runs():
            if not run.is_finished and run.tags[COUNTRY_TAG] in (countries or COUNTRIES):
                if refreshed:
                    self.settle(date.fromisoformat(run.tags[WEEK_TAG]), run.tags[COUNTRY_TAG])
                self.end(run, DagsterRunStatus.SUCCESS)

    def settle(self, week: date, country: str, superseded_by: date | None = None) -> None:
        """The event of a refresh that anything may have started: command line, page or sensor."""
        stamp = find_snapshot(self.lake, week).stamp
        kind = dg.AssetObservation if superseded_by else dg.AssetMaterialization
        at, digest = datetime.now(UTC), uuid4().hex
        metadata: dict[str, Any] = {STAMP: stamp}
        if superseded_by:
            metadata[SUPERSEDED_BY] = str(superseded_by)
        else:
            metadata |= {CONTENT_HASH: digest, REFRESHED_AT: dg.MetadataValue.timestamp(at)}
            self.erp.receipts[country] = Receipt(country, week, "", at, 1, 1, Decimal(1), digest, at)
        self.instance.report_runless_asset_event(
            kind(REFRESH, partition=str(partition_key(week, country)), metadata=metadata)
        )

    def predict(self, week: date, country: str) -> None:
        """Predictions on the lake, made from the week's delivery."""
        origin = provenance(week, country, find_snapshot(self.lake, week).stamp)
        Results(self.lake, week, country).recommendations.keep(NOTHING_PRICED, origin)

    def end(self, run: dg.DagsterRun, status: DagsterRunStatus) -> None:
        kinds = {
            DagsterRunStatus.SUCCESS: dg.DagsterEventType.RUN_SUCCESS,
            DagsterRunStatus.FAILURE: dg.DagsterEventType.RUN_FAILURE,
        }
        self.instance.report_dagster_event(event_of(run, kinds[status]), run_id=run.run_id)

    def observed(self, label: str) -> list[str]:
        """The weeks about which `label` was recorded, oldest record first."""
        records = self.instance.fetch_observations(SNAPSHOT, limit=1000, ascending=True).records
        events = [record.asset_observation for record in records]
        return [str(event.partition) for event in events if event and label in event.metadata]


def last_two_weeks(sensor: Sensor, now: datetime) -> tuple[date, date]:
    """Both delivered; runs are created at the clock's time, which no test chooses."""
    *_, week, next_week = due_weeks(date(2020, 1, 6), now)
    sensor.partitions = week_and_country(week, COUNTRIES)
    sensor.deliver(week)
    sensor.deliver(next_week)
    return week, next_week


def event_of(run: dg.DagsterRun, kind: dg.DagsterEventType) -> dg.DagsterEvent:
    return dg.DagsterEvent(event_type_value=kind.value, job_name=run.job_name)
