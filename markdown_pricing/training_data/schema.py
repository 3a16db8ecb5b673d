"""Check a country's training data against the contract, and name every fault in one error."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from markdown_pricing.errors import Fault, FinalError

TEXTS = ("article_id", "category", "season")
WEEKS = ("week", "launch_week", "end_week")
MONEY = ("list_price", "price", "salvage_price")
COUNTS = ("units", "stock", "stores")
COLUMNS = ("article_id", "week", "category", "season", "launch_week", "end_week", *MONEY[:2], *COUNTS, MONEY[2])
ATTRIBUTE_PREFIX = "attr_"
MONDAY = 4
"""Days since 1970-01-01, a Thursday, modulo 7, of every Monday."""

Mask = NDArray[np.bool_]


class BadTrainingData(FinalError):
    def __init__(self, country: str, week: date, faults: Sequence[Fault]) -> None:
        self.country, self.week, self.faults = country, week, tuple(faults)
        listed = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(
            f"The training data of {country}, week {week}, cannot be used:{listed}\n"
            f"Correct the ETL and deliver week {week} again."
        )


def columns_to_read(available: Sequence[str]) -> list[str]:
    """The contract's columns and the optional attributes among `available`. All others are ignored."""
    return [column for column in available if column in COLUMNS or column.startswith(ATTRIBUTE_PREFIX)]


def check_training_data(table: pa.Table, week: date, country: str) -> pd.DataFrame:
    """The country's rows as a frame sorted by article_id and week, or every fault in one BadTrainingData.

    table : the contract's columns (section 1) in any order; attr_* are kept, other columns are dropped
    returns article_id, category, season as str; week, launch_week, end_week as datetime64[s]; prices and units as
        float64; stock and stores as int64. The snapshot week's units are NaN whatever was delivered, because that week
        has not been sold yet.
    """
    faults = list(_column_faults(table))
    columns = {name: _Column.of(table[name], name) for name in COLUMNS if _fits(table, name)}
    if table.num_rows == 0:
        faults.append(Fault("no rows at all", 1, f"country={country} is empty"))
    else:
        faults += _row_faults(columns, _days(week))
    if faults:
        raise BadTrainingData(country, week, faults)
    return _frame(table, columns, _days(week))


@dataclass(frozen=True)
class _Column:
    """A column as numbers: ranks of sorted texts, days since 1970, or values. `missing` marks NULL and NaN."""

    values: NDArray[Any]
    missing: Mask
    texts: pa.Array | None = None

    @classmethod
    def of(cls, column: pa.ChunkedArray, name: str) -> "_Column":
        missing = column.is_null().to_numpy()
        if name in TEXTS:
            encoded = column.cast(pa.string()).dictionary_encode().combine_chunks()
            encoded = encoded if isinstance(encoded, pa.DictionaryArray) else encoded.chunk(0)
            order = pc.sort_indices(encoded.dictionary).to_numpy()
            ranks = np.empty(len(order) + 1, dtype=np.int64)
            ranks[order], ranks[-1] = np.arange(len(order)), -1
            return cls(
                ranks[encoded.indices.fill_null(-1).to_numpy()], missing, encoded.dictionary.take(pa.array(order))
            )
        if name in WEEKS:
            days = column.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
            return cls(days.fill_null(0).to_numpy(), missing)
        if name in COUNTS:
            return cls(column.cast(pa.int64()).fill_null(0).to_numpy(), missing)
        values = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
        return cls(values, np.isnan(values))

    def text(self, row: int) -> str:
        return "NULL" if self.texts is None or self.missing[row] else str(self.texts[int(self.values[row])])


def _fits(table: pa.Table, name: str) -> bool:
    return name in table.column_names and _EXPECTED[name][1](table.schema.field(name).type)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind))


_EXPECTED: dict[str, tuple[str, Callable[[pa.DataType], bool]]] = (
    dict.fromkeys(TEXTS, ("string", _is_text))
    | dict.fromkeys(WEEKS, ("date32", pa.types.is_date))
    | dict.fromkeys(MONEY, ("float64", _is_number))
    | dict.fromkeys(COUNTS, ("int32", pa.types.is_integer))
)
COLUMN_TYPES = {name: _EXPECTED[name][0] for name in COLUMNS}
"""The type of each column of the contract, as it is shown to people."""


