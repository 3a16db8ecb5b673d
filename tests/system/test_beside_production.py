"""A test installation beside production: its runs write to places of its own, and have no right to production's."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hdfs_native import Client
from sqlalchemy import make_url, select

from markdown_pricing.countries import read_countries
from markdown_pricing.erp.refresh import content_hash
from markdown_pricing.erp.tables import engine_for, ensure_tables, refreshes
from markdown_pricing.installation.settings import TEST_SCHEMA
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.sample.deliver import deliver_sample
from markdown_pricing.weeks import parse_week
from tests.postgres.server import PostgresServer

WEEK, COUNTRY = "2026-02-09", "MLT"
PASSWORD = "of-the-test"
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


@dataclass(frozen=True)
class Installation:
    """Production's settings, and what a test changes of them."""

    environment: dict[str, str]
    owner: str

    def run(self, **changes: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "markdown_pricing", "run", "--week", WEEK, "--countries", COUNTRY]
        environment = {**os.environ, **self.environment, **changes}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)

    def run_as_test(self, **changes: str) -> "subprocess.CompletedProcess[str]":
        return self.run(DB_USER="pricing_test", DB_PASSWORD=PASSWORD, HADOOP_USER_NAME="pricing_test", **changes)

    @property
    def lake(self) -> Lake:
        return Lake(self.environment["MARKDOWN_PRICING_LAKE"])

    def production(self) -> dict[str, object]:
        """All that production has: its files with their times, its rows, its runs."""
        files = self.lake.filesystem.find(self.lake.root, detail=True)
        ours = {name: (info["size"], info["modification_time"]) for name, info in files.items()}
        home = Path(self.environment["DAGSTER_HOME"])
        runs = {file.relative_to(home) for file in home.rglob("*") if not file.is_relative_to(home / "test")}
        erp = engine_for(self.environment["MARKDOWN_PRICING_ERP"], self.owner, None)
        return {
            "lake": {name: seen for name, seen in ours.items() if not name.startswith(f"{self.lake.root}/test/")},
            "rows": content_hash(erp, COUNTRY),
            "runs": runs,
        }

    def refreshed(self, schema: str | None) -> list[str]:
        erp = engine_for(self.environment["MARKDOWN_PRICING_ERP"], self.owner, None, schema)
        with erp.connect() as connection:
            return list(connection.execute(select(refreshes.c.country)).scalars())


def statements() -> list[str]:
    """What docs/operations.md has the owner of the databases run, as written there."""
    page = OPERATIONS.read_text().partition("## A test beside production")[2]
    block = page.partition("```sql\n")[2].partition("```")[0]
    lines = [line.partition("--")[0] for line in block.splitlines()]
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, hdfs: str, postgres: PostgresServer
) -> Iterator[Installation]:
    """Production has priced a week; its databases' owner has made the accounts of a test."""
    home = tmp_path_factory.mktemp("beside-production")
    lake, erp, storage = f"{hdfs}/{home.name}", postgres.fresh_database(), postgres.fresh_database()
    environment = {
        "MARKDOWN_PRICING_LAKE": lake,
        "MARKDOWN_PRICING_ERP": str(make_url(erp).set(username=None)),
        "MARKDOWN_PRICING_START_WEEK": WEEK,
        "MARKDOWN_PRICING_MODEL": "log_linear",
        "DAGSTER_HOME": str(home / "dagster"),
        "DB_USER": postgres.user,
        "DAGSTER_PG_DB": str(make_url(storage).database),
    }
    here = Installation(environment, postgres.user)
    for root in (lake, f"{lake}/test"):
        deliver_sample(Lake(root), parse_week(WEEK), [read_countries()[COUNTRY]], articles=4)
    give_to_test(here.lake)
    ensure_tables(engine_for(erp, postgres.user, None))
    for statement in statements():
        own = re.sub(r"\bDATABASE dagster\b", f"DATABASE {environment['DAGSTER_PG_DB']}", statement)
        postgres.execute(own.replace("…", PASSWORD), database=erp)
    priced = here.run()
    assert priced.returncode == 0, priced.stderr
    yield here
    for statement in ("DROP DATABASE dagster_test", "DROP ROLE dagster_test"):
        postgres.execute(statement)


def give_to_test(lake: Lake) -> None:
    """hdfs dfs -chown -R pricing_test <lake>/test"""
    client = Client(lake.url)
    folder = f"{lake.root}/test"
    for path in [folder, *(status.path for status in client.list_status(folder, recursive=True))]:
        client.set_owner(path, owner="pricing_test")


def test_a_test_run_prices_into_places_of_its_own(installation: Installation) -> None:
    before = installation.production()

    done = installation.run_as_test(MARKDOWN_PRICING_ENV="test", DAGSTER_PG_DB="dagster_test")

    assert done.returncode == 0, done.stderr
    assert installation.production() == before
    assert installation.refreshed(TEST_SCHEMA) == [COUNTRY]
    assert installation.lake.entry(f"test/markdown_predictions/{WEEK}/country={COUNTRY}/part-0.parquet")
    assert (Path(installation.environment["DAGSTER_HOME"]) / "test/history/runs.db").exists()


def test_the_accounts_of_a_test_can_not_write_to_production_even_when_told_to(installation: Installation) -> None:
    """Someone forgets MARKDOWN_PRICING_ENV=test: the lake refuses before anything is priced."""
    before = installation.production()

    refused = installation.run_as_test(DAGSTER_HOME=str(Path(installation.environment["DAGSTER_HOME"]) / "test"))

    assert refused.returncode == 2
    assert "Nothing can be written to a lake at" in refused.stderr
    assert installation.production() == before


@pytest.mark.parametrize(
    "table", ["markdown_recommendations", "markdown_price_path", "markdown_options", "markdown_refreshes"]
)
def test_the_erp_denies_a_test_account_productions_tables(installation: Installation, table: str) -> None:
    url = installation.environment["MARKDOWN_PRICING_ERP"]
    with (
        psycopg.connect(url, user="pricing_test", password=PASSWORD) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"DELETE FROM public.{table}")  # type: ignore[call-overload]


def test_a_test_account_can_not_reach_productions_dagster_database(installation: Installation) -> None:
    url = make_url(installation.environment["MARKDOWN_PRICING_ERP"])
    production = url.set(database=installation.environment["DAGSTER_PG_DB"]).render_as_string()
    own = url.set(database="dagster_test").render_as_string()

    psycopg.connect(own, user="dagster_test", password=PASSWORD).close()
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(production, user="dagster_test", password=PASSWORD)


def test_a_test_refuses_productions_dagster_database_by_itself(installation: Installation) -> None:
    refused = installation.run_as_test(MARKDOWN_PRICING_ENV="test")

    assert refused.returncode == 2
    assert "DAGSTER_PG_DB" in refused.stderr
