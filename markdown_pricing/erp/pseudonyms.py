"""Take the names and the notes out of old decisions. It is the one change that is ever made to them.

An account of its own makes it, which may read and change nothing else.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection, Engine, case, func, select
from sqlalchemy.sql import ColumnElement

from markdown_pricing.erp.decisions import any_bytes
from markdown_pricing.erp.errors import ErpDenied, erp_errors, where_is
from markdown_pricing.erp.grants import DECISIONS, missing_column_grants, missing_grants
from markdown_pricing.erp.locks import wait_in_turn
from markdown_pricing.erp.missing import check_there
from markdown_pricing.erp.refresh import database_time
from markdown_pricing.erp.tables import decisions

KEPT_FOR = timedelta(weeks=26)
"""How long a name stays beside its decision, as the contract has it."""
PSEUDONYM, DIGITS = "pseudonym-", 12
"""A pseudonym is this word and so many hexadecimal digits, by which it is known, so that none is replaced by another.

Whatever else begins with the word, such as `pseudonym-anna`, is a name.
"""
COLUMNS_NEEDED = {
    "SELECT": ("week", "decided_by", "decided_at", "note"),
    "UPDATE": ("decided_by", "note"),
}


def new_pseudonym() -> str:
    """One that tells nothing of whoever bears it."""
    return PSEUDONYM + secrets.token_hex(DIGITS // 2)


def pseudonymise(engine: Engine, pseudonym: Callable[[], str] = new_pseudonym) -> int:
    """Replace `decided_by` and empty `note` in rows older than KEPT_FOR by the ERP's clock; returns how many changed.

    Within one call a person has one pseudonym, and in the next one another, so that nobody is followed for years.
    Raises TablesMissing; ErpDenied, with the grants, for an account that may not; and what `erp_errors` raises.
    """
    with erp_errors(engine, {}):
        with engine.connect() as connection:
            check_there(connection, {DECISIONS})
            _check_may_update(connection)
        with engine.begin() as connection:
            wait_in_turn(connection)
            return _replace(connection, pseudonym)


def _replace(connection: Connection, pseudonym: Callable[[], str]) -> int:
    old = _is_old(connection)
    named = old & ~_is_pseudonym(connection)
    with any_bytes(connection):
        people = connection.scalars(select(decisions.c.decided_by).where(named).distinct()).all()
    # The last one is for names that cannot be compared, which SQLite takes in any bytes.
    wanted = [*(named & (decisions.c.decided_by == person) for person in people), named]
    changed = 0
    for rows in wanted:
        new = decisions.update().where(rows).values(decided_by=pseudonym(), note=None)
        changed += connection.execute(new).rowcount
    noted = decisions.update().where(old & decisions.c.note.is_not(None)).values(note=None)
    return changed + connection.execute(noted).rowcount


def _is_pseudonym(connection: Connection) -> ColumnElement[bool]:
    """Whether `decided_by` is a pseudonym to the letter: SQLite's LIKE would take capitals for small letters."""
    if connection.dialect.name == "sqlite":
        return decisions.c.decided_by.bool_op("GLOB")(PSEUDONYM + DIGITS * "[0-9a-f]")
    return decisions.c.decided_by.regexp_match(f"^{PSEUDONYM}[0-9a-f]{{{DIGITS}}}$")


def _is_old(connection: Connection) -> ColumnElement[bool]:
    """Whether a row was written so long ago, and is about a week so long ago.

    Where its time lies in the future, the week decides alone. SQLite compares whatever text stands for a time, so that
    one that cannot be read may count as any time: the week keeps it from being taken for an old one.
    """
    now = database_time(connection)
    written, week = decisions.c.decided_at, decisions.c.week
    by_time, by_week = written < now - KEPT_FOR, week < (now - KEPT_FOR).date()
    return func.coalesce(by_week & case((written <= now, by_time), else_=True), False)


def _check_may_update(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        return  # the file's rights say it when it is written
    if grants := missing_grants(connection, {}) + missing_column_grants(connection, DECISIONS, COLUMNS_NEEDED):
        remedy = "Have the owner of the tables run, for an account that is used for nothing else:"
        why = f"this account may not replace the names in {DECISIONS}"
        raise ErpDenied(where_is(connection.engine), why, remedy, grants)