def _column_faults(table: pa.Table) -> Iterator[Fault]:
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        yield Fault("columns missing", len(missing), ", ".join(missing))
    mistyped = [
        f"{name} is {table.schema.field(name).type}, expected {_EXPECTED[name][0]}"
        for name in COLUMNS
        if name not in missing and not _fits(table, name)
    ]
    if mistyped:
        yield Fault("columns of a wrong type", len(mistyped), "; ".join(mistyped))


def _row_faults(columns: dict[str, _Column], snapshot: int) -> Iterator[Fault]:
    """The faults in the rows of all columns that can be read. A check whose column is missing is left out."""
    here = columns.keys()
    week = columns.get("week")
    for name in columns:
        rows = columns[name].missing
        if name == "units":
            if week is None:
                continue
            rows = rows & (week.values < snapshot)
            yield from _fault("units missing in a week before the snapshot", rows, columns, name)
        else:
            yield from _fault(f"{name} missing", rows, columns, name)
    for name in ("price", "list_price"):
        if name in here:
            values = columns[name].values
            yield from _fault(f"{name} not positive", (values <= 0) | np.isinf(values), columns, name)
    for name in ("salvage_price", "stock", "stores"):
        if name in here:
            values = columns[name].values
            yield from _fault(f"{name} negative", (values < 0) | ~(values < np.inf) & ~np.isnan(values), columns, name)
    for name in WEEKS:
        if name in here:
            column = columns[name]
            yield from _fault(f"{name} is no Monday", ~column.missing & (column.values % 7 != MONDAY), columns, name)
    if week is None:
        return
    yield from _fault("week after the snapshot week", ~week.missing & (week.values > snapshot), columns, "week")
    if "article_id" in here:
        yield from _fault("the same article and week twice", _repeated(columns["article_id"], week), columns, "week")
    if not (week.values[~week.missing] == snapshot).any():
        latest = _shown(week, int(np.argmax(np.where(week.missing, -(10**6), week.values))), "week")
        yield Fault("no rows of the snapshot week, so nothing to price", 1, f"the latest week is {latest}")


def _repeated(article: _Column, week: _Column) -> Mask:
    """Marks the rows whose article and week an earlier row has, too."""
    known = ~article.missing & ~week.missing
    repeated = np.zeros(len(known), dtype=np.bool_)
    rows = np.flatnonzero(known)
    rows = rows[np.argsort(_key(article, week)[rows], kind="stable")]
    repeated[rows[1:]] = np.diff(_key(article, week)[rows]) == 0
    return repeated


def _key(article: _Column, week: _Column) -> NDArray[np.int64]:
    """Numbers that order the rows by article, then by week."""
    first = int(week.values.min())
    key: NDArray[np.int64] = article.values * (int(week.values.max()) - first + 1) + (week.values - first)
    return key


def _fault(what: str, rows: Mask, columns: dict[str, _Column], name: str) -> Iterator[Fault]:
    count = int(np.count_nonzero(rows))
    if count:
        row = int(np.argmax(rows))
        where = [f"{key} {_shown(columns[key], row, key)}" for key in ("article_id", "week") if key in columns]
        value = [] if name == "week" else [f"{name} {_shown(columns[name], row, name)}"]
        yield Fault(what, count, ", ".join([*where, *value]))


def _shown(column: _Column, row: int, name: str) -> str:
    if column.missing[row]:
        return "NULL"
    if name in TEXTS:
        return column.text(row)
    return str(np.datetime64(int(column.values[row]), "D") if name in WEEKS else column.values[row])


def _days(week: date) -> int:
    return int(np.datetime64(week, "D").astype(np.int64))


def _frame(table: pa.Table, columns: dict[str, _Column], snapshot: int) -> pd.DataFrame:
    order = np.argsort(_key(columns["article_id"], columns["week"]), kind="stable")
    data: dict[str, Any] = {}
    for name in COLUMNS:
        values = columns[name].values[order]
        if name in TEXTS:
            data[name] = pc.take(columns[name].texts, pa.array(values)).to_pandas()
        elif name in WEEKS:
            data[name] = values.astype("datetime64[D]").astype("datetime64[s]")
        elif name == "units":
            unsold = columns["week"].values[order] >= snapshot
            data[name] = np.where(unsold, np.nan, values)
        else:
            data[name] = values
    # Always in the same order, because models sum over columns, and sums of floats depend on the order.
    attributes = sorted(name for name in table.column_names if name.startswith(ATTRIBUTE_PREFIX))
    data |= {name: pc.take(table[name].combine_chunks(), pa.array(order)).to_pandas() for name in attributes}
    return pd.DataFrame(data, copy=False)  # otherwise pandas copies all columns once more
