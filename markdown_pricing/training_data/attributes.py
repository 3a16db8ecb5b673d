"""Optional columns: which of them can be used, and why others are left out. None ever costs a country its model."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from markdown_pricing.columns import PRICE_UNTIL
from markdown_pricing.training_data.schema import ATTRIBUTE_PREFIX, OPTIONAL, filled, fits, numbers_of

LARGEST_NUMBER = 1e30
"""Larger numbers overflow when models square them or compute in single precision."""


def usable_columns(table: pa.Table) -> tuple[dict[str, pa.ChunkedArray], dict[str, str]]:
    """The optional columns that models can use, by name, and for each of the others why it is left out.

    The columns come in the order of their names, because models sum over columns, and sums of floats depend on order.
    """
    usable: dict[str, pa.ChunkedArray] = {}
    left_out: dict[str, str] = {}
    for name in sorted({name for name in table.column_names if name.startswith(ATTRIBUTE_PREFIX)}):
        if table.column_names.count(name) > 1:
            left_out[name] = "it comes twice"
            continue
        column = _in_a_type_that_models_take(table[name])
        if isinstance(column, str):
            left_out[name] = column
        else:
            usable[name] = column
    for name in OPTIONAL:
        if name in table.column_names and not fits(table, name):
            left_out[name] = f"it is not one column of {'dates' if name == PRICE_UNTIL else 'whole numbers'}"
    return usable, left_out


def _in_a_type_that_models_take(column: pa.ChunkedArray) -> pa.ChunkedArray | str:
    """The column as numbers, texts or days; or why it can't be used."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        if pa.types.is_string(kind) and all(_is_utf8(chunk.dictionary) for chunk in column.chunks):
            return column.cast(kind)
        column = column.cast(kind)
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8()).cast(pa.float64()) if column.null_count else column
    if pa.types.is_integer(kind):
        return column
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _finite(numbers_of(column.cast(pa.float32()) if pa.types.is_float16(kind) else column))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _in_utf8(column.cast(pa.string()))
    if pa.types.is_date(kind):
        return column
    return f"its type is {kind}, which is neither a number nor a text"


def _finite(numbers: pa.ChunkedArray) -> pa.ChunkedArray | str:
    values = filled(numbers, np.nan).to_numpy()
    with np.errstate(invalid="ignore"):
        beyond = np.abs(values) > LARGEST_NUMBER
    if beyond.any():
        return f"{np.count_nonzero(beyond):,} values are beyond {LARGEST_NUMBER:g}, for example {values[beyond][0]:g}"
    return numbers


def _in_utf8(texts: pa.ChunkedArray) -> pa.ChunkedArray | str:
    return texts if _is_utf8(pc.unique(texts)) else "it has texts that are no UTF-8"


def _is_utf8(texts: pa.Array) -> bool:
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
