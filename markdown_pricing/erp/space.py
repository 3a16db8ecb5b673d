"""The space that replaced rows leave behind: given back to the tables, with nobody locked out."""

from contextlib import suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from markdown_pricing.erp.tables import price_path, qualified_name, recommendations

VACUUM_TIMEOUT_MS = 300_000


def reclaim(engine: Engine) -> None:
    """Make the rows that a refresh has deleted writable anew, so that the tables stop growing; PostgreSQL only.

    Where the account may not vacuum, PostgreSQL says so to nobody but its log, and autovacuum does it later. It is
    housekeeping after a refresh that is done: whatever goes wrong here is no fault of the run's.
    """
    if engine.dialect.name != "postgresql":
        return
    with suppress(DBAPIError), engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(f"SET statement_timeout = {VACUUM_TIMEOUT_MS}"))
        for table in (price_path, recommendations):
            # SKIP_LOCKED: another country's refresh is at it already. TRUNCATE would lock readers out for a moment.
            # Without ANALYZE, which takes five times as long: autovacuum does it when enough has changed.
            options = "SKIP_LOCKED, TRUNCATE FALSE"
            connection.execute(text(f"VACUUM ({options}) {qualified_name(connection, table.name)}"))
