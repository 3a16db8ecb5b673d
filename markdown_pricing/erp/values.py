"""The values that each type of column takes, in the form in which Arrow holds them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Boolean, Date, Double, Integer, Table, Text

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.columns import CENT, MOST_AN_AMOUNT
from markdown_pricing.erp.tables import Moment, Money

ALIKE: tuple[set[type], ...] = ({str}, {date})
"""Objects of one of these types alone are the same value where they are equal."""


@dataclass(frozen=True)
class Kind:
    """The values that one type of column takes: `name` says in messages what a good one is."""

    name: str
    arrow: pa.DataType
    convert_one: Callable[[Any], Any]
    convert_floats: Callable[[FloatArray], tuple[pa.Array, BoolArray]] | None = None
    """The same for a column of floats, which mostly differ, at once."""

    def values(self, series: "pd.Series[Any]") -> tuple[pa.Array, BoolArray]:
        """The column's values, NULL where they are missing or bad, and which are bad: such a column can't hold them."""
        if self.convert_floats and series.dtype == np.float64:
            return self.convert_floats(series.to_numpy())
        codes, different = _different(series)
        converted: list[Any] = []
        bad: list[int] = []
        for code, value in enumerate(different):
            try:
                converted.append(self.convert_one(value))
            except (ValueError, TypeError, ArithmeticError):
                bad.append(code)
                converted.append(None)
        return pa.array(converted, self.arrow).take(pa.array(codes, mask=codes == -1)), np.isin(codes, bad)


def arrow_schema(table: Table) -> pa.Schema:
    """The names and Arrow types of the table's columns, in its order."""
    return pa.schema([(column.name, KINDS[type(column.type)].arrow) for column in table.columns])


def _different(series: "pd.Series[Any]") -> tuple[IntArray, list[Any]]:
    """For each row the index of its value in the list of different values, -1 where it is missing; and that list."""
    if series.dtype == object:
        missing = series.isna().to_numpy()
        there = series[~missing].tolist()
        if set(map(type, there)) not in ALIKE:  # 7, 7.0 and True would be taken for the same
            return np.where(missing, -1, np.cumsum(~missing) - 1), there
    codes, different = pd.factorize(series)
    return codes.astype(np.int64), different.tolist()


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError
    return value


def _amount(value: Any) -> Decimal:
    # `+ 0` turns -0.00 into 0.00, because NUMERIC has no -0.00.
    amount = Decimal(str(value)).quantize(CENT, ROUND_HALF_UP) + 0
    if abs(amount) >= MOST_AN_AMOUNT:
        raise ValueError
    return amount


def _amounts(floats: FloatArray) -> tuple[pa.Array, BoolArray]:
    """The shortest texts of the floats as decimals, rounded as a single amount is."""
    size = np.abs(floats)
    bad = size >= 999_999_999_999.995
    # Below a tenth of a cent a number may have more decimals than the exact type holds.
    encoded = pa.array(np.where(size < 0.001, 0.0, floats), mask=bad | np.isnan(floats)).dictionary_encode()
    exact = encoded.dictionary.cast(pa.string()).cast(pa.decimal128(38, 20))
    return pc.round(exact, 2, "half_towards_infinity").cast(_AMOUNT).take(encoded.indices), bad


def _integer(value: Any) -> int:
    if int(value) != value or not -(2**31) <= value < 2**31:
        raise ValueError
    return int(value)


def _double(value: Any) -> float:
    # `+ 0.0`: SQLite forgets the sign of -0.0, PostgreSQL keeps it.
    number = float(value) + 0.0
    if not math.isfinite(number):
        raise ValueError
    return number


def _doubles(floats: FloatArray) -> tuple[pa.Array, BoolArray]:
    return pa.array(floats + 0.0, mask=~np.isfinite(floats)), np.isinf(floats)


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        if value != datetime.combine(value.date(), datetime.min.time(), value.tzinfo):
            raise ValueError
        return value.date()
    if not isinstance(value, date):
        raise TypeError
    return value


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError
    plain = value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value
    return plain.astimezone(UTC)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError
    return bool(value)


_AMOUNT = pa.decimal128(14, 2)
KINDS: Mapping[type, Kind] = {
    Text: Kind("text", pa.string(), _text),
    Money: Kind("an amount that NUMERIC(14,2) holds", _AMOUNT, _amount, _amounts),
    Integer: Kind("a whole number that INTEGER holds", pa.int32(), _integer),
    Double: Kind("a finite number", pa.float64(), _double, _doubles),
    Date: Kind("a day", pa.date32(), _day),
    Boolean: Kind("true or false", pa.bool_(), _flag),
    Moment: Kind("a time with its time zone", pa.timestamp("us", "UTC"), _moment),
}
