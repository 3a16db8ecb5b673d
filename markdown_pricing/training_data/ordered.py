"""The rows of a country in the order of their articles and weeks, from the columns as they were delivered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from markdown_pricing.arrays import BoolArray, IntArray
from markdown_pricing.columns import PRICE_UNTIL, STOCK_TO_COME
from markdown_pricing.training_data.schema import TEXTS, WEEKS, SnapshotColumn

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Order:
    """How rows are sorted by article and then by week.

    key    : (rows,), numbers that sort the rows
    places : (rows,), the numbers of the rows in that order; None where they come in it and no key comes twice
    """

    key: IntArray
    places: IntArray | None

    @classmethod
    def of(cls, article: SnapshotColumn, week: SnapshotColumn) -> "Order":
        """The order of the rows of these two columns."""
        first = int(week.values.min())
        key = np.multiply(article.values, int(week.values.max()) - first + 1, dtype=np.int64)
        key += week.values
        key -= first
        is_sorted = bool((key[1:] > key[:-1]).all())
        return cls(key, None if is_sorted else np.argsort(key, kind="stable"))

    def repeated(self, unknown: BoolArray) -> BoolArray:
        """Marks all rows whose key another row has, too, among those that are not `unknown`; both are (rows,)."""
        again = np.zeros(len(self.key), dtype=np.bool_)
        if self.places is not None:
            known = self.places[~unknown[self.places]]
            key = self.key[known]
            same = key[1:] == key[:-1]
            again[known[1:][same]] = again[known[:-1][same]] = True
        return again

    def places_of(self, keep: BoolArray | None) -> IntArray | None:
        """The numbers of the rows to keep, (kept,), in their order; None for all of them as they come.

        keep : (rows,); None: all
        """
        if keep is None or keep.all():
            return self.places
        return np.flatnonzero(keep) if self.places is None else self.places[keep[self.places]]


def ordered_frame(
    columns: Mapping[str, SnapshotColumn],
    attributes: Mapping[str, pa.ChunkedArray],
    places: IntArray | None,
    snapshot: int,
) -> pd.DataFrame:
    """The rows at these places, or all of them as they come, in the types that `take_in` tells.

    The frame shares no memory with the columns. snapshot : the day of the snapshot week, since 1970
    """

    def taken(values: NDArray[Any]) -> NDArray[Any]:
        return values if places is None else values[places]

    week = taken(columns["week"].values)
    data: dict[str, Any] = {}
    for name, column in columns.items():
        values, gaps = taken(column.values), taken(column.missing) if column.missing.any() else None
        if name in TEXTS:
            data[name] = pc.take(column.texts, pa.array(values, mask=gaps)).to_pandas()
        elif name in WEEKS or name == PRICE_UNTIL:
            data[name] = _dates(values, gaps)
        elif name == STOCK_TO_COME:
            data[name] = np.where(week == snapshot, values, np.int64(0))
        elif name == "units":
            data[name] = values.astype(np.float64)
            data[name][week >= snapshot] = np.nan
        else:
            data[name] = values.astype(np.int64 if values.dtype.kind == "i" else np.float64, copy=places is None)
    for name, attribute in attributes.items():
        whole = attribute.combine_chunks()
        data[name] = (whole if places is None else pc.take(whole, pa.array(places))).to_pandas()
    # Without copy=False pandas copies all columns once more.
    return pd.DataFrame(data, copy=False)


def _dates(days: NDArray[Any], gaps: BoolArray | None) -> NDArray[np.datetime64]:
    """Days since 1970 as datetime64[s], NaT at the gaps."""
    dates: NDArray[np.datetime64] = np.multiply(days, SECONDS_A_DAY, dtype=np.int64).view("datetime64[s]")
    if gaps is not None:
        dates[gaps] = np.datetime64("NaT")
    return dates
