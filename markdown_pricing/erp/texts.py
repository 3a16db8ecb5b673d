"""Rows as lines of text, column by column: JSON for the content hash, and what COPY reads."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Date, Double, Integer, Text

from markdown_pricing.erp.tables import Moment, Money

ToText = Mapping[type, Callable[[Any], str]]

_PLAIN: ToText = {
    Money: Decimal.__str__,
    Integer: int.__repr__,
    Double: float.__repr__,
    Date: date.isoformat,
    Moment: datetime.isoformat,
}
# https://www.postgresql.org/docs/current/sql-copy.html, text format
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})

COPY: ToText = {**_PLAIN, Text: lambda text: text.translate(_ESCAPES)}
COPY_NULL = r"\N"
JSON: ToText = {
    **_PLAIN,
    Text: encode_basestring,
    Money: lambda amount: f'"{amount}"',
    Date: lambda day: f'"{day.isoformat()}"',
}
JSON_NULL = "null"

_REPEATING = (Text, Date)
"""Of these a country's rows hold few that differ."""


def lines(
    columns: Iterable[Column[Any]], records: Sequence[Mapping[str, Any]], to_text: ToText, null: str, between: str
) -> Iterator[str]:
    """One line a record, without its end: the values in the order of `columns`, `between` them as given."""
    texts = [
        _texts(type(column.type), list(map(itemgetter(column.name), records)), to_text, null) for column in columns
    ]
    return map(between.join, zip(*texts, strict=True))


def _texts(kind: type, values: Sequence[Any], to_text: ToText, null: str) -> list[str]:
    text_of = to_text[kind]
    if kind in _REPEATING:
        known = {None: null} | {value: text_of(value) for value in set(values) if value is not None}
        return list(map(known.__getitem__, values))
    return [null if value is None else text_of(value) for value in values]
