"""Write rows as lines of text, column by column: as JSON for the content hash, and in the form that COPY reads."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from json.encoder import encode_basestring

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROWS_AT_ONCE = 20_000
"""So many rows go to the database at a time. While it takes them, the next ones are made."""


@dataclass(frozen=True)
class Form:
    """How a row is written as a line."""

    begin: str
    between: str
    end: str
    null: str
    quote: str
    """It is put around amounts and days."""
    whole: str
    """It ends a float that is a whole number."""
    text: Callable[[str], str]


JSON = Form("[", ",", "]\n", "null", '"', ".0", encode_basestring)
# https://www.postgresql.org/docs/current/sql-copy.html, text format
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
COPY = Form("", "\t", "\n", r"\N", "", "", lambda text: text.translate(_ESCAPES))


def lines(rows: pa.Table, form: Form) -> Iterator[memoryview]:
    """Blocks of whole lines in UTF-8, a line for each row, with the values in the order of the columns."""
    for batch in rows.to_batches(max_chunksize=ROWS_AT_ONCE):
        texts = [_texts(column, form) for column in batch.columns]
        inner = pc.binary_join_element_wise(*texts, form.between, null_handling="replace", null_replacement=form.null)
        whole = pc.binary_join_element_wise(form.begin, inner, form.end, "")
        yield memoryview(whole.buffers()[2])  # in memory the texts of an array follow each other without gaps


def _texts(column: pa.Array, form: Form) -> pa.StringArray:
    if pa.types.is_floating(column.type):
        return _shortest(column, form.whole)
    encoded = column.dictionary_encode()
    texts = encoded.dictionary.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        texts = pa.array(map(_moment, encoded.dictionary.to_pylist()), pa.string())
    elif pa.types.is_string(column.type):
        texts = pa.array(map(form.text, texts.to_pylist()), pa.string())
    elif not pa.types.is_integer(column.type):
        texts = pc.binary_join_element_wise(form.quote, texts, form.quote, "")
    return texts.take(encoded.indices)


def _moment(time: datetime) -> str:
    """The time as PostgreSQL prints it where its time zone is UTC.

    >>> from datetime import UTC
    >>> _moment(datetime(2026, 3, 2, 7, 30, 1, 120_000, tzinfo=UTC))
    '2026-03-02 07:30:01.12+00'
    """
    return f"{time:%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".") + "+00"


def _shortest(column: pa.DoubleArray, whole: str) -> pa.StringArray:
    """The shortest text that reads back the same number, as Python's repr gives it, with `whole` in place of ".0".

    Arrow has the same digits, but leaves ".0" out, and writes exponents differently and for other numbers.
    """
    numbers = column.to_numpy(zero_copy_only=False)
    texts = column.cast(pa.string())
    if whole:
        texts = pc.if_else(numbers == np.floor(numbers), pc.binary_join_element_wise(texts, whole, ""), texts)
    size = np.abs(numbers)
    other = (numbers != 0) & ((size < 1e-4) | (size >= 1e10))
    own = (re.sub(r"\.0$", whole, repr(number)) for number in numbers[other].tolist())
    return pc.replace_with_mask(texts, other, pa.array(own, pa.string()))
