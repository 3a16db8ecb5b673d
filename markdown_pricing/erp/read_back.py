"""Read a country's rows as the database holds them, and compare them with what was written.

Triggers, rules, row-level policies and column types of the ERP's own may change or drop rows without an error.
`plain_tables` says where there are none, so that nothing need be read.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from sqlalchemy import Column, Connection, Date, Table, select

from markdown_pricing.erp.errors import ErpRefused, where_is
from markdown_pricing.erp.tables import Moment, Money, qualified_name
from markdown_pricing.erp.values import KINDS, arrow_schema


class OtherRowsInErp(ErpRefused):
    """The table did not take the rows as they were written."""

    def __init__(self, where: str, table: str, difference: str) -> None:
        super().__init__(
            where,
            f"{table} does not hold what was written to it: {difference}. Look for triggers, rules, row-level policies "
            f"and column types of the ERP's own",
        )


def check_taken(connection: Connection, table: Table, country: str, written: pa.Table) -> None:
    """Read the country's rows back within the transaction that wrote them, and refuse it when they differ.

    Times are not compared: they are no part of the content. Raises OtherRowsInErp, which names a row that differs.
    """
    columns = [column for column in table.columns if not isinstance(column.type, Moment)]
    where = where_is(connection.engine)
    try:
        held = _held(connection, table, columns, country)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise OtherRowsInErp(where, table.name, f"a value comes back in another form ({error})") from error
    key = [column.name for column in table.primary_key if column.name != "country"]
    by_key = [(name, "ascending") for name in key]
    held, meant = held.sort_by(by_key), written.select(held.column_names).sort_by(by_key)
    if not held.equals(meant):
        raise OtherRowsInErp(where, table.name, _difference(held, meant, key))


def read_rows(connection: Connection, table: Table, country: str) -> pa.Table:
    """The country's rows of the table, by any driver."""
    rows = connection.execute(select(table).where(table.c.country == country)).mappings()
    return pa.Table.from_pylist([dict(row) for row in rows], arrow_schema(table))


def _held(connection: Connection, table: Table, columns: list[Column[Any]], country: str) -> pa.Table:
    """The columns of the country's rows. What SQLAlchemy makes of each value would take as long as the writing."""
    if connection.dialect.driver == "psycopg":
        return _copied(connection, table, columns, country)
    if connection.dialect.name == "sqlite":
        return _fetched(connection, table, columns, country)
    return read_rows(connection, table, country).select([column.name for column in columns])


def _copied(connection: Connection, table: Table, columns: list[Column[Any]], country: str) -> pa.Table:
    """By COPY from PostgreSQL, in the contract's types: where the table has others, this shows what they have lost."""
    quote, dialect = connection.dialect.identifier_preparer.quote, connection.dialect
    values = ", ".join(f"CAST({quote(column.name)} AS {column.type.compile(dialect)})" for column in columns)
    query = f"SELECT {values} FROM {qualified_name(connection, table.name)} WHERE country = %s"
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')", (country,)) as copy,
    ):
        lines = b"".join(copy)
    schema = pa.schema([(column.name, KINDS[type(column.type)].arrow) for column in columns])
    if not lines:
        return schema.empty_table()
    return csv.read_csv(
        pa.BufferReader(lines),
        csv.ReadOptions(column_names=schema.names, use_threads=False, block_size=max(len(lines), 1)),
        csv.ParseOptions(newlines_in_values=True),
        # COPY writes NULL as nothing, and an empty text as two quotes.
        csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


def _fetched(connection: Connection, table: Table, columns: list[Column[Any]], country: str) -> pa.Table:
    """As SQLite has them: amounts as floats, days as text."""
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(column.name) for column in columns)
    query = f"SELECT {names} FROM {qualified_name(connection, table.name)} WHERE country = ?"
    driver = connection.connection.driver_connection
    assert driver is not None
    rows = driver.execute(query, (country,)).fetchall()
    by_column = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [_array(column, values) for column, values in zip(columns, by_column, strict=True)]
    return pa.table(arrays, [column.name for column in columns])


def _array(column: Column[Any], values: tuple[Any, ...]) -> pa.Array:
    kind = KINDS[type(column.type)]
    if isinstance(column.type, Money) and kind.convert_floats:
        floats = pa.array(values, pa.float64()).to_numpy(zero_copy_only=False)
        return kind.convert_floats(floats)[0]
    if isinstance(column.type, Date):
        return pa.array(values, pa.string()).cast(kind.arrow)
    return pa.array(values, kind.arrow)


def _difference(held: pa.Table, meant: pa.Table, key: list[str]) -> str:
    """The first row that differs, in words; both are ordered by their key."""

    def named(row: Any) -> str:
        return ", ".join(f"{name} {row[name]}" for name in key)

    def key_of(row: Any) -> tuple[Any, ...]:
        return tuple(row[name] for name in key)

    at = _first_difference(held, meant)
    there, written = (next(iter(rows.slice(at, 1).to_pylist()), None) for rows in (held, meant))
    count = f"{len(meant)} rows were written and {len(held)} are there"
    if there is None or (written is not None and key_of(there) > key_of(written)):
        return f"{count}, without that of {named(written)}"
    if written is None or key_of(there) < key_of(written):
        return f"{count}, with one of {named(there)} that nobody wrote"
    name = next(name for name in written if written[name] != there[name])
    return f"{name} of {named(written)} is {there[name]} where {written[name]} was written"


def _first_difference(held: pa.Table, meant: pa.Table) -> int:
    """The place of the first row that is not the same in both; the shorter one's end when there is none."""
    first = shorter = min(len(held), len(meant))
    for name in meant.column_names:
        one, other = (rows[name].slice(0, shorter) for rows in (held, meant))
        same = pc.or_(pc.equal(one, other).fill_null(False), pc.and_(one.is_null(), other.is_null()))
        at = pc.index(same, False).as_py()
        first = first if at < 0 else min(first, at)
    return first
