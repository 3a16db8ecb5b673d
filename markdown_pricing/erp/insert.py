"""Write a country's rows into a table, by COPY where driver and table allow it, and by INSERT elsewhere."""

import pyarrow as pa
from sqlalchemy import Connection, Table, text

from markdown_pricing.erp.tables import qualified_name
from markdown_pricing.erp.texts import COPY, lines


def insert(connection: Connection, table: Table, rows: pa.Table) -> None:
    """Insert the rows within the connection's transaction. COPY and INSERT leave the same values in the database."""
    if connection.dialect.driver == "psycopg" and not _has_row_security(connection, table):
        _copy(connection, table, rows)
    else:
        connection.execute(table.insert(), rows.to_pylist())


def _has_row_security(connection: Connection, table: Table) -> bool:
    """Whether a policy decides about each row, because PostgreSQL then allows no COPY."""
    name = qualified_name(connection, table.name)
    return bool(connection.scalar(text("SELECT row_security_active(CAST(:name AS text))"), {"name": name}))


def _copy(connection: Connection, table: Table, rows: pa.Table) -> None:
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in rows.column_names)
    into = f"{qualified_name(connection, table.name)} ({columns})"
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (ENCODING 'UTF8')") as copy:
        for block in lines(rows, COPY):
            copy.write(block)
