"""Two rounds of one week, compared cell by cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from markdown_pricing.erp.whole_round import KEYS, RECOMMENDATIONS

MISSING = "no such row"


@dataclass(frozen=True)
class Round:
    """One round of a week, as the rows of each table of KEYS by its name; a version before may lack a table."""

    tables: Mapping[str, pd.DataFrame]

    @property
    def rows(self) -> pd.DataFrame:
        return self.tables[RECOMMENDATIONS]


@dataclass(frozen=True)
class Difference:
    """One cell in which two rounds differ.

    of : the week of a price path, or the price of an option; None in the recommendations
    """

    country: str
    article_id: str
    of: str | None
    column: str
    first: Any
    second: Any


def differences(first: Round, second: Round, tolerance: float = 0.0) -> list[Difference]:
    """Every cell that differs, by country, article and week, in the columns that both rounds have.

    tolerance : numbers that differ by at most this share of the larger one count as equal, because processors may
        round the last digit differently
    """
    return [
        cell
        for name, key in KEYS.items()
        if name in first.tables and name in second.tables
        for cell in _differing_cells(first.tables[name], second.tables[name], key, tolerance)
    ]


def columns_only_in(first: Round, second: Round) -> list[str]:
    """Tables and columns that no cell of the other round is compared with, as one of the two is of another version."""
    return [
        str(column)
        for name, here in first.tables.items()
        for column in (
            here.columns.difference(second.tables[name].columns, sort=False)
            if name in second.tables
            else [f"the table {name}"]
        )
    ]


def _differing_cells(first: pd.DataFrame, second: pd.DataFrame, key: list[str], tolerance: float) -> list[Difference]:
    first, second = (_comparable(frame, key) for frame in (first, second))
    index = first.index.union(second.index)
    both = first.index.intersection(second.index)
    differing: list[tuple[Any, str, Any, Any]] = [
        (row, "row", "there", MISSING) for row in index.difference(second.index)
    ]
    differing += [(row, "row", MISSING, "there") for row in index.difference(first.index)]
    for column in first.columns.intersection(second.columns, sort=False):
        one, other = first.loc[both, column].to_numpy(), second.loc[both, column].to_numpy()
        differs = ~_equal(one, other, tolerance)
        differing += [
            (row, column, a, b) for row, a, b in zip(both[differs], one[differs], other[differs], strict=True)
        ]
    cells = [Difference(row[0], row[1], str(row[2]) if len(row) > 2 else None, *rest) for row, *rest in differing]
    return sorted(cells, key=lambda cell: (cell.country, cell.article_id, cell.of or "", cell.column))


def _comparable(frame: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """The frame by its key, each value as a number, a text or None, because databases and files differ in types."""
    values = frame.map(_value).astype(object)
    return values.where(values.notna(), None).set_index(key).sort_index()


def _value(cell: Any) -> Any:
    if isinstance(cell, Decimal | np.number):
        cell = float(cell)
    elif isinstance(cell, date):
        cell = cell.isoformat()[:10]
    return cell


def _equal(one: Any, other: Any, tolerance: float) -> Any:
    """Whether the elements of two object arrays of the same length are equal, element by element."""
    pairs = zip(one, other, strict=True)
    return np.array([a == b or _near(a, b, tolerance) for a, b in pairs], dtype=bool)


def _near(a: Any, b: Any, tolerance: float) -> bool:
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    return numbers and abs(a - b) <= tolerance * max(abs(a), abs(b))
