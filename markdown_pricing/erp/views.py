"""The views beside the tables: each country's newest receipt, and the newest decision of each article and week."""

from collections.abc import Iterable

from markdown_pricing.codes import WITHDRAWN
from markdown_pricing.weeks import HEAD_OFFICE

_THIS_MONDAY = {
    "postgresql": f"CAST(date_trunc('week', now() AT TIME ZONE '{HEAD_OFFICE.key}') AS date)",
    # SQLite knows no time zones: its Monday is that of UTC. 'weekday 0' is the Sunday to come, or today.
    "sqlite": "date('now', 'weekday 0', '-6 days')",
}


def status(dialect: str, view: str, refreshes: str, newest_first: Iterable[str]) -> str:
    """The statement that makes `markdown_status`, the view of each country's newest receipt.

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


def current(view: str, decisions: str, columns: Iterable[str]) -> str:
    """The statement that makes `markdown_decisions_current`: the newest decisions, without those that are withdrawn.

    view, decisions : names that are quoted and have their schema ; columns : those of the decisions
    """
    named = ", ".join(columns)
    return (
        f"CREATE VIEW {view} AS SELECT {named}"
        f" FROM (SELECT {named}, row_number() OVER (PARTITION BY country, article_id, week ORDER BY seq DESC) AS place"
        f" FROM {decisions}) AS ranked WHERE place = 1 AND verdict <> '{WITHDRAWN}'"
    )
