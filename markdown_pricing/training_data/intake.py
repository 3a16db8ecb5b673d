"""Take a country's training data in: nothing is believed, and everything that is wrong is said in one error.

A fault in single rows is set aside. The row is left out of what is learnt from, and its article keeps its price, with
an exception. An article gets no row where its id, its price or its list price cannot be used, or where it stands twice
in the snapshot week. A fault that more articles have is one of the delivery, which is then refused as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from markdown_pricing.arrays import BoolArray
from markdown_pricing.columns import MOST_AN_AMOUNT, PRICE_UNTIL, SET_ASIDE, STOCK_TO_COME
from markdown_pricing.currencies import Changeover
from markdown_pricing.errors import Fault, FinalError
from markdown_pricing.training_data.attributes import usable_columns
from markdown_pricing.training_data.bounds import RowFault, row_faults
from markdown_pricing.training_data.currency import in_one_currency
from markdown_pricing.training_data.ordered import Order, ordered_frame
from markdown_pricing.training_data.schema import (
    COLUMNS,
    MONEY,
    OPTIONAL,
    SnapshotColumn,
    column_faults,
    fits,
    printable,
)

FEW_ARTICLES, FEW_PCT = 3, 1.0
"""Up to so many articles, or up to so many percent of all, may have faults; more are a fault of the whole delivery."""
NEEDED_FOR_A_ROW = ("article_id", "price", "list_price")
"""An article has no row in the ERP where one of these cannot be used in the snapshot week."""


class BadTrainingData(FinalError):
    def __init__(self, country: str, week: date, faults: Sequence[Fault]) -> None:
        self.country, self.week, self.faults = country, week, tuple(faults)
        listed = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(
            f"The training data of {country}, week {week}, cannot be used:{listed}\n"
            f"Correct the ETL and deliver week {week} again."
        )


class Outcome(Enum):
    """What becomes of an article with a fault; one that is no longer sold only loses rows of its history."""

    KEEPS_ITS_PRICE = "it keeps its price"
    NO_ROW = "it gets no row"
    NOT_LEARNT = "its rows with faults are not learnt from"


@dataclass(frozen=True)
class SetAside:
    """An article that is set aside: what is wrong, with the week and the value, and what becomes of it."""

    article_id: str
    what: str
    outcome: Outcome

    def __str__(self) -> str:
        return f"article {self.article_id}: {self.what}; {self.outcome.value}"


@dataclass(frozen=True)
class Intake:
    """A country's training data that can be used, and what could not be.

    rows      : sorted by article_id and week; see `take_in`
    set_aside : the articles with faults
    left_out  : the optional columns that can't be used, and why
    remarks   : what is worth knowing and no fault
    planned   : what is planned for weeks to come, as `TakenPlan` has it; None without anything
    passed_over : what of the plan could not be used, a sentence each
    """

    rows: pd.DataFrame
    set_aside: tuple[SetAside, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    planned: pd.DataFrame | None = None
    passed_over: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What somebody should know of the delivery, a sentence each; none when all is well."""
        columns = [f"The column {name!r} is left out: {why}." for name, why in self.left_out.items()]
        return [*columns, *(f"Set aside: {article}." for article in self.set_aside), *self.passed_over]


def take_in(table: pa.Table, week: date, country: str, changeovers: Sequence[Changeover] = ()) -> Intake:
    """The country's rows as a frame, with what was set aside; or every fault of the delivery in one BadTrainingData.

    table : the contract's columns (section 1) in any order; optional ones are kept, other columns are dropped
    changeovers : the country's changes of currency; all prices come in the currency of `week`
    The frame has article_id, category, season as str; week, launch_week, end_week (and price_until, where it was
    delivered) as datetime64[s]; prices and units as float64; stock and stores (and stock_to_come, where it was
    delivered) as int64; and the categorical column `set_aside`. The snapshot week's units are NaN whatever was
    delivered, because that week has not been sold yet; stock_to_come is 0 in all other weeks and where it is NULL.
    """
    snapshot = int(np.datetime64(week, "D").astype(np.int64))
    faults = list(column_faults(table))
    optional, left_out = usable_columns(table)
    here = [name for name in (*COLUMNS, *OPTIONAL) if fits(table, name)]
    columns = {name: SnapshotColumn.of(table[name], name) for name in here}
    if table.num_rows == 0:
        raise BadTrainingData(country, week, [*faults, Fault("no rows at all", 1, f"country={country} is empty")])
    order = Order.of(columns["article_id"], columns["week"]) if {"article_id", "week"} <= columns.keys() else None
    in_rows = list(row_faults(columns, order, snapshot))
    if "week" in columns:
        faults += _nothing_to_price(columns["week"], snapshot)
    if faults or order is None or _is_of_the_delivery(in_rows, columns):
        raise BadTrainingData(country, week, [*faults, *(_counted(fault, columns) for fault in in_rows)])
    taken, article = _usable(_Delivered(country, week, snapshot, columns, order, optional, left_out), in_rows)
    rows, remarks, untold = in_one_currency(taken.rows, article, week, changeovers)
    if untold:
        raise BadTrainingData(country, week, untold)
    return replace(taken, rows=rows, remarks=tuple(remarks))


