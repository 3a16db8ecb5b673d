"""The rows of one country, as the ERP's columns hold them."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Column, Date, Double, Integer, Table, Text

from markdown_pricing.erp.tables import CENT, Moment, Money, price_path, recommendations
from markdown_pricing.erp.texts import JSON, JSON_NULL, lines
from markdown_pricing.errors import Fault, FinalError

Record = dict[str, Any]
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
    """Both tables' rows of one country, as records that the database takes and gives back unchanged."""

    recommendations: tuple[Record, ...]
    price_path: tuple[Record, ...]

    @property
    def total_expected_revenue(self) -> Decimal:
        return sum((row["expected_revenue"] for row in self.recommendations), Decimal("0.00"))

    def content_hash(self) -> str:
        """SHA-256, hex, of the rows without run_id and predicted_at; the same on every database.

        For each table, first markdown_recommendations, its name as one line; then each row, by article_id (by code
        point, as a database's own order differs) and week, as one line: a JSON list of the values in the contract's
        column order without blanks, money as text with two decimals, weeks as ISO text, floats in the shortest form
        that reads back the same, UTF-8, no escapes beyond JSON's own. Every line ends with a line feed.
        """
        digest = hashlib.sha256()
        for table, rows in ((recommendations, self.recommendations), (price_path, self.price_path)):
            hashed = [column for column in table.columns if column.name not in NOT_HASHED]
            ordered = sorted(rows, key=lambda row: (row["article_id"], row["week"]))
            digest.update(f"{table.name}\n".encode())
            for line in lines(hashed, ordered, JSON, JSON_NULL, ","):
                digest.update(f"[{line}]\n".encode())
        return digest.hexdigest()


def country_rows(rows: pd.DataFrame, path: pd.DataFrame, *, week: date, country: str, run_id: str) -> CountryRows:
    """The frames of one country as records, stamped with the run that writes them.

    rows  the columns of markdown_recommendations (run_id is set here), in any order, further ones ignored
    path  the columns of markdown_price_path, likewise
    Missing values become NULL, money is rounded to the cent, half away from zero, as a NUMERIC column does.
    raises EmptySet, BadRows with every fault
    """
    if rows.empty:
        raise EmptySet(country, week)
    faults: list[Fault] = []
    taken = CountryRows(
        tuple(_records(recommendations, rows.assign(run_id=run_id), faults)), tuple(_records(price_path, path, faults))
    )
    if not faults:
        faults = list(_foreign(taken, week, country))
    if faults:
        raise BadRows(country, week, faults)
    return taken


def _foreign(taken: CountryRows, week: date, country: str) -> Iterable[Fault]:
    """Rows of another country or week, keys that come twice, plans without article and articles without plan."""
    priced = {row["article_id"] for row in taken.recommendations}
    planned = {row["article_id"] for row in taken.price_path}
    rows = [*taken.recommendations, *taken.price_path]
    keys = Counter((row["article_id"], None) for row in taken.recommendations)
    keys.update((row["article_id"], row["week"]) for row in taken.price_path)
    found: Mapping[str, list[object]] = {
        f"rows of another country than {country}": [row["country"] for row in rows if row["country"] != country],
        f"rows of another week than {week}": [row["week"] for row in taken.recommendations if row["week"] != week],
        f"plans before week {week}": [row["article_id"] for row in taken.price_path if row["week"] < week],
        "keys that come twice": [" ".join(str(part) for part in key if part) for key, n in keys.items() if n > 1],
        "articles without a plan": sorted(priced - planned),
        "plans of articles that are not priced": sorted(planned - priced),
    }
    return (Fault(what, len(examples), examples[0]) for what, examples in found.items() if examples)


def _records(table: Table, frame: pd.DataFrame, faults: list[Fault]) -> list[Record]:
    """One record per row of the frame; what no column could hold is added to `faults`."""
    absent = [column.name for column in table.columns if column.name not in frame.columns]
    if absent:
        faults.append(Fault(f"columns that are missing for {table.name}", len(absent), ", ".join(absent)))
        return []
    names = [column.name for column in table.columns]
    columns = [_values(table, column, frame[column.name], faults) for column in table.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(table: Table, column: Column[Any], series: "pd.Series[Any]", faults: list[Fault]) -> list[Any]:
    convert, kind = _CONVERT[type(column.type)]
    codes, different = _different(series)
    converted: list[Any] = []
    bad: list[int] = []
    for code, value in enumerate(different):
        try:
            converted.append(convert(value))
        except (ValueError, TypeError, ArithmeticError):
            bad.append(code)
            converted.append(None)
    values = list(map([*converted, None].__getitem__, codes.tolist()))
    if bad:
        count = int(np.isin(codes, bad).sum())
        faults.append(Fault(f"{table.name}.{column.name} is not {kind}", count, repr(different[bad[0]])))
    missing = codes == -1
    if missing.any() and not column.nullable:
        first = f"row {int(missing.argmax())}"
        faults.append(Fault(f"{table.name}.{column.name} is empty", int(missing.sum()), first))
    return values


def _different(series: "pd.Series[Any]") -> tuple[npt.NDArray[np.int64], list[Any]]:
    """For each row the place of its value among those that differ, in order of appearance, -1 where it is missing."""
    if series.dtype == object:  # 7, 7.0 and True would be taken for one
        missing = series.isna().to_numpy()
        codes = np.where(missing, -1, np.cumsum(~missing) - 1)
        return codes, series[~missing].tolist()
    codes, different = pd.factorize(series)
    return codes.astype(np.int64), different.tolist()


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError
    return value


def _money(value: Any) -> Decimal:
    # `+ 0` turns -0.00, which NUMERIC does not know, into 0.00.
    amount = Decimal(str(value)).quantize(CENT, ROUND_HALF_UP) + 0
    if abs(amount) >= 10**12:
        raise ValueError
    return amount


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


_CONVERT: Mapping[type, tuple[Callable[[Any], Any], str]] = {
    Text: (_text, "text"),
    Money: (_money, "an amount that NUMERIC(14,2) holds"),
    Integer: (_integer, "a whole number that INTEGER holds"),
    Double: (_double, "a finite number"),
    Date: (_day, "a day"),
    Moment: (_moment, "a time with its time zone"),
}
