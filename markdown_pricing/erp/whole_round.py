"""All rows of a week's round as the ERP has them, for whoever compares two rounds."""

from collections.abc import Set
from datetime import date

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Engine, Table, select

from markdown_pricing.erp.errors import erp_errors
from markdown_pricing.erp.tables import columns_of, options, price_path, recommendations

RECOMMENDATIONS, PRICE_PATH, OPTIONS = recommendations.name, price_path.name, options.name
KEYS = {table.name: [column.name for column in table.primary_key] for table in (recommendations, price_path, options)}
"""The tables that hold a round's rows, and what a row of each is found by."""


def rows_of_round(engine: Engine, week: date) -> dict[str, pd.DataFrame]:
    """The week's rows of each of KEYS by its name, without tables and columns that another version did not make.

    Raises what `erp_errors` raises.
    """
    countries = select(recommendations.c.country).where(recommendations.c.week == week).distinct()
    with erp_errors(engine), engine.connect() as connection:
        there = columns_of(connection)
        return {
            table.name: _frame(connection, table, there[table.name], where)
            for table, where in (
                (recommendations, recommendations.c.week == week),
                (price_path, price_path.c.country.in_(countries)),
                (options, options.c.country.in_(countries)),
            )
            if table.name in there
        }


def _frame(connection: Connection, table: Table, there: Set[str], where: ColumnElement[bool]) -> pd.DataFrame:
    columns = [column for column in table.columns if column.name in there]
    rows = connection.execute(select(*columns).where(where)).mappings().all()
    return pd.DataFrame(rows, columns=[column.name for column in columns])
