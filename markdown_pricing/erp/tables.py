"""The three tables of the ERP, and the connection to their database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import (
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
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeEngine

from markdown_pricing import columns as declared
from markdown_pricing.erp import status
from markdown_pricing.erp.errors import BadErpUrl, ErpDenied, MissingDriver, erp_errors
from markdown_pricing.erp.grants import STATUS, schema_of
from markdown_pricing.erp.locks import lock
from markdown_pricing.erp.tls import tls_of
from markdown_pricing.errors import FinalError

CENT = Decimal("0.01")


class Money(TypeDecorator[Decimal]):
    """NUMERIC(14,2) in local currency. SQLite keeps a float, which holds 14 digits to the cent."""

    impl = Numeric(14, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Numeric(14, 2, asdecimal=False) if dialect.name == "sqlite" else Numeric(14, 2)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(str(value)).quantize(CENT)


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


TYPES: Mapping[declared.Type, type[TypeEngine[Any]]] = {
    declared.TEXT: Text,
    declared.MONEY: Money,
    declared.NUMBER: Double,
    declared.WHOLE: Integer,
    declared.DAY: Date,
    declared.MOMENT: Moment,
}


def _table(name: str, columns: Sequence[declared.Column]) -> Table:
    made = (
        Column(own.name, TYPES[own.type], primary_key=own.key, nullable=own.may_be_empty and not own.key)
        for own in columns
    )
    return Table(name, METADATA, *made)


recommendations = _table("markdown_recommendations", declared.RECOMMENDATIONS)
price_path = _table("markdown_price_path", declared.PRICE_PATH)
refreshes = _table("markdown_refreshes", declared.REFRESHES)
NEWEST_FIRST = ("week", "launched_at", "refreshed_at")
"""The columns by which of a country's receipts the largest is the newest."""

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
    def __init__(self, missing: Mapping[str, Sequence[str]], statements: Sequence[str]) -> None:
        self.missing = {table: tuple(columns) for table, columns in missing.items()}
        self.statements = tuple(statements)
        named = "; ".join(f"{table} lacks {', '.join(columns)}" for table, columns in missing.items())
        super().__init__("\n  ".join((f"{named}. Nothing was changed. Have the owner of the tables run:", *statements)))


def engine_for(url: str, user: str | None, password: str | None, schema: str | None = None) -> Engine:
    """The engine of the ERP's database, which connects to nothing yet.

    url    : SQLAlchemy URL without password; `postgresql://` is read as `postgresql+psycopg://`. What its query does
             not say of TLS is asked as `tls` has it
    schema : the schema of the tables, on PostgreSQL only; None stands for the default search path
    Each use opens a connection of its own, so that an engine survives a fork and a restart of the server.
    Raises BadErpUrl and MissingDriver.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadErpUrl("is not a SQLAlchemy URL") from None
    if parsed.password is not None or "password" in parsed.query:
        raise BadErpUrl("holds a password")
    backend = parsed.get_backend_name()
    if backend not in _CONNECT:
        raise BadErpUrl("is neither PostgreSQL nor SQLite")
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if backend == "postgresql":
        parsed = parsed.set(username=user or parsed.username, password=password or None)
    elif not parsed.database or parsed.database == ":memory:":
        raise BadErpUrl("names no file: the processes of a round share one SQLite file")
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
    """Create the tables that are missing, once, however many processes ask at the same time.

    Existing tables stay as they are, and columns beyond the contract's are left alone. No refresh depends on the view
    `markdown_status`: where the account may not make it, the doctor prints how.
    Raises MissingColumns, which has the ALTER TABLE statements, ErpUnreachable and ErpDenied.
    """
    with erp_errors(engine), engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            # In this mode, which the file keeps, readers can read while a writer writes.
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        if _all_there(connection) and not _lacks_status(connection):
            return
        lock(connection, "tables")
        if not _all_there(connection):
            schema = schema_of(connection)
            if schema and not inspect(connection).has_schema(schema):
                connection.execute(CreateSchema(schema))
            METADATA.create_all(connection)
        if _lacks_status(connection):
            connection.execute(text(status_statement(connection)))


def status_statement(connection: Connection) -> str:
    """What makes the view `markdown_status` beside the tables."""
    view, of = (qualified_name(connection, name) for name in (STATUS, refreshes.name))
    return status.create_statement(connection.dialect.name, view, of, NEWEST_FIRST)


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


def missing_columns(connection: Connection) -> MissingColumns | None:
    """The columns that existing tables lack, with the statements that add them; None when they lack nothing."""
    lacking = {}
    for name, present in columns_of(connection).items():
        if columns := [column for column in METADATA.tables[name].columns if column.name not in present]:
            lacking[name] = columns
    statements = [_add_column(connection, column) for columns in lacking.values() for column in columns]
    names = {name: [column.name for column in columns] for name, columns in lacking.items()}
    return MissingColumns(names, statements) if lacking else None


def _all_there(connection: Connection) -> bool:
    if missing := missing_columns(connection):
        raise missing
    return len(columns_of(connection)) == len(METADATA.tables)


def _lacks_status(connection: Connection) -> bool:
    """Whether the view is to be made, and by this account."""
    return status.is_missing(connection) and status.may_create(connection)


def _add_column(connection: Connection, column: Column[Any]) -> str:
    # The column gets no NOT NULL, which a table with rows could not take. Rows are checked before they are written.
    table, quote = qualified_name(connection, column.table.name), connection.dialect.identifier_preparer.quote
    return f"ALTER TABLE {table} ADD COLUMN {quote(column.name)} {column.type.compile(connection.dialect)};"


def _read_alike_everywhere(engine: Engine) -> None:
    """Begin each transaction with what its values are written and read by: ISO days, and all digits of a number.

    A server, database or role may have other defaults. They are set for the transaction alone, because behind a pooler
    the connection is somebody else's afterwards.
    """

    @event.listens_for(engine, "begin")
    def say_how(connection: Connection) -> None:
        settings = "set_config('DateStyle', 'ISO, MDY', true), set_config('extra_float_digits', '3', true)"
        connection.exec_driver_sql(f"SELECT {settings}")


def _make_folder_on_connect(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def make_folder(*_: Any) -> None:
        folder = Path(str(engine.url.database)).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ErpDenied(
                str(engine.url.database), str(error), "Choose a folder that this user can write."
            ) from error
