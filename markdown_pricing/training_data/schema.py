"""The columns of a country's training data: their types, their values as numbers, and what is wrong with a column."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from markdown_pricing.arrays import BoolArray
from markdown_pricing.columns import PRICE_UNTIL, STOCK_TO_COME
from markdown_pricing.errors import Fault

TEXTS = ("article_id", "category", "season")
WEEKS = ("week", "launch_week", "end_week")
MONEY = ("list_price", "price", "salvage_price")
COUNTS = ("units", "stock", "stores")
COLUMNS = ("article_id", "week", "category", "season", "launch_week", "end_week", *MONEY[:2], *COUNTS, MONEY[2])
OPTIONAL = (PRICE_UNTIL, STOCK_TO_COME)
"""The optional columns of the contract. They say something in the snapshot week alone."""
ATTRIBUTE_PREFIX = "attr_"
PLANNED_COLUMNS = ("article_id", "category", "week")
"""What a row of a plan is for: an article or a category, and a week to come."""
LONGEST_TEXT = 10_000
"""Characters of a text; names, ids and seasons are far shorter. Chosen on 2026-11-27."""
NOT_PRINTABLE = r"[\p{Cc}\x{2028}\x{2029}\x{202A}-\x{202E}\x{2066}-\x{2069}]"
"""Control characters, line breaks, and marks that turn the direction of reading: they garble whatever shows them."""
ENCODED_TEXT = pa.dictionary(pa.int32(), pa.string())
"""Texts as a Parquet file has them: each different one once, and for each row its number."""


def columns_to_read(available: Sequence[str]) -> list[str]:
    """The contract's columns and the optional ones among `available`. All others are ignored."""
    return [
        column for column in available if column in COLUMNS or column in OPTIONAL or column.startswith(ATTRIBUTE_PREFIX)
    ]


def planned_columns(available: Sequence[str]) -> list[str]:
    """The columns of a plan among `available`; see `planned.py`."""
    return [name for name in available if name in PLANNED_COLUMNS or name.startswith(ATTRIBUTE_PREFIX)]


@dataclass(frozen=True)
class SnapshotColumn:
    """A column as numbers: ranks of sorted texts, days since 1970, or values. `missing` marks NULL and NaN.

    values : ranks and days as int32, whole numbers as int32 or int64, prices as float64; 0 where a whole number or a
        date is NULL, and -1 where a text is
    unreadable : for each fault of its texts the rows that have it, in words
    """

    name: str
    values: NDArray[Any]
    missing: BoolArray
    texts: pa.Array | None = None
    unreadable: tuple[tuple[str, BoolArray], ...] = ()

    @classmethod
    def of(cls, column: pa.ChunkedArray, name: str) -> "SnapshotColumn":
        """The column of a name of the contract, whose type fits it."""
        if name in TEXTS:
            return cls._from_texts(column, name)
        if name in MONEY:
            values = filled(numbers_of(column), np.nan).to_numpy()
            return cls(name, values, np.isnan(values))
        missing = column.is_null().to_numpy()
        if name in COUNTS or name == STOCK_TO_COME:
            return cls(name, _whole_numbers(column), missing)
        days = filled(column.cast(pa.date32()).cast(pa.int32()), 0)
        return cls(name, days.to_numpy(), missing)

    @classmethod
    def _from_texts(cls, column: pa.ChunkedArray, name: str) -> "SnapshotColumn":
        different, codes = _encoded(column)
        different, faults = _readable(different, name)
        order = pc.sort_indices(different).to_numpy()
        ranks = np.empty(len(order) + 1, dtype=np.int32)
        ranks[order], ranks[-1] = np.arange(len(order)), -1
        unreadable = tuple((what, np.append(bad, False)[codes]) for what, bad in faults.items())
        return cls(name, ranks[codes], codes < 0, different.take(pa.array(order)), unreadable)

    @cached_property
    def least(self) -> float:
        """The lowest of the values, which shows at once that no row is below a bound; NaN counts for nothing."""
        return float(np.fmin.reduce(self.values))

    @cached_property
    def most(self) -> float:
        """The highest of the values."""
        return float(np.fmax.reduce(self.values))

    def shown(self, row: int) -> str:
        """The value of a row, for people."""
        if self.missing[row]:
            return "NULL"
        if self.texts is not None:
            return printable(str(self.texts[int(self.values[row])]))
        if self.name in (*MONEY, *COUNTS, STOCK_TO_COME):
            return str(self.values[row])
        return str(np.datetime64(int(self.values[row]), "D"))


def filled(column: Any, value: float) -> Any:
    """The array with `value` in place of NULL; without any it is itself, because filling copies all the same."""
    return column.fill_null(value) if column.null_count else column


def printable(text: str, most: int = 60) -> str:
    """The text as one short line: what can't be shown is escaped, and a long one is cut.

    >>> printable("shoes\\n")
    'shoes\\\\n'
    """
    line = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
    return line if len(line) <= most else f"{line[:most]}…"


