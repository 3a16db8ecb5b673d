"""Types of arrays, and frozen values of arrays with one row per article, taken by rows and put together by field."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ObjectArray = npt.NDArray[np.object_]

Value = TypeVar("Value")
Rows = slice | IntArray | BoolArray


def arrays_of(value: object) -> dict[str, npt.NDArray[Any]]:
    """The arrays among the fields of a dataclass, by the field's name; fields of any other type are left out."""
    # A dataclass tells the names of its fields, and gives their values by name alone.
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no dataclass")
    return {field.name: array for field in fields(value) if isinstance(array := getattr(value, field.name), np.ndarray)}


def rows_of(value: Value, rows: Rows) -> Value:
    """The value with these rows of all its arrays, and of those of the values in it; all else stays as it is.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Stock:
    ...     units: npt.NDArray[np.int64]
    ...     country: str
    >>> rows_of(Stock(np.array([30, 20, 10]), "DEU"), np.array([2, 0]))
    Stock(units=array([10, 30]), country='DEU')
    """
    return each_array(lambda array: array[rows], value)


def each_array(function: Callable[..., npt.NDArray[Any]], value: Value, *others: Value) -> Value:
    """The value with `function` of each array in place of it; `others`, of the same type, give further arguments.

    Values inside of the value are treated alike; what is neither an array nor such a value stays as it is in `value`.
    """
    changes: dict[str, Any] = {}
    for field in fields(value):  # type: ignore[arg-type]
        first, *further = (getattr(one, field.name) for one in (value, *others))
        if isinstance(first, np.ndarray):
            changes[field.name] = function(first, *further)
        elif is_dataclass(first):
            changes[field.name] = each_array(function, first, *further)
    return replace(value, **changes)  # type: ignore[type-var]


def rows_where(where: BoolArray, yes: Value, no: Value) -> Value:
    """The rows of `yes` where `where`, (rows,), holds, and the rows of `no` elsewhere."""

    def pick(left: FloatArray, right: FloatArray) -> FloatArray:
        picked: FloatArray = np.where(where.reshape(-1, *[1] * (left.ndim - 1)), left, right)
        return picked

    return each_array(pick, yes, no)