@dataclass(frozen=True)
class _Delivered:
    """What a country has delivered for a week, column by column.

    snapshot : the day of the week, since 1970 ; order : of the rows
    optional : the optional columns that can be used ; left_out : those that can't, and why
    """

    country: str
    week: date
    snapshot: int
    columns: dict[str, SnapshotColumn]
    order: Order
    optional: dict[str, pa.ChunkedArray]
    left_out: dict[str, str]


def _usable(delivered: _Delivered, faults: Sequence[RowFault]) -> tuple[Intake, NDArray[Any]]:
    """What can be used of a delivery that has a few faults or none, and a number for the article of each row."""
    if faults:
        return _without_faults(delivered, faults)
    rows, article = _frame(delivered)
    return Intake(rows.assign(**{SET_ASIDE: _texts({}, rows["article_id"])}), (), delivered.left_out), article


def _nothing_to_price(week: SnapshotColumn, snapshot: int) -> list[Fault]:
    if ((week.values == snapshot) & ~week.missing).any():
        return []
    latest = week.shown(int(np.argmax(np.where(week.missing, -(10**6), week.values))))
    return [Fault("no rows of the snapshot week, so nothing to price", 1, f"the latest week is {latest}")]


def _counted(fault: RowFault, columns: dict[str, SnapshotColumn]) -> Fault:
    return Fault(fault.what, int(np.count_nonzero(fault.rows)), _where(fault, columns, int(np.argmax(fault.rows))))


def _where(fault: RowFault, columns: dict[str, SnapshotColumn], row: int) -> str:
    """The article, the week and the value of a row."""
    named = [name for name in dict.fromkeys(("article_id", "week", fault.column)) if name in columns]
    return ", ".join(f"{name} {columns[name].shown(row)}" for name in named)


def _is_of_the_delivery(faults: Sequence[RowFault], columns: dict[str, SnapshotColumn]) -> bool:
    """Whether more articles than a few have a fault."""
    if not faults or "article_id" not in columns or "week" not in columns:
        return bool(faults)
    article, week = columns["article_id"], columns["week"]
    bad, nameless = np.logical_or.reduce([fault.rows for fault in faults]), _nameless(faults)
    known = article.values[bad & ~nameless]
    # Rows without an id are at least as many articles as there are of them in one week.
    _, in_a_week = np.unique(week.values[nameless], return_counts=True)
    affected = len(np.unique(known)) + int(in_a_week.max(initial=0))
    articles = 0 if article.texts is None else len(article.texts)
    return affected > max(FEW_ARTICLES, articles * FEW_PCT / 100)


def _nameless(faults: Sequence[RowFault]) -> BoolArray:
    """The rows whose article_id can't be used."""
    rows = [fault.rows for fault in faults if fault.column == "article_id"]
    nameless: BoolArray = np.logical_or.reduce([*rows, np.zeros_like(faults[0].rows)])
    return nameless


def _without_faults(delivered: _Delivered, faults: Sequence[RowFault]) -> tuple[Intake, NDArray[Any]]:
    """The rows without those that have faults; the snapshot's are mended where their article has a row all the same."""
    columns, snapshot = delivered.columns, delivered.snapshot
    article, now = columns["article_id"], columns["week"].values == snapshot
    nameless = _nameless(faults)
    bad = np.logical_or.reduce([fault.rows for fault in faults])
    unpriced = np.logical_or.reduce(
        [fault.rows for fault in faults if fault.column in (*NEEDED_FOR_A_ROW, "week")] + [np.zeros_like(bad)]
    )
    keep = ~bad | (now & ~unpriced)
    to_price = np.unique(article.values[now & keep])
    if not len(to_price):
        counts = [_counted(fault, columns) for fault in faults]
        raise BadTrainingData(delivered.country, delivered.week, counts)
    rows, rank_of_row = _frame(delivered, keep)
    said = _first_faults(columns, faults, bad & ~nameless)
    with_row = {_id(article, rank): what for rank, what in said.items() if rank in set(to_price.tolist())}
    _mend(rows, with_row, _bad_cells(columns, faults, now & keep & bad), snapshot)
    sold_now = set(article.values[now].tolist())
    set_aside = [SetAside(printable(name), what, Outcome.KEEPS_ITS_PRICE) for name, what in with_row.items()]
    for rank, what in said.items():
        if _id(article, rank) not in with_row:
            outcome = Outcome.NO_ROW if rank in sold_now else Outcome.NOT_LEARNT
            set_aside.append(SetAside(printable(_id(article, rank)), what, outcome))
    set_aside += _without_a_name(columns, faults, now)
    rows[SET_ASIDE] = _texts(with_row, rows["article_id"])
    return Intake(rows, tuple(set_aside), delivered.left_out), rank_of_row


