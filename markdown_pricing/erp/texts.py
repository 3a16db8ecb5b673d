"""Rows as lines of text, column by column: JSON for the content hash, and what COPY reads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROWS_AT_ONCE = 20_000
"""While the database takes these, the next ones are made."""


@dataclass(frozen=True)
class Form:
    """How one row is written as one line."""

    begin: str
    between: str
    end: str
    null: str
    quote: str
    """Around amounts and days."""
    text: Callable[[str], str]


JSON = Form("[", ",", "]\n", "null", '"', encode_basestring)
# https://www.postgresql.org/docs/current/sql-copy.html, text format
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
COPY = Form("", "\t", "\n", r"\N", "", lambda text: text.translate(_ESCAPES))


def lines(rows: pa.Table, form: Form) -> Iterator[memoryview]:
    """Blocks of whole lines in UTF-8, one line a row, the values in the order of the columns."""
    for batch in rows.to_batches(max_chunksize=ROWS_AT_ONCE):
        texts = [_texts(column, form) for column in batch.columns]
        inner = pc.binary_join_element_wise(*texts, form.between, null_handling="replace", null_replacement=form.null)
        whole = pc.binary_join_element_wise(form.begin, inner, form.end, "")
        yield memoryview(whole.buffers()[2])  # the texts of an array lie one behind the other


def _texts(column: pa.Array, form: Form) -> pa.StringArray:
    if pa.types.is_floating(column.type):
        return _shortest(column)
    encoded = column.dictionary_encode()
    texts = encoded.dictionary.cast(pa.string())
    if pa.types.is_string(column.type):
        texts = pa.array(map(form.text, texts.to_pylist()), pa.string())
    elif not pa.types.is_integer(column.type):
        texts = pc.binary_join_element_wise(form.quote, texts, form.quote, "")
    return texts.take(encoded.indices)


def _shortest(column: pa.DoubleArray) -> pa.StringArray:
    """The shortest text that reads back the same, as Python's repr.

    Arrow has the same digits, but leaves ".0" out, and writes exponents otherwise and for other numbers.
    """
    numbers = column.to_numpy(zero_copy_only=False)
    texts = column.cast(pa.string())
    texts = pc.if_else(numbers == np.floor(numbers), pc.binary_join_element_wise(texts, ".0", ""), texts)
    size = np.abs(numbers)
    other = (numbers != 0) & ((size < 1e-4) | (size >= 1e10))
    return pc.replace_with_mask(texts, other, pa.array(map(repr, numbers[other].tolist()), pa.string()))
