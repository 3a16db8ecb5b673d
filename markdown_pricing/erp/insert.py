"""Write a country's rows into a table, by COPY where driver and table allow it, and by INSERT elsewhere."""

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import DBAPIError

from markdown_pricing.erp.errors import ErpRefused, sqlstate_of, where_is
from markdown_pricing.erp.tables import qualified_name
from markdown_pricing.erp.texts import COPY, lines

_TOO_LONG_FOR_AN_INDEX = "54000"


class KeyTooLong(ErpRefused):
    """An index of PostgreSQL takes some 2,700 bytes, after a compression that only repetitive texts gain by."""

    def __init__(self, where: str, why: str, rows: pa.Table) -> None:
        lengths = pc.utf8_length(rows["article_id"])
        longest = rows["article_id"][pc.index(lengths, pc.max(lengths)).as_py()].as_py()
        super().__init__(
            where,
            f"a text is too long for an index, the longest article_id being that of {len(longest):,} characters that "
            f"begins with {longest[:40]!r} ({why}). The cause is in the data: correct that article_id in the ETL",
        )


def insert(connection: Connection, table: Table, rows: pa.Table) -> None:
    """Insert the rows within the connection's transaction. COPY and INSERT leave the same values in the database.

    Raises KeyTooLong.
    """
    try:
        if connection.dialect.driver == "psycopg" and _allows_copy(connection, table):
            _copy(connection, table, rows)
        else:
            connection.execute(table.insert(), rows.to_pylist())
    except (DBAPIError, connection.dialect.loaded_dbapi.Error) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        if sqlstate_of(original) != _TOO_LONG_FOR_AN_INDEX:
            raise
        raise KeyTooLong(where_is(connection.engine), str(original).partition("\n")[0], rows) from error


def _allows_copy(connection: Connection, table: Table) -> bool:
    """Whether PostgreSQL lets rows be copied into it: not where a policy decides about each row, nor into a view."""
    name = qualified_name(connection, table.name)
    query = "SELECT NOT row_security_active(oid) AND relkind <> 'v' FROM pg_class WHERE oid = to_regclass(:name)"
    return bool(connection.scalar(text(query), {"name": name}))


def _copy(connection: Connection, table: Table, rows: pa.Table) -> None:
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in rows.column_names)
    into = f"{qualified_name(connection, table.name)} ({columns})"
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (ENCODING 'UTF8')") as copy:
        for block in lines(rows, COPY):
            copy.write(block)
