"""What can go wrong between us and the ERP's database.

PricingError
├── TransientError
│   ├── ErpLoginRefused  the password is another, as while it is being rotated
│   └── ErpUnreachable   no answer, lock not had in time, database full
│       └── ErpInterrupted   connection lost, deadlock, serialization failure: may be repeated at once
└── FinalError
    ├── ErpDenied        no such account, wrong database, a missing right
    ├── ErpRefused       the database does not take the rows: a constraint, a value, a table of another form
    │   └── KeyTooLong, OtherRowsInErp: beside the code that raises them
    ├── ErpNotTrusted    no TLS with a server that shows who it is
    ├── MissingDriver    a UsageError, as BadErpUrl of url.py is
    └── NewerWeekInErp, LaterRunInErp, LaunchedInTheFuture, EmptySet, BadRows, MissingColumns: beside the code that
        raises them
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from markdown_pricing.erp.grants import NEEDED_RIGHTS, missing_grants
from markdown_pricing.erp.tls import PARAMETERS, ErpNotTrusted, is_distrust
from markdown_pricing.errors import FinalError, PricingError, TransientError, UsageError
from markdown_pricing.texts.words import install

# https://www.postgresql.org/docs/current/errcodes-appendix.html lists the codes; two letters stand for a whole class.
# 25006: the server is a standby, as it may be for a while after a failover.
_TRY_AGAIN = ("53", "57014", "58", "25006", "55P03")
# 25P03: the server took a silent writer for dead. 57P: the server shuts down, or does not take connections yet.
# 42P05 and 26000: a pooler handed on a connection with statements that somebody else has prepared, or without ours.
_INTERRUPTED = ("08", "40", "57P", "25P03", "42P05", "26000")
_DENIED = ("28", "3D", "3F", "42501")

# A refused log-in comes without its code, because libpq does not pass it on. A server that speaks another language
# than English is taken for unreachable; its own words are in the message all the same.
_WRONG_PASSWORD = "authentication failed"
_REFUSED_LOGIN = (
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "no such database",  # so says pgbouncer
    "permission denied",
    "not permitted to log in",
)
_WITHOUT_TLS = "no encryption"

_SQLITE_TRY_AGAIN = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_SQLITE_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN}


class ErpUnreachable(TransientError):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"The ERP at {where} did not do what was asked: {why}. No country is half-written. "
            f"Check that the database is up and reachable from this machine; a repeat may succeed."
        )


class ErpInterrupted(ErpUnreachable):
    """The work broke off, perhaps after its commit. Whoever repeats it has to look first whether it is done."""


class ErpLoginRefused(TransientError):
    """A process has the password that it was started with; the retry is another, which may have the new one."""

    def __init__(self, where: str, why: str, user: str | None) -> None:
        super().__init__(
            f"The ERP at {where} refuses the log-in: {why}. A retry succeeds when the password was just changed and is "
            f"in the secret store by then; else check DB_USER ({user}), DB_PASSWORD and MARKDOWN_PRICING_ERP."
        )


class ErpDenied(FinalError):
    def __init__(self, where: str, why: str, remedy: str, grants: Sequence[str] = ()) -> None:
        self.grants = tuple(grants)
        super().__init__("\n  ".join((f"The ERP at {where} denies access: {why}. {remedy}", *grants)))


class ErpRefused(FinalError):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"The ERP at {where} does not take this: {why}. Nothing was changed. "
            f"Compare the tables' columns and constraints with the contract (`markdown-pricing doctor` checks them)."
        )


class MissingDriver(UsageError):
    def __init__(self, driver: str) -> None:
        super().__init__(
            f"PostgreSQL needs the package {driver}, which is not installed. Run in the checkout: {install('postgres')}"
        )


@contextmanager
def erp_errors(engine: Engine, needed: Mapping[str, Sequence[str]] = NEEDED_RIGHTS) -> Iterator[None]:
    """Turn what the database raises into ErpUnreachable, ErpInterrupted, ErpLoginRefused and so on.

    needed : the rights by table of what is done, of which the missing ones are named
    """
    try:
        yield
    except (DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        raise _translated(engine, error, needed) from error


def sqlstate_of(error: BaseException | None) -> str:
    """PostgreSQL's code of what went wrong; empty where there is none."""
    # Python's database API has no field for it: psycopg calls it sqlstate, and psycopg2 pgcode.
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def where_is(engine: Engine) -> str:
    """The database as messages name it, without user, password and options."""
    url = engine.url
    return str(url.database) if url.get_backend_name() == "sqlite" else f"{url.host}:{url.port or 5432}/{url.database}"


def _translated(engine: Engine, error: Exception, needed: Mapping[str, Sequence[str]]) -> PricingError:
    original = (error.orig if isinstance(error, DBAPIError) else error) or error
    where, why = where_is(engine), " ".join(str(original).split()).rstrip(".")
    if isinstance(original, sqlite3.Error):
        return _sqlite_error(where, why, original)
    code = sqlstate_of(original)
    if not code and is_distrust(why):
        return ErpNotTrusted(where, why)
    if code == "42501":
        # If no GRANT is missing, the cause is something else, for example row-level security.
        grants = _grants(engine, needed)
        return ErpDenied(where, why, f"Have the owner of the database {'run:' if grants else 'look at it.'}", grants)
    if code == "28P01" or (not code and _WRONG_PASSWORD in why):
        return ErpLoginRefused(where, why, engine.url.username)
    login_refused = not code and any(words in why for words in _REFUSED_LOGIN)
    if code.startswith(_DENIED) or login_refused:
        wants_tls = f" It may want TLS: see {PARAMETERS}." if _WITHOUT_TLS in why else ""
        remedy = f"Check DB_USER ({engine.url.username}), DB_PASSWORD and MARKDOWN_PRICING_ERP.{wants_tls}"
        return ErpDenied(where, why, remedy)
    driver = engine.dialect.loaded_dbapi
    lost = isinstance(original, (driver.OperationalError, driver.InterfaceError)) and not code
    if lost or code.startswith(_INTERRUPTED):
        return ErpInterrupted(where, why)
    if code.startswith(_TRY_AGAIN):
        return ErpUnreachable(where, why)
    return ErpRefused(where, why)


def _sqlite_error(where: str, why: str, error: sqlite3.Error) -> PricingError:
    # An error that Python itself raises has no code. Extended codes keep the primary one in their last byte.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _SQLITE_TRY_AGAIN:
        return ErpUnreachable(where, why)
    if code in _SQLITE_DENIED:
        return ErpDenied(where, why, "This user must be able to write the file and its folder.")
    return ErpRefused(where, why)


def _grants(engine: Engine, needed: Mapping[str, Sequence[str]]) -> list[str]:
    try:
        with engine.connect() as connection:
            return missing_grants(connection, needed)
    except SQLAlchemyError:
        return []