def _readable(different: pa.Array, name: str) -> tuple[pa.Array, dict[str, BoolArray]]:
    """Different texts, those that are no UTF-8 with escapes in place of their bytes; and which are faulty, by fault."""
    faults = {}
    try:
        different.validate(full=True)
    except pa.ArrowInvalid:
        raw = different.cast(pa.binary()).to_pylist()
        decoded = [text.decode("utf-8", "backslashreplace") for text in raw]
        broken = [text.encode("utf-8", "surrogatepass") != own for text, own in zip(decoded, raw, strict=True)]
        different, faults[f"{name} is no UTF-8"] = pa.array(decoded, pa.string()), np.array(broken, dtype=np.bool_)
    tests = {
        f"{name} has characters that can't be printed": pc.match_substring_regex(different, NOT_PRINTABLE),
        f"{name} is longer than {LONGEST_TEXT:,} characters": pc.greater(pc.utf8_length(different), LONGEST_TEXT),
    }
    if name == "article_id":
        tests[f"{name} is blank"] = pc.match_substring_regex(different, r"^\s*$")
    faults |= {what: test.to_numpy(zero_copy_only=False).astype(np.bool_) for what, test in tests.items()}
    return different, {what: bad for what, bad in faults.items() if bad.any()}


def _encoded(texts: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int32]]:
    """The different texts of a column, each once, and for each row the number of its own; -1 where it is NULL."""
    if texts.type == ENCODED_TEXT:
        encoded = texts.unify_dictionaries().combine_chunks()
        different, codes = encoded.dictionary, filled(encoded.indices, -1).to_numpy()
        used = np.bincount(codes + 1, minlength=len(different) + 1)[1:] > 0
        if used.all() and not different.null_count and len(different) == pc.count_distinct(different).as_py():
            return different, codes
    encoded = pa.chunked_array([texts.cast(pa.string()).combine_chunks()]).dictionary_encode().combine_chunks()
    encoded = encoded if isinstance(encoded, pa.DictionaryArray) else encoded.chunk(0)
    return encoded.dictionary, filled(encoded.indices, -1).to_numpy()


def _whole_numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """Integers as int32, or as int64 where their type is wider, 0 where NULL.

    Larger ones than int64 has, which no bound allows, come as its largest.
    """
    if pa.types.is_uint64(column.type):
        column = pc.min_element_wise(column, pa.scalar(2**63 - 1, pa.uint64()))
    wide = column.type in (pa.uint32(), pa.int64(), pa.uint64())
    numbers: NDArray[Any] = filled(column.cast(pa.int64() if wide else pa.int32()), 0).to_numpy()
    return numbers


def numbers_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers of any width as float64. A narrow or decimal 19.99 is read as the float64 19.99, by its shortest text."""
    if pa.types.is_float32(column.type) or pa.types.is_decimal(column.type):
        encoded = pa.chunked_array([column.combine_chunks()]).dictionary_encode().combine_chunks()
        encoded = encoded if isinstance(encoded, pa.DictionaryArray) else encoded.chunk(0)
        by_text = encoded.dictionary.cast(pa.string()).cast(pa.float64())
        return pa.chunked_array([by_text.take(encoded.indices)])
    return column.cast(pa.float64(), safe=False)


def fits(table: pa.Table, name: str) -> bool:
    """Whether the table has the contract's column `name`, once, in a type that it may have."""
    return table.column_names.count(name) == 1 and EXPECTED[name][1](table.schema.field(name).type)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    exact = pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    return bool(exact or pa.types.is_float32(kind) or pa.types.is_float64(kind))


EXPECTED: dict[str, tuple[str, Callable[[pa.DataType], bool]]] = (
    dict.fromkeys(TEXTS, ("string", _is_text))
    | dict.fromkeys((*WEEKS, PRICE_UNTIL), ("date32", pa.types.is_date))
    | dict.fromkeys(MONEY, ("float64", _is_number))
    | dict.fromkeys((*COUNTS, STOCK_TO_COME), ("int32", pa.types.is_integer))
)
COLUMN_TYPES = {name: EXPECTED[name][0] for name in COLUMNS}
"""The type of each column of the contract, as it is shown to people."""


def _decoded(kind: pa.DataType) -> pa.DataType:
    """The type of the values themselves: texts may have been read in the encoding of their file."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def column_faults(table: pa.Table) -> Iterator[Fault]:
    """What is wrong with whole columns of the contract: missing ones, doubled ones, and those of a wrong type."""
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        yield Fault("columns missing", len(missing), ", ".join(missing))
    doubled = [name for name in COLUMNS if table.column_names.count(name) > 1]
    if doubled:
        yield Fault("columns that come twice", len(doubled), ", ".join(doubled))
    mistyped = [
        f"{name} is {_decoded(table.schema.field(name).type)}, expected {EXPECTED[name][0]}"
        for name in COLUMNS
        if name not in missing and name not in doubled and not fits(table, name)
    ]
    if mistyped:
        yield Fault("columns of a wrong type", len(mistyped), "; ".join(mistyped))
