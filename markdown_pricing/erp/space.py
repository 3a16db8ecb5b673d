"""Make the space of replaced rows usable again, without locking readers out."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from markdown_pricing.erp.tables import options, price_path, qualified_name, recommendations

VACUUM_TIMEOUT_S = 300


def reclaim(engine: Engine) -> None:
    """Make the space of the rows that a refresh has deleted usable again, so that the tables stop growing.

    It does nothing on SQLite. Where the account may not vacuum, PostgreSQL says so only in its log, and autovacuum does
    the work later. This is housekeeping after a refresh that is done, so that the run does not fail when it fails.
    """
    if engine.dialect.name != "postgresql":
        return
    with suppress(DBAPIError), engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        with ended_after(connection, VACUUM_TIMEOUT_S):
            for table in (price_path, options, recommendations):
                # SKIP_LOCKED: another country's refresh vacuums already. TRUNCATE would lock readers out for a moment.
                # ANALYZE is left out, which takes five times as long; autovacuum does it when enough has changed.
                how = "SKIP_LOCKED, TRUNCATE FALSE"
                connection.execute(text(f"VACUUM ({how}) {qualified_name(connection, table.name)}"))


@contextmanager
def ended_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Have the server end the statement that is under way after so many seconds.

    A setting of the server would need a transaction, in which there is no VACUUM, or would stay in the connection,
    which a pooler hands on to somebody else.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    end = Timer(seconds, driver.cancel)
    end.daemon = True
    end.start()
    try:
        yield
    finally:
        end.cancel()
