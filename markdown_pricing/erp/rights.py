"""What `markdown-pricing doctor` asks the ERP. It changes nothing there."""

import os
from pathlib import Path

from sqlalchemy import Connection, Engine

from markdown_pricing.erp.column_types import losing_columns
from markdown_pricing.erp.errors import erp_errors, where_is
from markdown_pricing.erp.grants import BESIDE_RIGHTS, may_create, missing_grants, rights_beyond_ours
from markdown_pricing.erp.tables import (
    METADATA,
    columns_of,
    lacking,
    missing_beside,
    missing_columns,
    statements_beside,
)
from markdown_pricing.errors import PricingError
from markdown_pricing.installation.finding import Finding


def check_rights(engine: Engine) -> list[Finding]:
    """Can it connect, are the tables there with their columns, may it read, insert and delete, and nothing beyond?"""
    where = where_is(engine)
    if engine.dialect.name == "sqlite" and not Path(where).exists():
        return [_may_create(Path(where))]
    try:
        with erp_errors(engine), engine.connect() as connection:
            findings = [Finding(f"connection to {where}", True), _tables(connection), _rights(connection, where)]
            return (
                findings
                if engine.dialect.name == "sqlite"
                else [*findings, _no_further_rights(connection), *_beside(connection), *losing_columns(connection)]
            )
    except PricingError as error:
        return [Finding(f"connection to {where}", False, str(error))]


def _tables(connection: Connection) -> Finding:
    if missing := missing_columns(connection):
        return Finding("tables", False, str(missing))
    if lacks := lacking(connection):
        names = (", ".join(f"{name}.{column.name}" for column in own) or name for name, own in lacks.items())
        return Finding(f"tables ({', '.join(sorted(names))} will be created by the first run)", True)
    return Finding("tables", True)


def _rights(connection: Connection, where: str) -> Finding:
    if connection.dialect.name == "sqlite":
        # WAL keeps two more files beside the first.
        writable = os.access(where, os.W_OK) and os.access(Path(where).parent, os.W_OK | os.X_OK)
        return Finding("rights", writable, "" if writable else f"Make {where} and its folder writable for this user.")
    grants = missing_grants(connection)
    remedy = "\n  ".join(("Have the owner of the database run:", *grants)) if grants else ""
    return Finding("rights", not grants, remedy)


def _no_further_rights(connection: Connection) -> Finding:
    revokes = rights_beyond_ours(connection)
    remedy = "The account may touch more than its tables. Have the owner of the database run:"
    return Finding("rights beyond", not revokes, "\n  ".join((remedy, *revokes)) if revokes else "")


def _beside(connection: Connection) -> list[Finding]:
    """What people read and write beside the rows, where this account can neither make it nor read it."""
    tables_are_there = METADATA.tables.keys() <= columns_of(connection).keys()
    if not tables_are_there:
        return []
    missing = missing_beside(connection)
    lacking_there = {} if may_create(connection) else statements_beside(connection)
    for name, rights in BESIDE_RIGHTS.items():
        if name not in missing and (grants := missing_grants(connection, {name: rights})):
            lacking_there[name] = grants
    return [
        Finding(
            f"{'table' if name in BESIDE_RIGHTS else 'view'} {name}",
            False,
            "\n  ".join(("No refresh depends on it. Have the owner of the tables run:", *statements)),
        )
        for name, statements in lacking_there.items()
    ]


def _may_create(file: Path) -> Finding:
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Finding(f"{file} will be created by the first run", True)
    return Finding(f"{file}", False, f"Make {folder} a folder that this user can write, or choose another file.")
