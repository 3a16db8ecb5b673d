"""Values of arrays: taken by rows, and put together field by field."""

from dataclasses import dataclass

import numpy as np
import pytest

from markdown_pricing.arrays import arrays_of, each_array, rows_of


@dataclass(frozen=True)
class Shelves:
    full: np.ndarray


@dataclass(frozen=True)
class Stock:
    units: np.ndarray
    by_week: np.ndarray
    country: str
    shelves: Shelves
    target: np.ndarray | None = None


STOCK = Stock(np.array([30, 20, 10]), np.arange(6).reshape(3, 2), "DEU", Shelves(np.array([0.3, 0.2, 0.1])))


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True]), slice(2)])
def test_rows_are_taken_of_every_array_also_of_those_in_other_values(rows: object) -> None:
    taken = rows_of(STOCK, rows)

    assert taken.units.tolist() == STOCK.units[rows].tolist()
    assert taken.by_week.tolist() == STOCK.by_week[rows].tolist()
    assert taken.shelves.full.tolist() == STOCK.shelves.full[rows].tolist()
    assert (taken.country, taken.target) == ("DEU", None)


def test_two_values_are_put_together_array_by_array() -> None:
    more = each_array(np.add, STOCK, STOCK)

    assert more.units.tolist() == [60, 40, 20]
    assert more.shelves.full.tolist() == [0.6, 0.4, 0.2]


def test_the_arrays_of_a_value_are_named_by_their_fields() -> None:
    assert list(arrays_of(STOCK)) == ["units", "by_week"]


def test_what_is_no_dataclass_is_refused() -> None:
    with pytest.raises(TypeError, match="dict is no dataclass"):
        arrays_of({})
