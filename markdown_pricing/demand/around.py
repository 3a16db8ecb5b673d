"""What the other articles of a group asked and sold in a week: their mean price, their promotions, their surprises."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class GroupSums:
    """Sums over the rows of a group in a week, from the week number `first_week` on.

    total : (groups, weeks, values) ; count : (groups, weeks)
    """

    total: FloatArray
    count: FloatArray
    first_week: int

    @classmethod
    def of(cls, group: IntArray, week: IntArray, values: FloatArray, groups: int) -> Self:
        """The sums of the rows whose values, (rows, values), are all known; group : (rows,), codes below `groups`."""
        known = np.isfinite(values).all(axis=1)
        group, week, values = group[known], week[known], values[known]
        first = int(week.min()) if len(week) else 0
        weeks = int(week.max()) - first + 1 if len(week) else 1
        place, cells = group * weeks + week - first, groups * weeks
        sums = [np.bincount(place, column, cells) for column in values.T]
        total = np.stack(sums, axis=1).astype(np.float64)
        count = np.bincount(place, minlength=cells).astype(np.float64)
        return cls(total.reshape(groups, weeks, -1), count.reshape(groups, weeks), first)

    def mean(self, group: IntArray, week: IntArray) -> FloatArray:
        """The mean of the group in the week, (rows, values), NaN where nothing is known of it."""
        total, count = self._at(group, week)
        return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)

    def others(self, group: IntArray, week: IntArray, own: FloatArray) -> FloatArray:
        """The same without the article's own values, (rows, values), which are among the sums."""
        total, count = self._at(group, week)
        return np.where(count > 1, (total - own) / np.maximum(count - 1.0, 1.0), np.nan)

    def _at(self, group: IntArray, week: IntArray) -> tuple[FloatArray, FloatArray]:
        column = week - self.first_week
        known = (column >= 0) & (column < self.count.shape[1]) & (group < len(self.count))
        cell = np.where(known, group, 0), np.where(known, column, 0)
        total, count = self.total[cell], np.where(known, self.count[cell], 0.0)[:, np.newaxis]
        return total, count
