"""Write the cells of a comparison and what was found of it, for whoever reads the ERP; nothing is read back."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, delete

from markdown_pricing.erp.errors import erp_errors
from markdown_pricing.erp.grants import COMPARISON_RIGHTS
from markdown_pricing.erp.locks import lock
from markdown_pricing.erp.missing import check_there
from markdown_pricing.erp.tables import arms, effects

Row = Mapping[str, Any]


def write_comparison(engine: Engine, cells: Sequence[Row], effect_rows: Sequence[Row]) -> None:
    """Replace the cells of their seasons, and add the effects, in one transaction.

    cells, effect_rows : rows by the columns of markdown_arms and markdown_effects
    Raises TablesMissing, and what `erp_errors` raises; then nothing was changed.
    """
    with erp_errors(engine, COMPARISON_RIGHTS), engine.begin() as connection:
        check_there(connection, COMPARISON_RIGHTS, "The comparison itself lies on the lake.")
        lock(connection, "comparison")
        connection.execute(delete(arms).where(arms.c.season.in_({row["season"] for row in cells})))
        for table, rows in ((arms, cells), (effects, effect_rows)):
            if rows:
                connection.execute(table.insert(), [dict(row) for row in rows])
