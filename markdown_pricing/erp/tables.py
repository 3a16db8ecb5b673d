"""The tables of the ERP, and the connection to their database."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Date,
    DateTime,
    Dialect,
    Double,
    Engine,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import Constraint, CreateSchema, CreateTable
from sqlalchemy.types import TypeEngine

from markdown_pricing import columns as declared
from markdown_pricing.codes import CHANGED, LONGEST_NOTE, NEEDS_REASON, SOURCES, VERDICTS
from markdown_pricing.erp import views
from markdown_pricing.erp.errors import ErpDenied, MissingDriver, erp_errors
from markdown_pricing.erp.grants import (
    ARMS,
    BESIDE_RIGHTS,
    CURRENT,
    DECISIONS,
    EFFECTS,
    NEEDED_RIGHTS,
    OUTCOMES,
    STATUS,
    TOTALS,
    may_create,
    owns_tables,
    schema_of,
)
from markdown_pricing.erp.locks import lock
from markdown_pricing.erp.tls import tls_of
from markdown_pricing.erp.url import BadErpUrl, file_of, parse_erp_url
from markdown_pricing.errors import FinalError
from markdown_pricing.process.sqlite_log import keep_log_beside


class Money(TypeDecorator[Decimal]):
    """NUMERIC(14,2) in local currency. SQLite keeps a float, which holds 14 digits to the cent."""

    impl = Numeric(14, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Numeric(14, 2, asdecimal=False) if dialect.name == "sqlite" else Numeric(14, 2)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(str(value)).quantize(declared.CENT)


class Moment(TypeDecorator[datetime]):
    """TIMESTAMPTZ. On SQLite it is ISO text in UTC, always with microseconds, so that text order is time order."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


METADATA = MetaData()
"""The tables that a refresh writes."""
BESIDE = MetaData()
"""The table of decisions, which is people's, and those of the ledger and of a comparison.

No refresh depends on them or touches them."""


TYPES: Mapping[declared.Type, type[TypeEngine[Any]]] = {
    declared.TEXT: Text,
    declared.MONEY: Money,
    declared.NUMBER: Double,
    declared.WHOLE: Integer,
    declared.DAY: Date,
    declared.MOMENT: Moment,
    declared.FLAG: Boolean,
}


def _table(
    name: str, columns: Sequence[declared.Column], metadata: MetaData = METADATA, constraints: Sequence[Constraint] = ()
) -> Table:
    made = (
        Column(own.name, TYPES[own.type], primary_key=own.key, nullable=own.may_be_empty and not own.key)
        for own in columns
    )
    return Table(name, metadata, *made, *constraints)


def _check(what: str, condition: str) -> CheckConstraint:
    return CheckConstraint(condition, name=f"{DECISIONS}_{what}")


def _texts(words: Sequence[str]) -> str:
    """The words as SQL lists them."""
    listed = ", ".join(f"'{word}'" for word in words)
    return f"({listed})"


recommendations = _table("markdown_recommendations", declared.RECOMMENDATIONS)
price_path = _table("markdown_price_path", declared.PRICE_PATH)
options = _table("markdown_options", declared.OPTIONS)
refreshes = _table("markdown_refreshes", declared.REFRESHES)
decisions = _table(
    DECISIONS,
    declared.DECISIONS,
    BESIDE,
    (
        # When two people decide at once, the second cannot add a row with the number that the first has taken.
        UniqueConstraint("country", "article_id", "week", "seq", name=f"{DECISIONS}_once"),
        _check("seq", "seq >= 1"),
        _check("verdict", f"verdict IN {_texts(VERDICTS)}"),
        _check("source", f"source IN {_texts(SOURCES)}"),
        _check("price", f"price > 0 AND (verdict <> '{CHANGED}' OR price IS NOT NULL)"),
        _check("reason", f"verdict NOT IN {_texts(NEEDS_REASON)} OR decision_reason IS NOT NULL"),
        _check("note", f"length(note) <= {LONGEST_NOTE}"),
    ),
)
outcomes = _table(OUTCOMES, declared.OUTCOMES, BESIDE)
outcome_totals = _table(TOTALS, declared.OUTCOME_TOTALS, BESIDE)
arms = _table(ARMS, declared.ARMS, BESIDE)
effects = _table(EFFECTS, declared.EFFECTS, BESIDE)
NEWEST_FIRST = ("week", "launched_at", "refreshed_at")
"""The columns by which of a country's receipts the largest is the newest."""

ADD_COLUMN_TIMEOUT_MS = 5_000
"""How long a reader of a table is waited for that is to get a column; chosen on 2026-11-27."""
# With these a silent network is noticed within a minute or so, and waiting for other writers has an end, too.
_CONNECT: dict[str, Mapping[str, Any]] = {
    "sqlite": {"timeout": 60.0},
    "postgresql": {
        "connect_timeout": 5,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    },
}
# A role or a database may have another encoding as its default, or none at all.
_NEEDED: dict[str, dict[str, Any]] = {"sqlite": {}, "postgresql": {"client_encoding": "utf8"}}


