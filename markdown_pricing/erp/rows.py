"""The rows of one country, checked and in the form in which the ERP's columns hold them."""

import functools
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

from markdown_pricing.columns import MOST_AN_AMOUNT, Recommendations
from markdown_pricing.erp.tables import options, price_path, recommendations
from markdown_pricing.erp.texts import JSON, lines
from markdown_pricing.erp.values import KINDS, arrow_schema
from markdown_pricing.errors import Fault, FinalError

_NAMED = 5
"""How many of the articles whose stock is too valuable are named."""
NOT_HASHED = ("run_id", "predicted_at")
"""These columns say who wrote the rows and when, not what the rows say."""


class EmptySet(FinalError):
    def __init__(self, country: str, week: date) -> None:
        super().__init__(
            f"{country}, week {week}: there are no rows to write, and an empty set never replaces a country. "
            f"The ERP keeps what it had. Look at this week's predictions first."
        )


class BadRows(FinalError):
    """What does not fit into the columns; `too_valuable` are articles whose delivered stock and price say why."""

    def __init__(self, country: str, week: date, faults: Sequence[Fault], too_valuable: Sequence[str] = ()) -> None:
        self.faults, self.too_valuable = tuple(faults), tuple(too_valuable)
        listed = "\n  ".join(str(fault) for fault in faults)
        remedy = "Materialize markdown_predictions again; if that does not help, its code has a fault."
        if too_valuable:
            remedy = (
                f"The cause is in the data: stock and price of {', '.join(too_valuable)}. Correct the ETL, deliver "
                f"week {week} again and materialize the country from training_data on."
            )
        super().__init__(
            f"{country}, week {week}: these rows cannot go into the ERP, which keeps what it had:\n  {listed}\n{remedy}"
        )


@dataclass(frozen=True)
class CountryRows:
    """One country's rows of the tables, with values that the database takes and gives back unchanged.

    They are ordered by their keys: article_id (by code point), then week of the plans and price of the options. The
    content hash is over this order, and an index grows fastest in it.
    """

    recommendations: pa.Table
    price_path: pa.Table
    options: pa.Table

    @classmethod
    def of(cls, recommendations: pa.Table, price_path: pa.Table, options: pa.Table) -> Self:
        """The rows in their order, from rows in any order."""
        by_week, by_price = ([("article_id", "ascending"), (name, "ascending")] for name in ("week", "price"))
        # Arrow compares the UTF-8 bytes of texts.
        return cls(recommendations.sort_by(by_week), price_path.sort_by(by_week), options.sort_by(by_price))

    def by_table(self) -> tuple[tuple[Table, pa.Table], ...]:
        """Each table with its rows, in the order in which they are written."""
        return (price_path, self.price_path), (options, self.options), (recommendations, self.recommendations)

    @property
    def total_expected_revenue(self) -> Decimal:
        """The sum of expected_revenue over the rows, to the cent."""
        total: Decimal = pc.sum(self.recommendations["expected_revenue"]).as_py()
        return total

    def content_hash(self) -> str:
        """The SHA-256 of the rows without run_id and predicted_at, in hexadecimal. It is the same on every database.

        It is over lines of UTF-8 text that end with a line feed. For each table, markdown_recommendations first, then
        markdown_price_path and markdown_options, there is a line with its name, and then a line for each row, ordered
        by article_id (by code point, because databases order differently) and week, the options by article_id and
        price. A row is a JSON list without blanks of its values in the contract's column order. Money is text with two
        decimals, weeks are ISO text, floats have the shortest form that reads back the same, and there are no escapes
        beyond JSON's own.
        """
        digest = hashlib.sha256()
        hashed_in_order = (
            (recommendations, self.recommendations),
            (price_path, self.price_path),
            (options, self.options),
        )
        for table, rows in hashed_in_order:
            digest.update(f"{table.name}\n".encode())
            hashed = [name for name in rows.column_names if name not in NOT_HASHED]
            for block in lines(rows.select(hashed), JSON):
                digest.update(block)
        return digest.hexdigest()


def country_rows(recommended: Recommendations, *, week: date, country: str, run_id: str) -> CountryRows:
    """What is recommended for one country in the form of the tables, with the id of the run that writes it.

    Columns may come in any order, and further ones are ignored; run_id is set here.
    Missing values become NULL. Money is rounded to the cent, half away from zero, as a NUMERIC column does.
    Raises EmptySet, and BadRows, which lists every fault.
    """
    rows = recommended.rows
    if rows.empty:
        raise EmptySet(country, week)
    faults: list[Fault] = []
    taken = CountryRows.of(
        _taken(recommendations, rows.assign(run_id=run_id), faults),
        _taken(price_path, recommended.price_path, faults),
        _taken(options, recommended.options.assign(run_id=run_id), faults),
    )
    if not faults:
        faults = list(_foreign(taken, week, country))
    if faults:
        raise BadRows(country, week, faults, _too_valuable(rows))
    if (total := taken.total_expected_revenue) >= MOST_AN_AMOUNT:
        what = f"the sum of {recommendations.c.expected_revenue} is {total}, which is more than NUMERIC(14,2) holds"
        most = rows.loc[rows["expected_revenue"].astype(float).nlargest(_NAMED).index]
        raise BadRows(country, week, [Fault(what, len(rows), f"article {most.article_id.iloc[0]!r}")], _valued(most))
    return taken


