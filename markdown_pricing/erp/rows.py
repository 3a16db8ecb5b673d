"""The rows of one country, as the ERP's columns hold them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Column, Table

from markdown_pricing.erp.tables import price_path, recommendations
from markdown_pricing.erp.texts import JSON, lines
from markdown_pricing.erp.values import KINDS, arrow_schema
from markdown_pricing.errors import Fault, FinalError

NOT_HASHED = ("run_id", "predicted_at")
"""They tell who wrote the rows and when, not what the rows say."""


class EmptySet(FinalError):
    def __init__(self, country: str, week: date) -> None:
        super().__init__(
            f"{country}, week {week}: there are no rows to write, and an empty set never replaces a country. "
            f"The ERP keeps what it had. Look at this week's predictions first."
        )


class BadRows(FinalError):
    def __init__(self, country: str, week: date, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        listed = "\n  ".join(str(fault) for fault in faults)
        super().__init__(
            f"{country}, week {week}: these rows cannot go into the ERP, which keeps what it had:\n  {listed}\n"
            f"Materialise markdown_predictions again; if that does not help, its code has a fault."
        )


@dataclass(frozen=True)
class CountryRows:
    """Both tables' rows of one country, of values that the database takes and gives back unchanged.

    By article_id (by code point) and week: the order of the content hash, in which an index grows fastest, too.
    """

    recommendations: pa.Table
    price_path: pa.Table

    @classmethod
    def of(cls, recommendations: pa.Table, price_path: pa.Table) -> Self:
        """Of rows in any order."""
        by_key = [("article_id", "ascending"), ("week", "ascending")]  # of texts, Arrow compares the UTF-8 bytes
        return cls(recommendations.sort_by(by_key), price_path.sort_by(by_key))

    @property
    def total_expected_revenue(self) -> Decimal:
        total: Decimal = pc.sum(self.recommendations["expected_revenue"]).as_py()
        return total

    def content_hash(self) -> str:
        """SHA-256, hex, of the rows without run_id and predicted_at; the same on every database.

        For each table, first markdown_recommendations, its name as one line; then each row, by article_id (by code
        point, as a database's own order differs) and week, as one line: a JSON list of the values in the contract's
        column order without blanks, money as text with two decimals, weeks as ISO text, floats in the shortest form
        that reads back the same, UTF-8, no escapes beyond JSON's own. Every line ends with a line feed.
        """
        digest = hashlib.sha256()
        for table, rows in ((recommendations, self.recommendations), (price_path, self.price_path)):
            digest.update(f"{table.name}\n".encode())
            hashed = [name for name in rows.column_names if name not in NOT_HASHED]
            for block in lines(rows.select(hashed), JSON):
                digest.update(block)
        return digest.hexdigest()


def country_rows(rows: pd.DataFrame, path: pd.DataFrame, *, week: date, country: str, run_id: str) -> CountryRows:
    """The frames of one country as columns, stamped with the run that writes them.

    rows  the columns of markdown_recommendations (run_id is set here), in any order, further ones ignored
    path  the columns of markdown_price_path, likewise
    Missing values become NULL, money is rounded to the cent, half away from zero, as a NUMERIC column does.
    raises EmptySet, BadRows with every fault
    """
    if rows.empty:
        raise EmptySet(country, week)
    faults: list[Fault] = []
    priced, plans = _taken(recommendations, rows.assign(run_id=run_id), faults), _taken(price_path, path, faults)
    if not faults:
        faults = list(_foreign(priced, plans, week, country))
    if faults:
        raise BadRows(country, week, faults)
    return CountryRows.of(priced, plans)


def _foreign(priced: pa.Table, plans: pa.Table, week: date, country: str) -> Iterable[Fault]:
    """Rows of another country or week, keys that come twice, plans without article and articles without plan."""
    articles, planned = (set(rows["article_id"].unique().to_pylist()) for rows in (priced, plans))
    countries = pa.chunked_array([*priced["country"].chunks, *plans["country"].chunks])
    examples_of: Mapping[str, Sequence[object]] = {
        f"rows of another country than {country}": countries.filter(pc.not_equal(countries, country)).to_pylist(),
        f"rows of another week than {week}": priced["week"].filter(pc.not_equal(priced["week"], week)).to_pylist(),
        f"plans before week {week}": plans["article_id"].filter(pc.less(plans["week"], week)).to_pylist(),
        "keys that come twice": [*_twice(priced, "article_id"), *_twice(plans, "article_id", "week")],
        "articles without a plan": sorted(articles - planned),
        "plans of articles that are not priced": sorted(planned - articles),
    }
    return (Fault(what, len(examples), examples[0]) for what, examples in examples_of.items() if examples)


def _twice(rows: pa.Table, *key: str) -> list[str]:
    """The keys of which there is more than one row."""
    counted = rows.group_by(key).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted["count_all"], 1)).select(key).to_pylist()
    return sorted(" ".join(map(str, each.values())) for each in twice)


def _taken(table: Table, frame: pd.DataFrame, faults: list[Fault]) -> pa.Table:
    """The frame's columns as the table's; what no column could hold is added to `faults`."""
    schema = arrow_schema(table)
    absent = [name for name in schema.names if name not in frame.columns]
    if absent:
        faults.append(Fault(f"columns that are missing for {table.name}", len(absent), ", ".join(absent)))
        return schema.empty_table()
    return pa.table([_values(column, frame[column.name], faults) for column in table.columns], schema)


def _values(column: Column[Any], series: "pd.Series[Any]", faults: list[Fault]) -> pa.Array:
    kind = KINDS[type(column.type)]
    values, bad = kind.values(series)
    missing = series.isna().to_numpy()
    if bad.any():
        faults.append(Fault(f"{column} is not {kind.name}", int(bad.sum()), repr(series[bad].tolist()[0])))
    if missing.any() and not column.nullable:
        faults.append(Fault(f"{column} is empty", int(missing.sum()), f"row {int(missing.argmax())}"))
    return values
