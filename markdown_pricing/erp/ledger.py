"""Write the ledger of a country's last weeks, in one transaction: a reader sees the old rows or the new ones.

Weeks that stand there as they were computed are left as they are, so that a run writes two weeks and not twelve.

It is made from what lies on the lake, which is read under the country's lock, so that whoever writes last writes what
is known: no writer need be refused. No refresh waits for it, as the lock is its own, and none depends on its tables.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Engine, Table, delete, func, select

from markdown_pricing.erp.errors import erp_errors
from markdown_pricing.erp.grants import LEDGER_RIGHTS
from markdown_pricing.erp.insert import insert
from markdown_pricing.erp.locks import lock
from markdown_pricing.erp.missing import check_there
from markdown_pricing.erp.tables import outcome_totals, outcomes
from markdown_pricing.erp.values import KINDS, arrow_schema
from markdown_pricing.errors import FinalError

Computed = Mapping[tuple[str, datetime], int]
"""How many rows of a week each run has computed, and when: a week that was computed anew has another time."""


class BadOutcomes(FinalError):
    def __init__(self, column: str, value: object) -> None:
        super().__init__(
            f"The ledger was not written to the ERP, which keeps what it had: {column} would be {value!r}. Materialize "
            "outcomes of that week again; if that does not help, its code has a fault."
        )


def replace_ledger(engine: Engine, country: str, read: Callable[[], tuple[pd.DataFrame, pd.DataFrame]]) -> None:
    """Bring the country's rows of the ledger up to date, and the sums of the same weeks.

    read : gives OUTCOME_COLUMNS of the country's last weeks, of which older ones are removed, and TOTAL_COLUMNS of the
        same weeks, of which older ones stay; it is called under the lock, so that nobody writes what it read before
    Raises TablesMissing, BadOutcomes, and what `read` and `erp_errors` raise; then nothing was changed.
    """
    with erp_errors(engine, LEDGER_RIGHTS), engine.begin() as connection:
        check_there(connection, LEDGER_RIGHTS, "The ledger itself lies on the lake.")
        lock(connection, f"{country} outcomes")
        rows, totals = read()
        weeks = set(rows["week"])
        there, sums_there = (_there(connection, table, country) for table in (outcomes, outcome_totals))
        wanted, sums_wanted = _computed(rows), _computed(totals)
        changed = {
            week
            for week in weeks
            if there.get(week) != wanted.get(week) or sums_there.get(week) != sums_wanted.get(week)
        }
        gone = there.keys() - weeks
        for table, all_rows, old in ((outcomes, rows, changed | gone), (outcome_totals, totals, changed)):
            _replace(connection, table, country, _taken(table, all_rows[all_rows["week"].isin(changed)]), old)


def _replace(connection: Connection, table: Table, country: str, new: pa.Table, old: Collection[date]) -> None:
    """Write the new rows in place of all that the country has of the old weeks."""
    connection.execute(delete(table).where(table.c.country == country, table.c.week.in_(sorted(old))))
    if new.num_rows:
        insert(connection, table, new)


def _there(connection: Connection, table: Table, country: str) -> dict[date, Computed]:
    """By week how many rows of the country each run has left in the table."""
    keys = table.c.week, table.c.run_id, table.c.computed_at
    counted = select(*keys, func.count()).where(table.c.country == country).group_by(*keys)
    by_week: dict[date, dict[tuple[str, datetime], int]] = {}
    for week, run_id, computed_at, number in connection.execute(counted):
        by_week.setdefault(week, {})[run_id, computed_at] = number
    return dict(by_week)


def _computed(rows: pd.DataFrame) -> dict[date, Computed]:
    """The same of the rows that are to stand there."""
    by_week: dict[date, dict[tuple[str, datetime], int]] = {}
    for (week, run_id, computed_at), number in rows.groupby(["week", "run_id", "computed_at"]).size().items():
        by_week.setdefault(week, {})[run_id, computed_at.to_pydatetime()] = number
    return dict(by_week)


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
