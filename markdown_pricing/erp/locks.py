"""One writer of a country at a time, and an end to every wait."""

from sqlalchemy import Connection, text

from markdown_pricing.erp.grants import schema_of

LOCK_TIMEOUT_MS = 120_000
STATEMENT_TIMEOUT_MS = 300_000
"""A country's rows take seconds."""
SILENCE_TIMEOUT_MS = 60_000
"""After which the server ends the transaction of a writer that was frozen or cut off, and frees its country."""


def lock(connection: Connection, what: str) -> None:
    """Hold `what` (a country, or the tables) until the transaction ends; a second writer waits here.

    SQLite has one lock for all; taking it first avoids the deadlock of two readers that both want to write.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    for setting, limit_ms in (
        ("lock_timeout", LOCK_TIMEOUT_MS),
        ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ("idle_in_transaction_session_timeout", SILENCE_TIMEOUT_MS),
    ):
        connection.execute(text(f"SET LOCAL {setting} = {limit_ms}"))
    name = f"{schema_of(connection) or ''}.markdown_recommendations"
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtext(:name), hashtext(:what))"), {"name": name, "what": what}
    )
