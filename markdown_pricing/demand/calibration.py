"""Whether a model expects what is sold: its bias by weeks ahead, by the last price change, and by age.

A bias of the whole can be 0 while young articles are expected too high and old ones too low, or while every markdown
sells more than was thought. Each group is measured over the last weeks, with an interval over them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray
from markdown_pricing.over_weeks import over_weeks, ratio, sums_by_week
from markdown_pricing.texts.words import counted

LEVEL = 0.95
"""The chance with which an interval holds its bias.

In a season three groups are looked at. With 0.9 luck alone could warn of a country in every fourth week.
"""
SMALL_BIAS = 0.05
"""A bias within it warns nobody: luck in the calendar alone makes as much. Chosen on 2026-11-28."""
LEAST_CHANGE = 0.03
"""A price that moves by a smaller share of last week's has not changed: averages of what was paid move by cents."""
LARGE_CHANGE = 0.2
"""From here on a price change is a large one; two rungs of the ladder. Chosen on 2026-11-28."""
AGES = ((0, 4, "first 4 weeks"), (4, 12, "weeks 5 to 12"), (12, np.inf, "week 13 and later"))
"""From and below so many weeks after the launch; chosen on 2026-11-28 around the weeks at full price and a quarter."""
ALL = "all sales, one week ahead"


@dataclass(frozen=True)
class Bias:
    """The bias of a group of sales: sum (expected − actual) over sum |actual|; NaN where nothing was sold.

    looked_at : whether the check of biases looks at it; ages and horizons are other cuts through the same weeks
    low, high : its interval over weeks; NaN when there are too few of them
    """

    group: str
    looked_at: bool
    value: float
    low: float
    high: float
    weeks: int
    units: float

    @property
    def out_of_place(self) -> bool:
        """Whether the bias is more than small, and 0 lies outside of its interval; False without one."""
        return abs(self.value) > SMALL_BIAS and (self.low > 0.0 or self.high < 0.0)

    @property
    def interval(self) -> str:
        """Its interval as it is shown; empty when there are too few weeks."""
        return "" if np.isnan(self.low) else f"{100 * self.low:+.1f} to {100 * self.high:+.1f} %"

    def __str__(self) -> str:
        return (
            f"{self.group}: {100 * self.value:+.1f} % ({self.interval}) of {counted(round(self.units), 'unit')} in "
            f"{counted(self.weeks, 'week')}"
        )


def biases(compared: pd.DataFrame) -> tuple[Bias, ...]:
    """The bias of each group that has a row.

    compared : week (that was sold), ahead (0 is one week ahead), change and age as `last_changes` and `ages` give them,
               actual, expected; a row for each article, week and number of weeks ahead
    """
    week, actual = compared["week"].to_numpy(), compared["actual"].to_numpy(dtype=np.float64)
    error = compared["expected"].to_numpy(dtype=np.float64) - actual
    return tuple(
        _bias(name, looked_at, week[some], error[some], np.abs(actual[some]))
        for name, looked_at, some in _groups(compared)
        if some.any()
    )


def _groups(compared: pd.DataFrame) -> Iterator[tuple[str, bool, BoolArray]]:
    ahead, change, age = (compared[name].to_numpy(dtype=np.float64) for name in ("ahead", "change", "age"))
    now, large = ahead == 0, f"{100 * LARGE_CHANGE:.0f} %"
    yield ALL, True, now
    for weeks in np.unique(ahead[~now]):
        yield f"{weeks + 1:.0f} weeks ahead", False, ahead == weeks
    yield "price never changed", False, now & (change == 0)
    for name, side in (("cut", -change), ("rise", change)):
        yield f"after a {name} below {large}", True, now & (side > 0) & (side < LARGE_CHANGE)
        yield f"after a {name} of {large} or more", True, now & (side >= LARGE_CHANGE)
    for first, end, name in AGES:
        yield name, False, now & (age >= first) & (age < end)


def _bias(
    name: str, looked_at: bool, week: "np.typing.NDArray[np.generic]", error: FloatArray, units: FloatArray
) -> Bias:
    sums = sums_by_week(week, error, units)
    estimate = over_weeks(ratio, sums, LEVEL)
    return Bias(name, looked_at, estimate.value, estimate.low, estimate.high, len(sums), float(units.sum()))


def out_of_place(measured: Iterable[Bias]) -> list[Bias]:
    """Those of the groups that are looked at whose bias is out of place."""
    return [one for one in measured if one.looked_at and one.out_of_place]


def last_changes(rows: pd.DataFrame) -> FloatArray:
    """(rows,), the share by which the price last changed, below 0 for a cut; 0 where it never did.

    rows : article_id and price, sorted by article and week; each row's own week counts
    """
    price, article = rows["price"].to_numpy(dtype=np.float64), rows["article_id"].to_numpy()
    change = np.full(len(rows), np.nan)
    first = np.ones(len(rows), dtype=bool)
    first[1:] = article[1:] != article[:-1]
    change[1:] = price[1:] / price[:-1] - 1.0
    change[first] = 0.0
    change[~first & (np.abs(change) < LEAST_CHANGE)] = np.nan
    known: FloatArray = pd.Series(change).ffill().to_numpy(dtype=np.float64)
    return known


def ages(rows: pd.DataFrame) -> FloatArray:
    """(rows,), the whole weeks from an article's launch to its week, never below 0."""
    weeks = (rows["week"] - rows["launch_week"]).dt.days.to_numpy(dtype=np.float64) // 7
    old: FloatArray = np.maximum(weeks, 0.0)
    return old
