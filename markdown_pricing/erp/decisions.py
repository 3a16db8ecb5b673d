"""Read what people decided, as texts that nobody has checked, and add decisions that are checked.

Nobody changes or removes a row here; pseudonyms.py takes the names out of old ones. Of two who decide at once the
second is refused by the table's own key.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Text, cast, func, select
from sqlalchemy.exc import IntegrityError

from markdown_pricing.erp.errors import ErpDenied, erp_errors, sqlstate_of, where_is
from markdown_pricing.erp.grants import DECISIONS, READ_RIGHTS, missing_grants
from markdown_pricing.erp.locks import look_briefly, wait_in_turn
from markdown_pricing.erp.missing import check_there
from markdown_pricing.erp.refresh import database_time
from markdown_pricing.erp.tables import decisions, recommendations
from markdown_pricing.errors import FinalError

Row = Mapping[str, str | None]
"""A row of markdown_decisions by column, each value as the database writes it as text."""

WRITERS_RIGHTS = {DECISIONS: ("SELECT", "INSERT")}
"""The rights of who decides."""
RIGHTS_TO_SEE = {recommendations.name: ("SELECT",)}
"""The right of who looks at what is recommended."""
SEEN = ("country", "article_id", "week", "list_price", "recommended_price", "current_price", "stake", "run_id")
"""The columns of the recommendations that a decision is about."""
_UNIQUE = ("23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")


class SomebodyDecided(FinalError):
    """Somebody else decided about the same article and week between our look and our writing."""

    def __init__(self, first: Sequence[Row]) -> None:
        self.first = tuple(first)
        listed = "".join(
            f"\n  - {row['country']}, article {row['article_id']}, week {row['week']}: {row['decided_by']} has "
            f"{row['verdict']}{'' if row['price'] is None else ' at ' + str(row['price'])} ({row['decided_at']})"
            for row in first
        )
        super().__init__(
            f"Somebody else has decided in the meantime, and nothing was written:{listed}\n"
            "Look at that, and run the command again if this decision is still wanted."
        )


def read_decisions(engine: Engine, country: str, since: date | None = None, until: date | None = None) -> list[Row]:
    """All rows about the country's weeks from `since` to `until`, both included; in the order of their numbers.

    Raises TablesMissing and what `erp_errors` raises; a table that is locked is waited for some seconds.
    """
    same_country = decisions.c.country == country
    wanted = [same_country]
    if since is not None:
        wanted.append(decisions.c.week >= since)
    if until is not None:
        wanted.append(decisions.c.week <= until)
    with _looking(engine, READ_RIGHTS) as connection:
        check_there(connection, {DECISIONS})
        return _read(connection, *wanted)


def seen_rows(engine: Engine, countries: Collection[str]) -> list[Mapping[str, Any]]:
    """The SEEN columns of the countries' rows, as they stand in the ERP now."""
    columns = (recommendations.c[name] for name in SEEN)
    with _looking(engine, RIGHTS_TO_SEE) as connection:
        rows = connection.execute(select(*columns).where(recommendations.c.country.in_(sorted(countries)))).mappings()
        return [dict(row) for row in rows]


def shown_week(engine: Engine, country: str) -> date | None:
    """The week that people's screens show of the country, by its rows; None where there are none."""
    newest = select(func.max(recommendations.c.week)).where(recommendations.c.country == country)
    with _looking(engine, RIGHTS_TO_SEE) as connection:
        week: date | None = connection.scalar(newest)
    return week


def add_decisions(engine: Engine, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the rows, all or none.

    rows : by column, each with the number `seq` that follows the last one that was seen
    Raises TablesMissing; ErpDenied, with the grants, for an account that may only read; and SomebodyDecided.
    """
    if not rows:
        return
    with erp_errors(engine, WRITERS_RIGHTS):
        with engine.connect() as connection:
            check_there(connection, {DECISIONS})
            _check_may_write(connection)
        try:
            with engine.begin() as connection:
                wait_in_turn(connection)  # the key waits for whoever has begun to add the same number
                connection.execute(decisions.insert(), [dict(row) for row in rows])
        except IntegrityError as error:
            code = error.orig.sqlite_errorname if isinstance(error.orig, sqlite3.Error) else sqlstate_of(error.orig)
            if code not in _UNIQUE:
                raise
            raise SomebodyDecided(_already_there(engine, rows)) from error


@contextmanager
def _looking(engine: Engine, needed: Mapping[str, Sequence[str]]) -> Iterator[Connection]:
    """A connection that waits for no table and for no answer longer than some seconds, so that nothing hangs on it."""
    with erp_errors(engine, needed), engine.begin() as connection:
        look_briefly(connection)
        yield connection


def _check_may_write(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        return  # the file's rights say it when it is written
    if grants := missing_grants(connection, WRITERS_RIGHTS):
        remedy = "Have the owner of the database run, or decide with an account that may:"
        raise ErpDenied(where_is(connection.engine), f"this account may not add to {DECISIONS}", remedy, grants)


def _already_there(engine: Engine, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows that stand in the way of these."""
    about = {(row["country"], row["article_id"], str(row["week"]), str(row["seq"])) for row in rows}
    ids = {row["decision_id"] for row in rows}
    countries = {row["country"] for row in rows}
    with engine.connect() as connection:
        there = _read(connection, decisions.c.country.in_(sorted(countries)))
    return [
        row
        for row in there
        if row["decision_id"] in ids or (row["country"], row["article_id"], row["week"], row["seq"]) in about
    ]


def _read(connection: Connection, *wanted: Any) -> list[Row]:
    # As text each value can be read, whatever a tool has written into SQLite, and PostgreSQL's infinite days, too.
    columns = (cast(column, Text).label(column.name) for column in decisions.columns)
    in_order = (decisions.c.country, decisions.c.article_id, decisions.c.week, decisions.c.seq)
    with any_bytes(connection):
        rows = connection.execute(select(*columns).where(*wanted).order_by(*in_order)).mappings()
        return [dict(row) for row in rows]


@contextmanager
def any_bytes(connection: Connection) -> Iterator[None]:
    """Read texts of SQLite that are not in UTF-8 with a mark in place of each odd byte: they cost no other row then."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.text_factory = lambda data: data.decode("utf-8", "replace")
    try:
        yield
    finally:
        driver.text_factory = str


def erp_time(engine: Engine) -> datetime:
    """What the clock of the ERP's machine says."""
    with erp_errors(engine), engine.connect() as connection:
        return database_time(connection)
