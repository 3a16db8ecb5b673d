"""What no row of training data may hold: missing values, and dates, amounts and counts that are out of bounds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from markdown_pricing.arrays import BoolArray, IntArray
from markdown_pricing.columns import MOST_AN_AMOUNT, PRICE_UNTIL, STOCK_TO_COME
from markdown_pricing.training_data.ordered import Order
from markdown_pricing.training_data.schema import COUNTS, MONEY, WEEKS, SnapshotColumn

MONDAY = 4
"""Days since 1970-01-01, a Thursday, modulo 7, of every Monday."""
OLDEST_WEEKS = 156
"""How many weeks before the snapshot a row may be: the contract's two years, and one more."""
LONGEST_PAST_WEEKS = 1_040
"""How many weeks ago an article may have been launched: twenty years. Chosen on 2026-11-27."""
LAUNCHED_WITHIN_WEEKS = 104
"""How many weeks ahead a launch may lie, or the end of a temporary price."""
LAST_DAY = int(np.datetime64("9999-12-31", "D").astype(np.int64))
"""The last day that databases and calendars know."""
MOST_MONEY = 1e9
"""A price or a salvage price below this; one of the hardest currencies to write out has prices of some ten million."""
MOST = {"units": 10_000_000, "stock": 2**31 - 1, "stores": 1_000_000}
"""A week's sales, the stock (the ERP keeps an INTEGER) and the stores. Returns may be as many as sales."""


@dataclass(frozen=True)
class RowFault:
    """One kind of fault in the rows of one column, and the rows that have it, (rows,)."""

    what: str
    column: str
    rows: BoolArray


def row_faults(columns: Mapping[str, SnapshotColumn], order: Order | None, snapshot: int) -> Iterator[RowFault]:
    """The faults in the rows of all columns that can be read. A check whose column is missing is left out.

    order    : of the rows, when both of the columns that it needs can be read
    snapshot : the day of the snapshot week, since 1970
    """
    week = columns.get("week")
    for column in columns.values():
        for fault in _faults_of(column, week, snapshot):
            if fault.rows.any():
                yield fault
    yield from _too_valuable(columns, snapshot)
    if order is not None:
        repeated = _repeated(columns["article_id"], columns["week"], order)
        if repeated.any():
            yield RowFault("the same article and week twice", "week", repeated)


def _faults_of(column: SnapshotColumn, week: SnapshotColumn | None, snapshot: int) -> Iterator[RowFault]:
    """What may be wrong in a column's rows. Where its least and its most are within bounds, no row is looked at."""
    name, values = column.name, column.values
    if name in ("units", STOCK_TO_COME):
        if week is not None:
            yield from _faults_of_some_weeks(column, week, snapshot)
        return
    if name != PRICE_UNTIL:
        yield RowFault(f"{name} missing", name, column.missing)
    for what, rows in column.unreadable:
        yield RowFault(what, name, rows)
    if name in MONEY:
        yield from _faults_of_money(column)
    elif name in COUNTS:
        if column.least < 0:
            yield RowFault(f"{name} negative", name, values < 0)
        if column.most > MOST[name]:
            yield RowFault(f"{name} too large", name, values > MOST[name])
    elif name in WEEKS or name == PRICE_UNTIL:
        yield from _faults_of_dates(column, snapshot)


def _faults_of_some_weeks(column: SnapshotColumn, week: SnapshotColumn, snapshot: int) -> Iterator[RowFault]:
    """Of units, which count in the weeks before the snapshot, and of the stock to come, which counts in its own."""
    name, values = column.name, column.values
    if name == "units":
        before = week.values < snapshot
        yield RowFault(f"{name} missing in a week before the snapshot", name, column.missing & before)
        if max(-column.least, column.most) > MOST[name]:
            too_many = (values > MOST[name]) | (values < -MOST[name])
            yield RowFault(f"{name} too large", name, too_many & before)
        return
    if column.least < 0:
        yield RowFault(f"{name} negative", name, (values < 0) & (week.values == snapshot))
    if column.most > MOST["stock"]:
        yield RowFault(f"{name} too large", name, (values > MOST["stock"]) & (week.values == snapshot))


def _faults_of_money(column: SnapshotColumn) -> Iterator[RowFault]:
    name, values = column.name, column.values
    if name == "salvage_price":
        if column.least < 0:
            yield RowFault(f"{name} negative", name, values < 0)
    elif column.least < 0.01:
        with np.errstate(invalid="ignore", over="ignore"):
            yield RowFault(f"{name} not positive", name, np.rint(values * 100) < 1)
    if column.most >= MOST_MONEY:
        yield RowFault(f"{name} too large", name, values >= MOST_MONEY)


def _faults_of_dates(column: SnapshotColumn, snapshot: int) -> Iterator[RowFault]:
    name, days, known = column.name, column.values, ~column.missing
    yield RowFault(f"{name} is no Monday", name, known & (days % 7 != MONDAY))
    bounds = {
        "week": (snapshot - 7 * OLDEST_WEEKS, snapshot),
        "launch_week": (snapshot - 7 * LONGEST_PAST_WEEKS, snapshot + 7 * LAUNCHED_WITHIN_WEEKS),
        "end_week": (snapshot - 7 * LONGEST_PAST_WEEKS, LAST_DAY),
        PRICE_UNTIL: (snapshot - 7 * LONGEST_PAST_WEEKS, snapshot + 7 * LAUNCHED_WITHIN_WEEKS),
    }
    first, last = bounds[name]
    too_late = "week after the snapshot week" if name == "week" else f"{name} too far ahead"
    if column.least < first:
        yield RowFault(f"{name} too long ago", name, known & (days < first))
    if column.most > last:
        yield RowFault(too_late, name, known & (days > last))


def _too_valuable(columns: Mapping[str, SnapshotColumn], snapshot: int) -> Iterator[RowFault]:
    """Articles to price whose whole stock, with what is on its way, is worth more than the ERP's amounts hold."""
    if not {"week", "stock", *MONEY} <= columns.keys():
        return
    now = np.flatnonzero(columns["week"].values == snapshot)
    price = np.max([np.nan_to_num(columns[name].values[now], posinf=0) for name in MONEY], axis=0, initial=0)
    said = "at its price is more than amounts in the ERP hold"
    stock = columns["stock"].values[now].astype(np.float64)
    too_much = price * stock >= MOST_AN_AMOUNT
    if too_much.any():
        yield RowFault(f"stock {said}", "stock", _at(now[too_much], columns))
    if STOCK_TO_COME in columns:
        with_it = price * (stock + columns[STOCK_TO_COME].values[now]) >= MOST_AN_AMOUNT
        if (with_it & ~too_much).any():
            yield RowFault(f"stock and {STOCK_TO_COME} {said}", STOCK_TO_COME, _at(now[with_it & ~too_much], columns))


def _at(numbers: IntArray, columns: Mapping[str, SnapshotColumn]) -> BoolArray:
    """Marks the rows with these numbers."""
    rows = np.zeros(len(columns["week"].values), dtype=np.bool_)
    rows[numbers] = True
    return rows


def _repeated(article: SnapshotColumn, week: SnapshotColumn, order: Order) -> BoolArray:
    """Marks all rows whose article and week another row has, too: nobody knows which of them is right."""
    unknown = np.logical_or.reduce([article.missing, week.missing, *(rows for _, rows in article.unreadable)])
    return order.repeated(unknown)
