"""A country's rows into a table: by COPY where driver and table allow it, as INSERT elsewhere."""

from collections.abc import Sequence

from sqlalchemy import Connection, Table, text

from markdown_pricing.erp.rows import Record
from markdown_pricing.erp.tables import qualified_name
from markdown_pricing.erp.texts import COPY, COPY_NULL, lines

RECORDS_AT_ONCE = 10_000


def insert(connection: Connection, table: Table, records: Sequence[Record]) -> None:
    """Within the connection's transaction; the database holds the same values whichever way they came."""
    if connection.dialect.driver == "psycopg" and not _has_row_security(connection, table):
        _copy(connection, table, records)
    else:
        connection.execute(table.insert(), list(records))


def _has_row_security(connection: Connection, table: Table) -> bool:
    """PostgreSQL takes no COPY where a policy decides about each row."""
    name = qualified_name(connection, table.name)
    return bool(connection.scalar(text("SELECT row_security_active(CAST(:name AS text))"), {"name": name}))


def _copy(connection: Connection, table: Table, records: Sequence[Record]) -> None:
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(column.name) for column in table.columns)
    into = f"{qualified_name(connection, table.name)} ({columns})"
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for first in range(0, len(records), RECORDS_AT_ONCE):
            some = records[first : first + RECORDS_AT_ONCE]
            copy.write("".join(f"{line}\n" for line in lines(table.columns, some, COPY, COPY_NULL, "\t")))