class MissingColumns(FinalError):
    """Tables or columns of this version that the account may not make, with the statements that do."""

    def __init__(self, missing: Mapping[str, Sequence[str]], statements: Sequence[str]) -> None:
        self.missing = {table: tuple(columns) for table, columns in missing.items()}
        self.statements = tuple(statements)
        named = "; ".join(
            f"{table} lacks {', '.join(columns)}" if columns else f"{table} is missing"
            for table, columns in missing.items()
        )
        super().__init__("\n  ".join((f"{named}. Nothing was changed. Have the owner of the tables run:", *statements)))


def postgresql_types(table: Table) -> dict[str, str]:
    """The type of each of the table's columns, as PostgreSQL calls it."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {column.name: column.type.compile(dialect).lower() for column in table.columns}


def engine_for(url: str, user: str | None, password: str | None, schema: str | None = None) -> Engine:
    """The engine of the ERP's database, which connects to nothing yet.

    url    : SQLAlchemy URL without password; `postgresql://` is read as `postgresql+psycopg://`. What its query does
             not say of TLS is asked as `tls` has it
    schema : the schema of the tables, on PostgreSQL only; None stands for the default search path
    Each use opens a connection of its own, so that an engine survives a fork and a restart of the server.
    Raises BadErpUrl and MissingDriver.
    """
    parsed = parse_erp_url(url)
    backend = parsed.get_backend_name()
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if backend == "postgresql":
        parsed = parsed.set(username=user or parsed.username, password=password or None)
    elif schema is not None:
        raise BadErpUrl(f"is SQLite, which has no schema {schema}: give it a file of its own")
    given = {**_CONNECT[backend], **(tls_of(parsed) if backend == "postgresql" else {})}
    settings = {name: value for name, value in given.items() if name not in parsed.query} | _NEEDED[backend]
    if parsed.get_driver_name() == "psycopg":
        # Behind a pooler the next transaction may get another connection of the server, which has not prepared it.
        settings["prepare_threshold"] = None
    # Under REPEATABLE READ, which a database may have as its default, the check for newer weeks would read what was
    # there before the lock was taken. SQLite knows no such level.
    options = {} if backend == "sqlite" else {"isolation_level": "READ COMMITTED"}
    try:
        engine = create_engine(parsed, poolclass=NullPool, connect_args=settings, hide_parameters=True, **options)
    except ModuleNotFoundError as error:
        raise MissingDriver(str(error.name)) from error
    if backend == "sqlite":
        _make_folder_on_connect(engine)
    else:
        _read_alike_everywhere(engine)
    return engine.execution_options(schema_translate_map={None: schema}) if schema else engine


def ensure_tables(engine: Engine) -> None:
    """Make the tables, and the columns that a newer version has added, once, however many processes ask at a time.

    What is there stays as it is, and columns beyond the contract's are left alone. No refresh depends on
    `markdown_decisions`, the ledger and the views: where the account may not make them, the doctor prints how.
    Raises MissingColumns, which has the statements, before anything is changed; ErpDenied; and ErpUnreachable, also
    when a reader holds a table for too long that is to get a column.
    """
    with erp_errors(engine), engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            keep_log_beside(cast(sqlite3.Connection, connection.connection.driver_connection))
        if not lacking(connection) and not _to_make(connection):
            return
        lock(connection, "tables")
        lacks = lacking(connection)
        if missing := missing_columns(connection):
            raise missing
        if lacks:
            schema = schema_of(connection)
            if schema and not inspect(connection).has_schema(schema):
                connection.execute(CreateSchema(schema))
            METADATA.create_all(connection)
        if any(lacks.values()) and connection.dialect.name == "postgresql":
            # While this waits for a reader, it keeps all others waiting who come after it.
            connection.execute(text(f"SET LOCAL lock_timeout = {ADD_COLUMN_TIMEOUT_MS}"))
        for columns in lacks.values():
            for column in columns:
                connection.execute(text(_add_column(connection, column)))
        for statement in _to_make(connection).values():
            connection.execute(text(statement))


def missing_beside(connection: Connection) -> dict[str, str]:
    """What is missing of the decisions, the ledger and the views, by name with the statement that makes it."""
    there, schema = inspect(connection), schema_of(connection)
    dialect, named = connection.dialect.name, {name: qualified_name(connection, name) for name in (STATUS, CURRENT)}
    statements = {
        **{table.name: _create_statement(connection, table) for table in BESIDE.tables.values()},
        STATUS: views.status(dialect, named[STATUS], qualified_name(connection, refreshes.name), NEWEST_FIRST),
        CURRENT: views.current(named[CURRENT], qualified_name(connection, DECISIONS), declared.DECISION_COLUMNS),
    }
    return {name: statement for name, statement in statements.items() if not there.has_table(name, schema)}


def statements_beside(connection: Connection) -> dict[str, list[str]]:
    """What `missing_beside` has, as statements for an owner who also gives this account its rights on the tables."""
    missing = {name: [f"{statement};"] for name, statement in missing_beside(connection).items()}
    if connection.dialect.name == "postgresql":
        for name in missing.keys() & BESIDE_RIGHTS.keys():
            missing[name] += _grants(connection, name, BESIDE_RIGHTS[name])
    return missing


def qualified_name(connection: Connection, name: str) -> str:
    """The name of a table as statements need it: quoted, and with its schema when it has one."""
    quote, schema = connection.dialect.identifier_preparer.quote, schema_of(connection)
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def columns_of(connection: Connection) -> dict[str, set[str]]:
    """The columns that each of our tables has in the database; tables that are missing are left out."""
    there, schema = inspect(connection), schema_of(connection)
    return {
        name: {column["name"] for column in there.get_columns(name, schema)}
        for name in METADATA.tables
        if there.has_table(name, schema)
    }


def lacking(connection: Connection) -> dict[str, tuple[Column[Any], ...]]:
    """Each of our tables that is missing, with no columns, or lacks columns, with these."""
    there = columns_of(connection)
    lacks = {
        name: tuple(column for column in table.columns if column.name not in there.get(name, table.columns))
        for name, table in METADATA.tables.items()
    }
    return {name: columns for name, columns in lacks.items() if columns or name not in there}


def missing_columns(connection: Connection) -> MissingColumns | None:
    """What existing tables lack and this account may not add, or nobody may add unseen; None without any.

    A column that must be filled was there in every version, so that somebody has taken it away. Where there is none of
    our tables yet, nothing counts as missing.
    """
    lacks = lacking(connection)
    columns = {name: own for name, own in lacks.items() if own}
    tables = [METADATA.tables[name] for name in lacks if name not in columns]
    if all(column.nullable for own in columns.values() for column in own) and owns_tables(connection, list(columns)):
        columns = {}
    if len(tables) == len(METADATA.tables) or may_create(connection):
        tables = []
    statements = [_add_column(connection, column) for own in columns.values() for column in own]
    statements += [statement for table in tables for statement in _create_table(connection, table)]
    names = {name: [column.name for column in own] for name, own in columns.items()}
    return MissingColumns({**names, **{table.name: () for table in tables}}, statements) if statements else None


def _create_table(connection: Connection, table: Table) -> list[str]:
    """The statements that make a table and let the connected role refresh it."""
    return [
        f"{_create_statement(connection, table)};",
        *_grants(connection, table.name, NEEDED_RIGHTS[table.name]),
    ]


def _create_statement(connection: Connection, table: Table) -> str:
    made = str(CreateTable(table).compile(dialect=connection.dialect))
    name, plain = qualified_name(connection, table.name), connection.dialect.identifier_preparer.format_table(table)
    return " ".join(made.split()).replace(f"CREATE TABLE {plain}", f"CREATE TABLE {name}", 1)


def _grants(connection: Connection, table: str, rights: Sequence[str]) -> list[str]:
    """The statements that give the connected role these rights on a table of PostgreSQL."""
    role, schema = connection.scalar(text("SELECT quote_ident(current_user)")), schema_of(connection)
    quote = connection.dialect.identifier_preparer.quote
    usage = [f"GRANT USAGE ON SCHEMA {quote(schema)} TO {role};"] if schema else []
    return [*usage, f"GRANT {', '.join(rights)} ON {qualified_name(connection, table)} TO {role};"]


def _to_make(connection: Connection) -> dict[str, str]:
    """What is to be made beside the refreshes' tables, and by this account, as `missing_beside` has it."""
    missing = missing_beside(connection)
    return missing if missing and may_create(connection) else {}


def _add_column(connection: Connection, column: Column[Any]) -> str:
    # The column gets no NOT NULL, which a table with rows could not take. Rows are checked before they are written.
    table, quote = qualified_name(connection, column.table.name), connection.dialect.identifier_preparer.quote
    return f"ALTER TABLE {table} ADD COLUMN {quote(column.name)} {column.type.compile(connection.dialect)};"


def _read_alike_everywhere(engine: Engine) -> None:
    """Begin each transaction with what its values are written and read by: ISO days, UTC, and all digits of a number.

    A server, database or role may have other defaults. They are set for the transaction alone, because behind a pooler
    the connection is somebody else's afterwards.
    """

    @event.listens_for(engine, "begin")
    def say_how(connection: Connection) -> None:
        settings = {"DateStyle": "ISO, MDY", "TimeZone": "UTC", "extra_float_digits": "3"}
        set_here = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
        connection.exec_driver_sql(f"SELECT {set_here}")


def _make_folder_on_connect(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def make_folder(*_: Any) -> None:
        try:
            file_of(engine.url).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ErpDenied(
                str(engine.url.database), str(error), "Choose a folder that this user can write."
            ) from error
