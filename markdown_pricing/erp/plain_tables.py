"""Whether the refreshed tables are PostgreSQL's plain ones, which store rows as they are given, or refuse them."""

from sqlalchemy import Connection, text

from markdown_pricing.erp.column_types import holds_all, types_of
from markdown_pricing.erp.grants import WHERE_OURS_ARE, schema_of
from markdown_pricing.erp.tables import METADATA

# What could change or drop a row without an error leaves its mark here: a trigger, also one that a foreign key makes
# or that waits for the commit; a rule; a policy; a view, a foreign table, partitions and tables that inherit.
_PLAIN = text(
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE c.relname = ANY(:tables) AND {WHERE_OURS_ARE} AND c.relkind = 'r' AND NOT c.relhastriggers"
    " AND NOT c.relhasrules AND NOT c.relhassubclass AND NOT row_security_active(c.oid)"
)
_CUTS_BLANKS = "character varying("
"""Such a type cuts the blanks at the end of a text that is too long, without a word."""


def keep_what_they_are_given(connection: Connection) -> bool:
    """Whether nothing of the ERP's own, on any of the tables, can change rows that one of them has accepted.

    A trigger of one table may change another's rows, so that all of them decide together. To be asked in the
    transaction that has written: its locks keep the tables as they are. SQLite isn't asked: its columns take anything.
    """
    if connection.dialect.name != "postgresql":
        return False
    asked = {"schema": schema_of(connection), "tables": list(METADATA.tables)}
    if connection.scalar(_PLAIN, asked) != len(METADATA.tables):
        return False
    types = types_of(connection).items()
    return all(holds_all(column, there) and not there.startswith(_CUTS_BLANKS) for column, there in types)
