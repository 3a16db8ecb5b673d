"""The ERP on both databases, each test with an empty one."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, make_url, text

from markdown_pricing.erp.refresh import Receipt, database_time, replace_country
from markdown_pricing.erp.tables import engine_for, ensure_tables
from tests.erp.samples import LAUNCHED, make_rows, recommended
from tests.postgres.server import PostgresServer


@dataclass(frozen=True)
class Erp:
    """One empty database, with the shortest words for what tests do to it."""

    url: str
    user: str | None
    password: str | None
    server: PostgresServer | None = None

    @cached_property
    def engine(self) -> Engine:
        """One for all uses, each of which connects anew: what SQLAlchemy asks a server and compiles first is kept."""
        return engine_for(self.url, self.user, self.password)

    @property
    def is_postgres(self) -> bool:
        return self.server is not None

    def replace(self, rows: pd.DataFrame | None = None, **changes: Any) -> Receipt:
        """Refresh with sane defaults; `changes` are of the other frames, or of what else a refresh is given."""
        rows = make_rows() if rows is None else rows
        given: dict[str, Any] = {
            "week": rows["week"].iloc[0].date() if len(rows) else None,
            "country": rows["country"].iloc[0] if len(rows) else "DEU",
            "run_id": "run-1",
            "launched_at": LAUNCHED,
        }
        frames = {name: changes.pop(name) for name in ("price_path", "options") if name in changes}
        return replace_country(self.engine, replace(recommended(rows), **frames), **{**given, **changes})

    def read(self, query: str, **parameters: object) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.execute(text(query), parameters).all()

    def time(self) -> datetime:
        """What its machine's clock says."""
        with self.engine.connect() as connection:
            return database_time(connection)

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def runs(self, country: str = "DEU") -> list[tuple[str, int]]:
        """Whose rows the country has, and how many."""
        return [
            tuple(row)
            for row in self.read(
                "SELECT run_id, count(*) FROM markdown_recommendations WHERE country = :country GROUP BY run_id",
                country=country,
            )
        ]

    def everything(self) -> dict[str, list[Any]]:
        """All rows of all tables."""
        tables = ("markdown_recommendations", "markdown_price_path", "markdown_options", "markdown_refreshes")
        return {table: sorted(self.read(f"SELECT * FROM {table}"), key=str) for table in tables}


@pytest.fixture
def sqlite_erp(tmp_path: Path) -> Erp:
    return Erp(f"sqlite:///{tmp_path}/erp/erp.sqlite", None, None)


@pytest.fixture
def postgres_erp(postgres: PostgresServer) -> Erp:
    return Erp(postgres.fresh_database(), postgres.user, postgres.password, postgres)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_erp(request: pytest.FixtureRequest) -> Erp:
    """A database without tables."""
    found: Erp = request.getfixturevalue(f"{request.param}_erp")
    return found


@pytest.fixture(scope="session")
def made_in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database with our tables."""
    folder = tmp_path_factory.mktemp("made") / "erp"
    ensure_tables(engine_for(f"sqlite:///{folder}/erp.sqlite", None, None))
    return folder


@pytest.fixture(scope="session")
def made_in_postgres(postgres: PostgresServer) -> str:
    """The name of a database with our tables."""
    url = postgres.fresh_database()
    ensure_tables(engine_for(url, postgres.user, postgres.password))
    return str(make_url(url).database)


@pytest.fixture(params=["sqlite", "postgres"])
def erp(request: pytest.FixtureRequest, tmp_path: Path) -> Erp:
    """A database with our tables, empty: a copy, as making them takes twice as long."""
    made = request.getfixturevalue(f"made_in_{request.param}")
    if request.param == "sqlite":
        shutil.copytree(made, tmp_path / "erp")
        return Erp(f"sqlite:///{tmp_path}/erp/erp.sqlite", None, None)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Erp(server.fresh_database(template=made), server.user, server.password, server)


@pytest.fixture
def at() -> Callable[[int], datetime]:
    """The time some minutes after the launch of the first run."""
    return lambda minutes: LAUNCHED + timedelta(minutes=minutes)
