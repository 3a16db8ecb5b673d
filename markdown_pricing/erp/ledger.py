"""Write the ledger of a country's last weeks, in one transaction: a reader sees the old rows or the new ones.

It is made from what lies on the lake, which is read under the country's lock, so that whoever writes last writes what
is known: no writer need be refused. No refresh waits for it, as the lock is its own, and none depends on its tables.
"""

from collections.abc import Callable, Sequence

import pandas as pd
import pyarrow as pa
from sqlalchemy import Engine, Table, delete

from markdown_pricing.erp.errors import erp_errors, where_is
from markdown_pricing.erp.grants import LEDGER_RIGHTS
from markdown_pricing.erp.insert import insert
from markdown_pricing.erp.locks import lock
from markdown_pricing.erp.tables import missing_beside, outcome_totals, outcomes, statements_beside
from markdown_pricing.erp.values import KINDS, arrow_schema
from markdown_pricing.errors import FinalError


class NoLedgerTables(FinalError):
    """The tables of the ledger are not there, and this account may not make them."""

    def __init__(self, where: str, missing: Sequence[str], statements: Sequence[str]) -> None:
        listed = "\n  ".join(("", *statements))
        super().__init__(
            f"The ERP at {where} has no table {', '.join(missing)}. The next refresh makes it where its account may "
            f"create tables; else have the owner of the tables run:{listed}\nThe ledger itself lies on the lake."
        )


class BadOutcomes(FinalError):
    def __init__(self, column: str, value: object) -> None:
        super().__init__(
            f"The ledger was not written to the ERP, which keeps what it had: {column} would be {value!r}. Materialize "
            "outcomes of that week again; if that does not help, its code has a fault."
        )


def replace_ledger(engine: Engine, country: str, read: Callable[[], tuple[pd.DataFrame, pd.DataFrame]]) -> None:
    """Replace the country's rows of the ledger, and the sums of the same weeks.

    read : gives OUTCOME_COLUMNS of the country's last weeks, of which older ones are removed, and TOTAL_COLUMNS of the
        same weeks, of which older ones stay; it is called under the lock, so that nobody writes what it read before
    Raises NoLedgerTables, BadOutcomes, and what `read` and `erp_errors` raise; then nothing was changed.
    """
    with erp_errors(engine, LEDGER_RIGHTS), engine.begin() as connection:
        if missing := sorted(missing_beside(connection).keys() & LEDGER_RIGHTS.keys()):
            beside = statements_beside(connection)
            raise NoLedgerTables(where_is(engine), missing, [each for name in missing for each in beside[name]])
        lock(connection, f"{country} outcomes")
        rows, totals = read()
        taken, sums = _taken(outcomes, rows), _taken(outcome_totals, totals)
        weeks = sorted(set(rows["week"]))
        connection.execute(delete(outcomes).where(outcomes.c.country == country))
        of_these_weeks = outcome_totals.c.week.in_(weeks)
        connection.execute(delete(outcome_totals).where(outcome_totals.c.country == country, of_these_weeks))
        insert(connection, outcomes, taken)
        insert(connection, outcome_totals, sums)


def _taken(table: Table, frame: pd.DataFrame) -> pa.Table:
    """The frame's columns in the form of the table's columns. Raises BadOutcomes."""
    columns = []
    for column in table.columns:
        values, bad = KINDS[type(column.type)].values(frame[column.name])
        empty = frame[column.name].isna().to_numpy() & (not column.nullable)
        if (wrong := bad | empty).any():
            raise BadOutcomes(str(column), frame[column.name][wrong].tolist()[0])
        columns.append(values)
    return pa.table(columns, arrow_schema(table))
