"""Write the cells of a comparison and what was found of it, for whoever reads the ERP; nothing is read back."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, delete

from markdown_pricing.erp.errors import erp_errors, where_is
from markdown_pricing.erp.grants import COMPARISON_RIGHTS
from markdown_pricing.erp.locks import lock
from markdown_pricing.erp.tables import arms, effects, missing_beside, statements_beside
from markdown_pricing.errors import FinalError

Row = Mapping[str, Any]


class NoComparisonTables(FinalError):
    """The tables of the comparison are not there, and this account may not make them."""

    def __init__(self, where: str, missing: Sequence[str], statements: Sequence[str]) -> None:
        listed = "\n  ".join(("", *statements))
        super().__init__(
            f"The ERP at {where} has no table {', '.join(missing)}. The next refresh makes it where its account may "
            f"create tables; else have the owner of the tables run:{listed}\nThe comparison itself lies on the lake."
        )


def write_comparison(engine: Engine, cells: Sequence[Row], effect_rows: Sequence[Row]) -> None:
    """Replace the cells of their seasons, and add the effects, in one transaction.

    cells, effect_rows : rows by the columns of markdown_arms and markdown_effects
    Raises NoComparisonTables, and what `erp_errors` raises; then nothing was changed.
    """
    with erp_errors(engine, COMPARISON_RIGHTS), engine.begin() as connection:
        if missing := sorted(missing_beside(connection).keys() & COMPARISON_RIGHTS.keys()):
            beside = statements_beside(connection)
            raise NoComparisonTables(where_is(engine), missing, [each for name in missing for each in beside[name]])
        lock(connection, "comparison")
        connection.execute(delete(arms).where(arms.c.season.in_({row["season"] for row in cells})))
        for table, rows in ((arms, cells), (effects, effect_rows)):
            if rows:
                connection.execute(table.insert(), [dict(row) for row in rows])