def _too_valuable(rows: pd.DataFrame) -> list[str]:
    """The articles, with stock and price, whose stock is worth more than an amount can be."""
    if not {"article_id", "stock", "list_price"} <= set(rows.columns):
        return []
    stock, price = (pd.to_numeric(rows[name], errors="coerce") for name in ("stock", "list_price"))
    return _valued(rows[stock * price >= MOST_AN_AMOUNT].head(_NAMED))


def _valued(rows: pd.DataFrame) -> list[str]:
    return [f"article {row.article_id} (stock {row.stock}, list_price {row.list_price})" for row in rows.itertuples()]


def _foreign(taken: CountryRows, week: date, country: str) -> Iterable[Fault]:
    """Faults of the set: another country or week, keys that come twice, rows of one table without those of another."""
    priced, plans, prices = taken.recommendations, taken.price_path, taken.options
    articles, planned = (set(rows["article_id"].unique().to_pylist()) for rows in (priced, plans))
    with_options = set(prices["article_id"].unique().to_pylist())
    countries, weeks = (
        pa.chunked_array([chunk for rows in tables for chunk in rows[name].chunks])
        for name, tables in (("country", (priced, plans, prices)), ("week", (priced, prices)))
    )
    examples_of: Mapping[str, Sequence[object]] = {
        f"rows of another country than {country}": countries.filter(pc.not_equal(countries, country)).to_pylist(),
        f"rows of another week than {week}": weeks.filter(pc.not_equal(weeks, week)).to_pylist(),
        f"plans before week {week}": plans["article_id"].filter(pc.less(plans["week"], week)).to_pylist(),
        "keys that come twice": [
            *_twice(priced, "article_id"),
            *_twice(plans, "article_id", "week"),
            *_twice(prices, "article_id", "price"),
        ],
        "articles without a plan": sorted(articles - planned),
        "plans of articles that are not priced": sorted(planned - articles),
        "plans that do not start at the recommended price": _other_starts(priced, plans),
        "options of articles that are not priced": sorted(with_options - articles),
        "articles without an option at the recommended price": _without_their_price(priced, prices),
    }
    return (Fault(what, len(examples), examples[0]) for what, examples in examples_of.items() if examples)


def _other_starts(priced: pa.Table, plans: pa.Table) -> list[str]:
    """The articles whose plan begins at another price than their row says: it is a plan of other rows."""
    first = plans.filter(pc.invert(_same_as_before(plans, "article_id"))).select(["article_id", "price"])
    both = first.join(priced.select(["article_id", "recommended_price"]), "article_id", join_type="inner")
    return sorted(both.filter(pc.not_equal(both["price"], both["recommended_price"]))["article_id"].to_pylist())


def _without_their_price(priced: pa.Table, prices: pa.Table) -> list[str]:
    """The articles whose recommended price is not among their options: these are options of other rows."""
    own = priced.select(["article_id", "recommended_price"]).rename_columns(["article_id", "price"])
    lacking = own.join(prices.select(["article_id", "price"]), ["article_id", "price"], join_type="left anti")
    return sorted(lacking["article_id"].to_pylist())


def _twice(rows: pa.Table, *key: str) -> list[str]:
    """The keys that more than one of the rows has, which are ordered by them."""
    twice = rows.filter(_same_as_before(rows, *key)).select(key).to_pylist()
    return sorted({" ".join(map(str, each.values())) for each in twice})


def _same_as_before(rows: pa.Table, *key: str) -> pa.Array:
    """For each row whether the one before it has the same key."""
    pairs = (pc.equal(rows[name].slice(1), rows[name].slice(0, max(len(rows) - 1, 0))) for name in key)
    same = functools.reduce(pc.and_, pairs).combine_chunks()
    return pa.concat_arrays([pa.array([False]), same])


def _taken(table: Table, frame: pd.DataFrame, faults: list[Fault]) -> pa.Table:
    """The frame's columns in the form of the table's columns. Values that no column can hold are added to `faults`."""
    schema = arrow_schema(table)
    absent = [name for name in schema.names if name not in frame.columns]
    if absent:
        faults.append(Fault(f"columns that are missing for {table.name}", len(absent), ", ".join(absent)))
        return schema.empty_table()
    articles = frame["article_id"]
    return pa.table([_values(column, frame[column.name], articles, faults) for column in table.columns], schema)


def _values(column: Column[Any], series: "pd.Series[Any]", articles: "pd.Series[Any]", faults: list[Fault]) -> pa.Array:
    kind = KINDS[type(column.type)]
    values, bad = kind.values(series)
    missing = series.isna().to_numpy()
    if bad.any():
        where = f"{series[bad].tolist()[0]!r} of article {articles[bad].tolist()[0]!r}"
        faults.append(Fault(f"{column} is not {kind.name}", int(bad.sum()), where))
    if missing.any() and not column.nullable:
        where = f"article {articles.iloc[int(missing.argmax())]!r}"
        faults.append(Fault(f"{column} is empty", int(missing.sum()), where))
    return values
