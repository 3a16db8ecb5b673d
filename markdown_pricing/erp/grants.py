"""What the database's owner has to grant, as the statements to run."""

from sqlalchemy import Connection, Engine, text

NEEDED_RIGHTS = {
    "markdown_recommendations": ("SELECT", "INSERT", "DELETE"),
    "markdown_price_path": ("SELECT", "INSERT", "DELETE"),
    "markdown_refreshes": ("SELECT", "INSERT"),
}
"""What a refresh does with each table."""

_TABLE = text(
    "SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relname = :table AND CASE WHEN CAST(:schema AS text) IS NULL THEN pg_table_is_visible(c.oid)"
    " ELSE n.nspname = :schema END"
)
_SCHEMA = text("SELECT oid, quote_ident(nspname) AS name FROM pg_namespace WHERE nspname = :schema")


def schema_of(bind: Engine | Connection) -> str | None:
    """The schema that the tables live in; None is the default search path."""
    names = bind.get_execution_options().get("schema_translate_map") or {}
    schema: str | None = names.get(None)
    return schema


def missing_grants(connection: Connection) -> list[str]:
    """The GRANT statements, PostgreSQL, that the connected role still needs to create and refresh the tables."""
    role = connection.scalar(text("SELECT quote_ident(current_user)"))
    wanted = schema_of(connection)
    current = wanted or connection.scalar(text("SELECT current_schema()")) or "public"
    schema = connection.execute(_SCHEMA, {"schema": current}).one_or_none()
    if schema is None:
        database = connection.scalar(text("SELECT quote_ident(current_database())"))
        held = _holds(connection, "has_database_privilege(current_database(), 'CREATE')")
        return [] if held else [f"GRANT CREATE ON DATABASE {database} TO {role};"]

    usable = _holds(connection, f"has_schema_privilege({schema.oid}::oid, 'USAGE')")
    grants = [] if usable else [f"GRANT USAGE ON SCHEMA {schema.name} TO {role};"]
    to_create = False
    for table, rights in NEEDED_RIGHTS.items():
        # A schema that may not be used hides its tables from the search path, but not from the catalogue.
        there = connection.execute(_TABLE, {"table": table, "schema": wanted if usable else current}).one_or_none()
        if there is None:
            to_create = True
            continue
        lacking = [r for r in rights if not _holds(connection, f"has_table_privilege({there.oid}::oid, '{r}')")]
        if lacking:
            grants.append(f"GRANT {', '.join(lacking)} ON {there.name} TO {role};")
    if to_create and not _holds(connection, f"has_schema_privilege({schema.oid}::oid, 'CREATE')"):
        grants.append(f"GRANT CREATE ON SCHEMA {schema.name} TO {role};")
    return grants


def _holds(connection: Connection, right: str) -> bool:
    return bool(connection.scalar(text(f"SELECT {right}")))
