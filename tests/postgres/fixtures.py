"""PostgreSQL for the tests: one server a session, one database a test."""

from collections.abc import Iterator

import pytest

from tests.postgres.server import PostgresMissing, PostgresServer, postgres_server
from tests.real_parts import missing


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL for the whole session; `fresh_database()` gives a test one of its own."""
    try:
        with postgres_server() as server:
            yield server
    except PostgresMissing as why:
        missing("PostgreSQL", str(why))
