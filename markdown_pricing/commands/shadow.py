"""`markdown-pricing shadow` compares two rounds of one week cell by cell.

Two equal rounds prove that a migration, or a new version, changes nothing.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, select

from markdown_pricing.commands.console import print_json, print_table
from markdown_pricing.erp.errors import erp_errors
from markdown_pricing.erp.tables import columns_of, engine_for, options, price_path, recommendations
from markdown_pricing.erp_url import BACKENDS, parse_erp_url
from markdown_pricing.errors import UsageError
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.results import Results
from markdown_pricing.settings import SHADOW_PASSWORD, SHADOW_USER, Settings
from markdown_pricing.shown import cell
from markdown_pricing.words import counted

BY_NATURE = ("model_version", "run_id", "predicted_at")
"""Columns that differ between any two runs, or, as they hold the code's hash, between any two versions."""
ROW_KEY = ["country", "article_id"]
KEYS = {recommendations.name: ROW_KEY, price_path.name: [*ROW_KEY, "week"], options.name: [*ROW_KEY, "price"]}
"""The tables that are compared, and what a row of each is found by."""
MISSING = "no such row"
SHOWN = 20


class RoundMissing(UsageError):
    def __init__(self, place: str, week: date) -> None:
        super().__init__(f"Nothing of week {week} is in {place}. Name what both rounds priced: --week, --countries.")


class NoAccount(UsageError):
    """The runs' own account is given to no host that stands on a command line."""

    def __init__(self) -> None:
        super().__init__(
            f"shadow reads an ERP with an account of its own, which may only read: set {SHADOW_USER} and "
            f"{SHADOW_PASSWORD} (docs/security.md)."
        )


@dataclass(frozen=True)
class Round:
    """One round of a week, as the rows of each table of KEYS by its name; a version before may lack a table."""

    tables: Mapping[str, pd.DataFrame]

    @property
    def rows(self) -> pd.DataFrame:
        return self.tables[recommendations.name]


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


def shadow(
    settings: Settings,
    first: str,
    second: str,
    week: date,
    countries: Sequence[str] | None,
    tolerance: float,
    as_json: bool,
) -> int:
    rounds = [read_round(place, week, settings, countries) for place in (first, second)]
    for place, each in zip((first, second), rounds, strict=True):
        if each.rows.empty:
            raise RoundMissing(place, week)
    if absent := set(countries or ()).difference(*(each.rows["country"] for each in rounds)):
        raise RoundMissing(f"either round for {', '.join(sorted(absent))}", week)
    cells_that_differ = differences(rounds[0], rounds[1], tolerance)
    compared = {
        "week": week,
        "countries": rounds[0].rows["country"].nunique(),
        "articles": len(rounds[0].rows),
        "cells": sum(frame.size for frame in rounds[0].tables.values()),
        "differences": len(cells_that_differ),
        "only_in_first": _columns_only_in(*rounds),
        "only_in_second": _columns_only_in(*reversed(rounds)),
    }
    if as_json:
        print_json({**compared, "cells_that_differ": [asdict(each) for each in cells_that_differ]})
    else:
        _show(compared, cells_that_differ)
    return 1 if cells_that_differ else 0


def read_round(place: str, week: date, settings: Settings, countries: Sequence[str] | None = None) -> Round:
    """The round of `week` at `place`, with all its countries or only those of `countries`.

    place : an ERP (a SQLAlchemy URL), or else a lake (a URL or a folder)
    """
    if place.partition("://")[0].partition("+")[0].lower() in BACKENDS:
        tables = _erp_round(place, week, settings)
    else:
        tables = _lake_round(Lake(place), week)
    if countries:
        tables = {name: frame[frame["country"].isin(countries)] for name, frame in tables.items()}
    return Round({name: frame.drop(columns=list(BY_NATURE), errors="ignore") for name, frame in tables.items()})


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


def _columns_only_in(first: Round, second: Round) -> list[str]:
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
    elif hasattr(cell, "isoformat"):
        cell = cell.isoformat()[:10]
    return cell


def _equal(one: Any, other: Any, tolerance: float) -> Any:
    """Whether the elements of two object arrays of the same length are equal, element by element."""
    pairs = zip(one, other, strict=True)
    return np.array([a == b or _near(a, b, tolerance) for a, b in pairs], dtype=bool)


def _near(a: Any, b: Any, tolerance: float) -> bool:
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    return numbers and abs(a - b) <= tolerance * max(abs(a), abs(b))


def _erp_round(url: str, week: date, settings: Settings) -> dict[str, pd.DataFrame]:
    if parse_erp_url(url).get_backend_name() != "sqlite" and not settings.shadow_user:
        raise NoAccount()
    engine = engine_for(url, settings.shadow_user, settings.shadow_password, settings.erp_schema)
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
    """Those columns of the table that are there: another version may have made it."""
    columns = [column for column in table.columns if column.name in there]
    rows = connection.execute(select(*columns).where(where)).mappings().all()
    return pd.DataFrame(rows, columns=[column.name for column in columns])


def _lake_round(lake: Lake, week: date) -> dict[str, pd.DataFrame]:
    folder = f"{paths.PREDICTIONS}/{week}"
    names = [entry.name for entry in lake.entries(folder)] if lake.entry(folder) else []
    countries = [country for name in names if (country := paths.country_of_folder(name))]
    kept = [Results(lake, week, country).predictions() for country in countries]
    return {
        recommendations.name: _joined(recommendations, [rows for rows, _, _, _ in kept]),
        price_path.name: _joined(price_path, [path for _, path, _, _ in kept]),
        options.name: _joined(options, [menu for _, _, menu, _ in kept]),
    }


def _joined(table: Table, frames: list[pd.DataFrame]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame(columns=list(table.columns.keys()), dtype=object)
    return pd.concat([frame.astype(object) for frame in frames], ignore_index=True)


def _shown(value: Any) -> str:
    """The value; only a text can be a formula."""
    return cell(value) if isinstance(value, str) else str(value)


def _show(compared: dict[str, Any], cells_that_differ: Sequence[Difference]) -> None:
    for place, columns in (("first", compared["only_in_first"]), ("second", compared["only_in_second"])):
        if columns:
            print(f"Only the {place} round has {', '.join(columns)}, which nothing was compared with.")
    counts = [counted(compared[many], one) for many, one in (("countries", "country"), ("articles", "article"))]
    size = f"{', '.join(counts)}, {counted(compared['cells'], 'cell')} of week {compared['week']}"
    if not cells_that_differ:
        print(f"Equal: {size}.")
        return
    lines = [
        (each.country, cell(each.article_id), each.of or "", each.column, _shown(each.first), _shown(each.second))
        for each in cells_that_differ[:SHOWN]
    ]
    title = f"{counted(len(cells_that_differ), 'cell')} of {size} differ" + (
        f", the first {SHOWN}" if len(cells_that_differ) > SHOWN else ""
    )
    print_table(title, ("Country", "Article", "Of", "Column", "First", "Second"), lines, numbers_from=4)
