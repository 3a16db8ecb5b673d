"""The view `markdown_status`: which week each country's rows are for, and whether that is this week already."""

from collections.abc import Iterable

from sqlalchemy import Connection, inspect

from markdown_pricing.erp.grants import STATUS, schema_of
from markdown_pricing.weeks import HEAD_OFFICE

_THIS_MONDAY = {
    "postgresql": f"CAST(date_trunc('week', now() AT TIME ZONE '{HEAD_OFFICE.key}') AS date)",
    # SQLite knows no time zones: its Monday is that of UTC. 'weekday 0' is the Sunday to come, or today.
    "sqlite": "date('now', 'weekday 0', '-6 days')",
}


def create_statement(dialect: str, view: str, refreshes: str, newest_first: Iterable[str]) -> str:
    """The statement that makes the view of each country's newest receipt.

    view, refreshes : names that are quoted and have their schema
    newest_first    : the columns of the receipts by which the largest is the newest
    """
    columns = "country, week, run_id, content_hash, articles, refreshed_at"
    order = ", ".join(f"{column} DESC" for column in newest_first)
    return (
        f"CREATE VIEW {view} AS SELECT {columns}, week < {_THIS_MONDAY[dialect]} AS late"
        f" FROM (SELECT {columns}, row_number() OVER (PARTITION BY country ORDER BY {order}) AS place"
        f" FROM {refreshes}) AS ranked WHERE place = 1"
    )


def is_missing(connection: Connection) -> bool:
    return not inspect(connection).has_table(STATUS, schema_of(connection))
