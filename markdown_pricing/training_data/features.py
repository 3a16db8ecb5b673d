"""The facts that a decision can know: calendar, age, prices and sales by date, up to a week and never later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from markdown_pricing.arrays import FloatArray, IntArray, ObjectArray
from markdown_pricing.training_data.schema import ATTRIBUTE_PREFIX

Cells = tuple[IntArray, IntArray]
"""The rows and the columns of cells in a panel's grid, each of shape (cells,)."""

DAYS_A_YEAR = 365.25
MOST_WEEKS_COUNTED = 260
"""Ages are cut at five years, so that an end week of a far year does no harm. Chosen freely."""


def week_number(weeks: Any) -> IntArray:
    """How many whole weeks dates, timestamps or datetime64 of any shape are after the first Monday of 1970."""
    days = np.asarray(weeks).astype("datetime64[D]").astype(np.int64)
    numbers: IntArray = (days - 4) // 7
    return numbers


def season_terms(week: IntArray, harmonics: int = 2) -> FloatArray:
    """Smooth terms of the time of year, (…, 2·harmonics), in which week 52 is next to week 1.

    week : week numbers, (…), of any shape
    """
    angle = 2 * np.pi * ((np.asarray(week) * 7 + 4) / DAYS_A_YEAR)
    waves = [wave(k * angle) for k in range(1, harmonics + 1) for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=-1)


def mondays(week: IntArray) -> NDArray[np.datetime64]:
    """The Mondays of week numbers of any shape, in the same shape, as datetime64[D]."""
    return (np.asarray(week) * 7 + 4).astype("datetime64[D]")


def week_of_year(week: IntArray) -> IntArray:
    """The week of the year, 0 to 52, by the day of the year of its Monday; the shape is that of `week`.

    week : week numbers of any shape
    """
    days = mondays(week)
    week_in_year: IntArray = (days - days.astype("datetime64[Y]")).astype(np.int64) // 7
    return week_in_year


@dataclass(frozen=True)
class Age:
    """Where articles are in their lives: weeks since launch, weeks to the end, and the share of life lived, 0 to 1."""

    age_weeks: FloatArray
    weeks_to_end: FloatArray
    life_share: FloatArray

    @classmethod
    def of(cls, week: IntArray, launch_week: IntArray, end_week: IntArray) -> "Age":
        """The age in `week`, from week numbers whose shapes broadcast. Before its launch an article has age 0."""
        age = np.clip(week - launch_week, 0, MOST_WEEKS_COUNTED).astype(np.float64)
        to_end = np.clip(end_week - week, 0, MOST_WEEKS_COUNTED).astype(np.float64)
        life = np.maximum(end_week - launch_week + 1, 1)
        return cls(age, to_end, np.clip((week - launch_week) / life, 0.0, 1.0))


@dataclass(frozen=True)
class Panel:
    """A frame's rows laid out as articles × weeks, so that "four weeks ago" is a date and not the fourth row before.

    article_ids : (articles,), sorted by `of`, and in the order that is asked for by `part`
    first_week  : week number of column 0
    row, column : the cell of each row, (rows of the frame,)
    """

    article_ids: ObjectArray
    first_week: int
    weeks: int
    row: IntArray
    column: IntArray

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Panel":
        """The layout of a frame with the columns article_id and week."""
        codes, ids = pd.factorize(frame["article_id"], sort=True)
        week = week_number(frame["week"])
        first, last = (int(week.min()), int(week.max())) if len(week) else (0, -1)
        return cls(np.asarray(ids, dtype=object), first, last - first + 1, codes.astype(np.int64), week - first)

    def part(self, articles: IntArray) -> tuple["Panel", IntArray]:
        """The layout of these articles' rows, (part,), over the same weeks, and which rows of the frame they are."""
        place = np.full(len(self.article_ids), -1)
        place[articles] = np.arange(len(articles))
        rows = np.flatnonzero(place[self.row] >= 0)
        own = replace(self, article_ids=self.article_ids[articles], row=place[self.row[rows]], column=self.column[rows])
        return own, rows

    def grid(self, values: Any, missing: float = np.nan) -> FloatArray:
        """The frame's values as (articles, weeks), with `missing` where the frame has no row."""
        cells = np.full((len(self.article_ids), self.weeks), missing)
        cells[self.row, self.column] = np.asarray(values, dtype=np.float64)
        return cells

    def first(self, values: Any) -> NDArray[Any]:
        """The value of each article's earliest row, (articles,)."""
        return np.asarray(values)[self.earliest]

    def last(self, values: Any) -> NDArray[Any]:
        """The value of each article's latest row, (articles,)."""
        return np.asarray(values)[self._starts(-self.column)]

    @cached_property
    def earliest(self) -> IntArray:
        """The number of each article's earliest row, (articles,)."""
        return self._starts(self.column)

    def _starts(self, by: IntArray) -> IntArray:
        order = np.lexsort((by, self.row))
        starts: IntArray = order[np.searchsorted(self.row[order], np.arange(len(self.article_ids)))]
        return starts


def lag(grid: FloatArray, cell: Cells, weeks: int) -> FloatArray:
    """The values `weeks` weeks before each cell, (cells,), NaN where there are none. Lag 1 is the last known week."""
    row, column = cell
    earlier = column - weeks
    values: FloatArray = np.where(earlier >= 0, grid[row, np.maximum(earlier, 0)], np.nan)
    return values


def mean_of_lags(grid: FloatArray, cell: Cells, weeks: int) -> FloatArray:
    """The mean of the known values in the `weeks` weeks before each cell, (cells,), NaN where none is known."""
    lags = np.stack([lag(grid, cell, back) for back in range(1, weeks + 1)])
    known = (~np.isnan(lags)).sum(axis=0)
    return np.where(known > 0, np.nansum(lags, axis=0) / np.maximum(known, 1), np.nan)


def stock_per_store(stock: FloatArray, stores: FloatArray) -> FloatArray:
    """The units on a store's shelf; shapes broadcast. Stock that no store carries counts as that of one store."""
    shelf: FloatArray = stock / np.maximum(stores, 1.0)
    return shelf


def attribute_columns(frame: pd.DataFrame) -> Sequence[str]:
    """The names of the optional attributes among the frame's columns."""
    return [column for column in frame.columns if column.startswith(ATTRIBUTE_PREFIX)]


def week_of(week: date) -> int:
    """The week number of a Monday."""
    return int(week_number(np.datetime64(week, "D")))
