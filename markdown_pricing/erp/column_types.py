"""Which columns of the ERP's existing tables, on PostgreSQL, cannot hold all that is written into them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Column, Connection, Date, Double, Integer, Text, text

from markdown_pricing.erp.grants import WHERE_OURS_ARE, schema_of
from markdown_pricing.erp.tables import METADATA, Moment, Money, qualified_name
from markdown_pricing.installation.finding import Finding

SHORTEST_TEXT = 255
"""Characters that a sentence or a version takes at most. Chosen on 2026-11-27."""
_FIXED_LENGTHS = {"country": "character(3)", "content_hash": "character(64)"}

# A domain counts as the type that it is made of.
_TYPES = text(
    "SELECT c.relname, a.attname, format_type(COALESCE(NULLIF(t.typbasetype, 0), t.oid),"
    " CASE WHEN t.typbasetype = 0 THEN a.atttypmod ELSE t.typtypmod END) AS type"
    " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE c.relname = ANY(:tables) AND {WHERE_OURS_ARE} AND a.attnum > 0 AND NOT a.attisdropped"
)
_HOLDS_ALL: Mapping[type, re.Pattern[str]] = {
    Text: re.compile(r"text|character varying"),
    Double: re.compile(r"double precision"),
    Integer: re.compile(r"integer|bigint"),
    Date: re.compile(r"date"),
    Moment: re.compile(r"timestamp(\(6\))? with time zone"),
    Money: re.compile(r"numeric|double precision"),
}
_LENGTH = re.compile(r"character varying\((\d+)\)")
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")


def losing_columns(connection: Connection) -> list[Finding]:
    """What the doctor says of the tables that are there: an encoding or columns that lose or refuse something."""
    return [*_encoding(connection), *_columns(connection)]


def _encoding(connection: Connection) -> Iterator[Finding]:
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding not in ("UTF8", "SQL_ASCII"):
        says = (
            f"It refuses texts that {encoding} has no signs for. A database whose encoding is UTF8 takes all of them."
        )
        yield Finding(f"encoding {encoding} of the database", False, says)


def types_of(connection: Connection) -> dict[Column[Any], str]:
    """The type of each column of the refreshed tables that is there, in PostgreSQL's words."""
    asked = {"schema": schema_of(connection), "tables": list(METADATA.tables)}
    types = {(row.relname, row.attname): row.type for row in connection.execute(_TYPES, asked)}
    columns = (column for table in METADATA.tables.values() for column in table.columns)
    return {column: types[key] for column in columns if (key := (column.table.name, column.name)) in types}


def _columns(connection: Connection) -> Iterator[Finding]:
    losing = {column: there for column, there in types_of(connection).items() if not holds_all(column, there)}
    if losing:
        named = "; ".join(f"{column} is {there}" for column, there in losing.items())
        says = f"{named}. Values would lose something or be refused. Have the owner of the tables run:"
        yield Finding("column types", False, "\n  ".join((says, *(_alter(connection, column) for column in losing))))


def holds_all(column: Column[Any], there: str) -> bool:
    """Whether the type, in PostgreSQL's words, holds every value of the column as it is.

    A key that is an ERP's own may have the ERP's length.
    """
    if there == _FIXED_LENGTHS.get(column.name):
        return True
    if length := _LENGTH.fullmatch(there):
        return isinstance(column.type, Text) and (column.primary_key or int(length[1]) >= SHORTEST_TEXT)
    if numeric := _NUMERIC.fullmatch(there):
        digits, decimals = int(numeric[1]), int(numeric[2])
        return isinstance(column.type, Money) and decimals >= 2 and digits - decimals >= 12
    return bool(_HOLDS_ALL[type(column.type)].fullmatch(there))


def _alter(connection: Connection, column: Column[Any]) -> str:
    table = qualified_name(connection, column.table.name)
    quoted, wanted = connection.dialect.identifier_preparer.quote(column.name), column.type.compile(connection.dialect)
    return f"ALTER TABLE {table} ALTER COLUMN {quoted} TYPE {wanted} USING CAST({quoted} AS {wanted});"