def _id(article: SnapshotColumn, rank: int) -> str:
    return "" if article.texts is None else str(article.texts[rank])


def _without_a_name(columns: dict[str, SnapshotColumn], faults: Sequence[RowFault], now: BoolArray) -> list[SetAside]:
    """The rows whose id can't be used: each of the snapshot week, and one of the earlier weeks for each fault."""
    aside = []
    for fault in faults:
        if fault.column == "article_id":
            for row in (*np.flatnonzero(fault.rows & now), *np.flatnonzero(fault.rows & ~now)[:1]):
                outcome = Outcome.NO_ROW if now[row] else Outcome.NOT_LEARNT
                aside.append(SetAside("without a usable id", _said(columns, fault, int(row)), outcome))
    return aside


def _said(columns: dict[str, SnapshotColumn], fault: RowFault, row: int) -> str:
    """What a row's fault is, in which week, and the value."""
    value = "" if fault.column == "week" else f", {fault.column} {columns[fault.column].shown(row)}"
    return f"{fault.what} (week {columns['week'].shown(row)}{value})"


def _first_faults(columns: dict[str, SnapshotColumn], faults: Sequence[RowFault], bad: BoolArray) -> dict[int, str]:
    """For each article, by the rank of its id, its first fault in words."""
    said: dict[int, str] = {}
    for fault in faults:
        for row in np.flatnonzero(fault.rows & bad):
            said.setdefault(int(columns["article_id"].values[row]), _said(columns, fault, int(row)))
    return said


def _bad_cells(
    columns: dict[str, SnapshotColumn], faults: Sequence[RowFault], rows: BoolArray
) -> list[tuple[str, str]]:
    """The article and the column of each cell with a fault among the rows."""
    article = columns["article_id"]
    return [
        (_id(article, int(article.values[row])), fault.column)
        for fault in faults
        for row in np.flatnonzero(fault.rows & rows)
    ]


def _mend(rows: pd.DataFrame, named: dict[str, str], cells: Sequence[tuple[str, str]], snapshot: int) -> None:
    """Replace the snapshot's cells with faults by the article's last good value, or by a harmless one without any."""
    own = rows[rows["article_id"].isin(list(named))]
    now = np.datetime64(snapshot, "D").astype("datetime64[s]")
    harmless: dict[str, Any] = {"stock": 0, "stores": 0, "salvage_price": 0.0, "category": "", "season": ""}
    harmless |= {"launch_week": now, "end_week": now, PRICE_UNTIL: np.datetime64("NaT"), STOCK_TO_COME: 0}
    for article_id, column in cells:
        lines = own[own["article_id"] == article_id]
        before = lines[lines["week"] < now]
        last = harmless[column] if before.empty or column in OPTIONAL else before[column].iloc[-1]
        rows.loc[lines.index[-1], column] = last
    for at in {own.index[own["article_id"] == article_id][-1] for article_id, _ in cells}:
        counts = [name for name in ("stock", STOCK_TO_COME) if name in rows]
        if rows.loc[at, list(MONEY)].max() * rows.loc[at, counts].sum() >= MOST_AN_AMOUNT:
            rows.loc[at, counts] = 0


def _texts(named: dict[str, str], articles: "pd.Series[str]") -> Any:
    """What is wrong with each row's article as a categorical, which costs a byte a row; one empty text for none."""
    said = ["", *dict.fromkeys(named.values())]
    if not named:
        return pd.Categorical.from_codes(np.zeros(len(articles), np.int8), said)
    code = {name: said.index(what) for name, what in named.items()}
    codes = articles.map(code).fillna(0).to_numpy(dtype=np.int16)
    return pd.Categorical.from_codes(codes, said)


def _frame(delivered: _Delivered, keep: BoolArray | None = None) -> tuple[pd.DataFrame, NDArray[Any]]:
    """The rows to keep, or all, sorted by article and week, and a number for the article of each."""
    places, article = delivered.order.places_of(keep), delivered.columns["article_id"].values
    rows = ordered_frame(delivered.columns, delivered.optional, places, delivered.snapshot)
    return rows, article if places is None else article[places]
