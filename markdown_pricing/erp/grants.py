"""The statements with which the database's owner grants missing rights and revokes those that are too many."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, text

NEEDED_RIGHTS = {
    "markdown_recommendations": ("SELECT", "INSERT", "DELETE"),
    "markdown_price_path": ("SELECT", "INSERT", "DELETE"),
    "markdown_options": ("SELECT", "INSERT", "DELETE"),
    "markdown_refreshes": ("SELECT", "INSERT"),
}
"""The rights that a refresh needs on each table."""

STATUS = "markdown_status"
"""The view of the newest receipts, which people's screens read."""
DECISIONS, CURRENT = "markdown_decisions", "markdown_decisions_current"
"""The table that people's tools add their decisions to, and the view of the newest of each article and week."""
OUTCOMES, TOTALS = "markdown_outcomes", "markdown_outcome_totals"
"""The tables of the ledger, which a job of its own writes when a week is sold."""
READ_RIGHTS = {DECISIONS: ("SELECT",)}
"""The rights that a round needs on what no refresh depends on."""
LEDGER_RIGHTS = {OUTCOMES: ("SELECT", "INSERT", "DELETE"), TOTALS: ("SELECT", "INSERT", "DELETE")}
"""The rights of who writes the ledger."""
ARMS, EFFECTS = "markdown_arms", "markdown_effects"
"""The tables of a comparison with the old habit: its cells, and what was found."""
COMPARISON_RIGHTS = {ARMS: ("SELECT", "INSERT", "DELETE"), EFFECTS: ("SELECT", "INSERT")}
"""The rights of who writes the comparison."""
BESIDE_RIGHTS = {**READ_RIGHTS, **LEDGER_RIGHTS, **COMPARISON_RIGHTS}
"""The rights that our account has on the tables that no refresh depends on."""

_NAMED = "quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name"
_TABLES = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
WHERE_OURS_ARE = "CASE WHEN CAST(:schema AS text) IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = :schema END"
"""Which `pg_class c` of `pg_namespace n` are in the `:schema` of the tables."""
_TABLE = text(f"SELECT c.oid, {_NAMED} {_TABLES} WHERE c.relname = :table AND {WHERE_OURS_ARE}")
_SCHEMA = text("SELECT oid, quote_ident(nspname) AS name FROM pg_namespace WHERE nspname = :schema")
_ROLE = text(
    "SELECT quote_ident(rolname) AS name, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls"
    " FROM pg_roles WHERE rolname = current_user"
)
_OTHER_TABLES = text(
    f"SELECT {_NAMED}, has_table_privilege('public', c.oid, :rights) AS everybody {_TABLES}"
    " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')"
    " AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
    " AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, :rights)"
    f" AND NOT (c.relname = ANY(:ours) AND {WHERE_OURS_ARE}) ORDER BY name"
).bindparams(rights="SELECT, INSERT, UPDATE, DELETE, TRUNCATE")


def schema_of(bind: Engine | Connection) -> str | None:
    """The schema of the tables; None stands for the default search path."""
    names = bind.get_execution_options().get("schema_translate_map") or {}
    schema: str | None = names.get(None)
    return schema


def may_create(connection: Connection) -> bool:
    """Whether the connected role can make tables and views; the schema is there, or the role may make it, too."""
    if connection.dialect.name == "sqlite":
        return True
    right = text("SELECT has_schema_privilege(COALESCE(:schema, current_schema()), 'CREATE')")
    return bool(connection.scalar(right, {"schema": schema_of(connection)}))


def owns_tables(connection: Connection, names: Sequence[str]) -> bool:
    """Whether the connected role may change the form of these tables, as their owner can."""
    if connection.dialect.name == "sqlite" or not names:
        return True
    query = text(
        f"SELECT bool_and(pg_has_role(c.relowner, 'USAGE')) {_TABLES} WHERE c.relname = ANY(:names)"
        f" AND {WHERE_OURS_ARE}"
    )
    return bool(connection.scalar(query, {"names": list(names), "schema": schema_of(connection)}))


def missing_grants(connection: Connection, needed: Mapping[str, Sequence[str]] = NEEDED_RIGHTS) -> list[str]:
    """The GRANT statements that the connected role still needs to create and refresh the tables, on PostgreSQL.

    needed : the rights by table, which may be others than those of a refresh
    """
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
    for table, rights in needed.items():
        # Tables in a schema that the role may not use are missing on the search path, but not in the catalogue.
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


def missing_column_grants(connection: Connection, table: str, needed: Mapping[str, Sequence[str]]) -> list[str]:
    """The GRANT statements for rights on columns of a table that is there, on PostgreSQL.

    needed : the columns by right
    """
    role, schema = connection.scalar(text("SELECT quote_ident(current_user)")), schema_of(connection)
    there = connection.execute(_TABLE, {"table": table, "schema": schema}).one()
    held = "has_column_privilege({oid}::oid, '{column}', '{right}')".format
    lacking = {
        right: [each for each in columns if not _holds(connection, held(oid=there.oid, column=each, right=right))]
        for right, columns in needed.items()
    }
    wanted = ", ".join(f"{right} ({', '.join(columns)})" for right, columns in lacking.items() if columns)
    return [f"GRANT {wanted} ON {there.name} TO {role};"] if wanted else []


def rights_beyond_ours(connection: Connection) -> list[str]:
    """What to take away from the connected role, on PostgreSQL, so that it can touch nothing but these tables."""
    role = connection.execute(_ROLE).one()
    if role.rolsuper:
        return [f"-- {role.name} is a superuser, who may do everything: use an account of its own for the prices"]
    ours = {"schema": schema_of(connection), "ours": [*NEEDED_RIGHTS, STATUS, CURRENT, *BESIDE_RIGHTS]}
    revokes = [
        f"REVOKE ALL ON {table.name} FROM {'PUBLIC' if table.everybody else role.name};"
        for table in connection.execute(_OTHER_TABLES, ours)
    ]
    may = {"CREATEROLE": role.rolcreaterole, "CREATEDB": role.rolcreatedb, "BYPASSRLS": role.rolbypassrls}
    attributes = [attribute for attribute, held in may.items() if held]
    if attributes:
        revokes.append(f"ALTER ROLE {role.name} {' '.join(f'NO{word}' for word in attributes)};")
    return revokes


def _holds(connection: Connection, right: str) -> bool:
    return bool(connection.scalar(text(f"SELECT {right}")))
