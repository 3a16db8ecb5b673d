"""What docs/operations.md has operators do, run as it is written there, on a Dagster database of a real PostgreSQL."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from textwrap import dedent
from unittest.mock import patch
from uuid import uuid4

import dagster as dg
import psycopg
import pytest
import yaml  # type: ignore[import-untyped]
from psycopg import sql
from sqlalchemy import make_url

from markdown_pricing import DATA
from markdown_pricing.erp.database import Erp
from markdown_pricing.erp.refresh import content_hash, newest_refreshed_week
from markdown_pricing.lake import Lake
from markdown_pricing.orchestration.automation import look
from markdown_pricing.orchestration.partitions import week_and_country
from markdown_pricing.orchestration.situation import Progress
from markdown_pricing.weeks import opens_at, parse_week
from tests.orchestration.test_assets import WEEK, WEEK_BEFORE, Installation
from tests.postgres.server import WITHOUT_TLS, PostgresServer
from tests.quick import deliver

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
OLD, NEW = "the-old-one", "the-new-one"


@dg.job(executor_def=dg.in_process_executor)
def nothing() -> None: ...


@dataclass(frozen=True)
class Site:
    """Dagster on PostgreSQL; `name` is that of its account and its database."""

    name: str
    home: Path
    postgres: PostgresServer

    def shell(self, commands: str) -> str:
        """As a user who may administer the database, and has the servers' environment."""
        url = make_url(self.postgres.url)
        administrator = {"PGHOST": str(url.host), "PGPORT": str(url.port), "PGUSER": self.postgres.user}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-euc", re.sub(r"\bdagster\b(?=\s|$)(?! instance)", self.name, commands)],
            env={**os.environ, **administrator, **self.environment(), "PATH": path},
            cwd=self.home,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def environment(self, password: str = OLD) -> dict[str, str]:
        return {
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_PG_HOST": str(make_url(self.postgres.url).host),
            "DAGSTER_PG_USER": self.name,
            "DAGSTER_PG_DB": self.name,
            "DAGSTER_PG_PASSWORD": password,
        }

    def runs(self, password: str = OLD) -> list[str]:
        """The runs that a server sees when it starts now."""
        with patch.dict(os.environ, self.environment(password)), dg.DagsterInstance.get() as instance:
            return [run.run_id for run in instance.get_runs()]


def block(heading: str, holding: str) -> str:
    """The commands under a heading of the page, of the block that holds a word."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    [found] = [text for text in re.findall(r"```\n(.*?)\n *```", section, re.DOTALL) if holding in text]
    return dedent(str(found))


@pytest.fixture
def site(tmp_path: Path, postgres: PostgresServer) -> Iterator[Site]:
    """An installation that has one run."""
    name = f"dagster_{uuid4().hex[:8]}"
    role = sql.Identifier(name)
    postgres.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(OLD)))
    postgres.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
    config = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())
    del config["run_launcher"]
    storage = config["storage"]["custom"]["config"]["postgres_db"]
    storage |= {"port": make_url(postgres.url).port, "params": storage["params"] | WITHOUT_TLS}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    here = Site(name, tmp_path, postgres)
    with patch.dict(os.environ, here.environment()), dg.DagsterInstance.get() as instance:
        nothing.execute_in_process(instance=instance)
    yield here
    postgres.execute(sql.SQL("DROP DATABASE {}").format(role))
    postgres.execute(sql.SQL("DROP ROLE {}").format(role))


def test_a_backup_is_restored_as_written(site: Site) -> None:
    [run] = site.runs()

    site.shell(block("Back up and restore", "pg_dump"))
    site.shell(block("Back up and restore", "dropdb").partition("pg_restore")[0])
    assert site.runs() == []
    site.shell(block("Back up and restore", "dropdb"))

    assert site.runs() == [run]


def test_an_erp_restored_as_written_gets_what_it_has_lost(site: Site, tmp_path: Path) -> None:
    """The sensor's next look asks for the lost refresh alone; the rows are then what they were, and it asks no more."""
    url = site.postgres.fresh_database()
    account = {"DB_USER": site.postgres.user, "DB_PASSWORD": site.postgres.password or ""}
    shop = Installation(tmp_path, MARKDOWN_PRICING_ERP=url, **account)
    lake = Lake(str(tmp_path / "lake"))
    erp = Erp(url, site.postgres.user, site.postgres.password)
    partitions = week_and_country(parse_week(WEEK_BEFORE), ["AUT"])

    def looks(cursor: str | None) -> dg.SensorResult:
        return look(shop.instance, lake, erp, partitions, Progress.from_cursor(cursor), opens_at(parse_week(WEEK)))

    def held() -> tuple[date | None, str]:
        with erp.engine() as engine:
            return newest_refreshed_week(engine, "AUT"), content_hash(engine, "AUT")

    def on_the_erp(commands: str) -> None:
        site.shell(commands.replace("--dbname=erp", f"--dbname={make_url(url).database}"))

    for week in (WEEK_BEFORE, WEEK):
        deliver(lake, parse_week(week), ("AUT",), articles=8, seed=5)
    assert shop.run(WEEK_BEFORE).success
    on_the_erp(block("Restore the ERP", "pg_dump"))
    assert shop.run(WEEK).success
    before, quiet = held(), looks(None)

    on_the_erp(block("Restore the ERP", "pg_restore"))

    assert held()[0] == parse_week(WEEK_BEFORE)
    told = looks(quiet.cursor)
    assert (list(quiet.run_requests or ()), len(told.run_requests or ())) == ([], 1)
    [request] = told.run_requests or ()
    assert str(request.partition_key) == f"AUT|{WEEK}"
    assert shop.run(WEEK, [key.to_user_string() for key in request.asset_selection or ()]).success
    assert held() == before
    assert list(looks(told.cursor).run_requests or ()) == []


def test_a_rotated_password_is_taken_by_servers_that_start_anew(site: Site) -> None:
    [statement] = re.findall(r"`(ALTER ROLE dagster PASSWORD '…')`", PAGE)
    site.postgres.execute(statement.replace("dagster", site.name).replace("…", NEW))

    assert len(site.runs(NEW)) == 1
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(site.postgres.database(site.name), user=site.name, password=OLD)


def test_the_pool_is_closed_and_the_database_brought_up_to_date_as_written(site: Site) -> None:
    closing, migrating = "dagster instance concurrency set country_runs 0", "dagster instance migrate"
    assert f"`{closing}`" in PAGE
    assert f"`{migrating}`" in PAGE

    site.shell(closing)
    site.shell(migrating)

    assert "0 slots" in site.shell("dagster instance concurrency get country_runs")
    assert len(site.runs()) == 1


def test_a_row_in_the_countries_file_is_a_country(tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    [last] = (DATA / "countries.csv").read_text().splitlines()[-1:]
    file.write_text((DATA / "countries.csv").read_text() + last.replace(last[:3], "AND", 1) + "\n")
    doctor = [sys.executable, "-m", "markdown_pricing", "doctor", "--json"]
    environment = {**os.environ, "MARKDOWN_PRICING_COUNTRIES": str(file), "MARKDOWN_PRICING_LAKE": str(tmp_path)}

    told = subprocess.run(doctor, env=environment, stdout=subprocess.PIPE, text=True).stdout

    assert f"46 in {file}" in told
