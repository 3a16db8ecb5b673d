"""Let one writer at a time work on a country, and set an end to every wait.

The limits were chosen on 2026-11-23 and 2026-11-24, far above the seconds that docs/performance.md measures.
"""

from sqlalchemy import Connection, text

from markdown_pricing.erp.grants import schema_of

LOCK_TIMEOUT_MS = 120_000
"""How long a lock is waited for. The writer before needs seconds."""
STATEMENT_TIMEOUT_MS = 300_000
"""How long a statement may take. All of a country's rows take seconds."""
SILENCE_TIMEOUT_MS = 60_000
"""A writer that is silent for longer, because it was frozen or cut off, has its transaction ended by the server, which
frees its country."""


LOOK_TIMEOUT_MS = 10_000
"""How long a statement of who only looks may take, a wait for a table included: the sensor asks each minute."""


def look_briefly(connection: Connection) -> None:
    """End each statement of the transaction that takes longer than LOOK_TIMEOUT_MS; SQLite's readers wait for none."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL statement_timeout = {LOOK_TIMEOUT_MS}"))


def wait_in_turn(connection: Connection) -> None:
    """Let the transaction wait for a lock no longer than LOCK_TIMEOUT_MS; SQLite has a limit of its own."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))


def lock(connection: Connection, what: str) -> None:
    """Hold the lock `what` (a country, or the tables) until the transaction ends. A second writer waits here.

    SQLite has a single lock for everything. Taking it first avoids the deadlock of two readers that both want to write.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    wait_in_turn(connection)
    for setting, limit_ms in (
        ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ("idle_in_transaction_session_timeout", SILENCE_TIMEOUT_MS),
    ):
        connection.execute(text(f"SET LOCAL {setting} = {limit_ms}"))
    name = f"{schema_of(connection) or ''}.markdown_recommendations"
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtext(:name), hashtext(:what))"), {"name": name, "what": what}
    )
