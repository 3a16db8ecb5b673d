"""A round on this machine without a server: what a dead worker costs, and what an earlier round has done already."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG

from markdown_pricing.countries import read_countries
from markdown_pricing.erp.database import Erp
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration import local_round
from markdown_pricing.orchestration.dagster_home import make_dagster_home
from markdown_pricing.orchestration.local_round import LocalRound
from markdown_pricing.orchestration.lost_runs import Places
from markdown_pricing.orchestration.names import COUNTRY_TAG, PREDICTIONS, REFRESH
from markdown_pricing.orchestration.outcome import FAILED, REFRESHED, RunOutcome
from markdown_pricing.orchestration.partitions import partition_key
from tests import mortal
from tests.quick import STEADY, deliver
from tests.storage import make_storage

WEEK = date(2026, 2, 9)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """An installation of three countries whose workers may be killed."""
    lake, erp = Lake(str(tmp_path / "lake")), Erp(f"sqlite:///{tmp_path}/erp.sqlite")
    for name, value in {
        "MARKDOWN_PRICING_LAKE": lake.url,
        "MARKDOWN_PRICING_ERP": erp.url,
        "MARKDOWN_PRICING_MODEL": STEADY,
        "MARKDOWN_PRICING_LOG": "off",
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }.items():
        monkeypatch.setenv(name, value)
    make_storage(tmp_path / "dagster")
    make_dagster_home(tmp_path / "dagster")
    monkeypatch.setattr(local_round, "on_a_stop", lambda: lambda: False)
    return Places(lake, erp, read_countries())


def test_a_killed_worker_costs_only_its_own_country(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is tried once more in a fresh process, after the others; a second death is final. The command goes on."""
    monkeypatch.setattr(local_round, "price_country", mortal.price)

    with LocalRound(WEEK, 1, places) as a_round:
        answers = list(a_round.price(["POL", "HUN", "DEU", "AUT", "NLD"]))

    *priced, failed = answers
    assert priced == ["DEU", "AUT", "NLD", "POL"]
    assert isinstance(failed, RunOutcome)
    assert (failed.country, failed.status) == ("HUN", FAILED)
    assert failed.message == (
        "Its worker process was killed by SIGKILL, as in the attempt before. The ERP keeps the rows that it had."
    )


def test_what_a_killed_worker_had_done_counts(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """AUT's dies after the ERP's commit: it is refreshed. HUN's dies before it: a second run refreshes it."""
    deliver(places.lake, WEEK, ("AUT", "HUN"), articles=4)
    monkeypatch.setattr(local_round, "price_country", mortal.price_in_dagster)

    with LocalRound(WEEK, 2, places) as a_round:
        outcomes = {outcome.country: outcome for outcome in a_round.price(["AUT", "HUN"])}

    assert {code: (each.status, each.articles) for code, each in outcomes.items()} == {
        "AUT": (REFRESHED, 4),
        "HUN": (REFRESHED, 4),
    }
    receipts = places.erp.last_receipts()
    with dg.DagsterInstance.get() as instance:
        runs = {code: instance.get_runs(dg.RunsFilter(tags={COUNTRY_TAG: code})) for code in ("AUT", "HUN")}
        refreshed = {code: materialized(instance, REFRESH, code) for code in runs}
        assert materialized(instance, PREDICTIONS, "AUT").run_id == receipts["AUT"].run_id
    assert [run.status for run in runs["AUT"]] == [dg.DagsterRunStatus.SUCCESS]
    assert [run.status for run in runs["HUN"]] == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    assert runs["HUN"][0].parent_run_id == runs["HUN"][1].run_id
    assert runs["HUN"][1].tags[AUTO_RETRY_RUN_ID_TAG] == runs["HUN"][0].run_id
    for code, record in refreshed.items():
        assert record.run_id == receipts[code].run_id == outcomes[code].run_id
        assert record.asset_materialization.metadata["Content hash"].value == receipts[code].content_hash


def materialized(instance: dg.DagsterInstance, asset: dg.AssetKey, country: str) -> dg.EventLogRecord:
    wanted = dg.AssetRecordsFilter(asset, asset_partitions=[partition_key(WEEK, country)])
    return instance.fetch_materializations(wanted, limit=1).records[0]
