"""Whether a challenger forecasts real weeks worse than a champion: the same sales, compared week by week."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray
from markdown_pricing.demand.calibration import SMALL_BIAS
from markdown_pricing.over_weeks import Estimate, over_weeks, sums_by_week
from markdown_pricing.texts.words import counted

LEVEL = 0.9
"""The chance with which the intervals hold all differences of a comparison together: each is as much wider as it has to
be for that (Bonferroni). A challenger that is no worse is then refused once in twenty times at most, however many
differences are looked at; intervals of 90 % each would refuse it several times as often."""
CHANGED = 0.9
"""A price at most so large a share of last week's, or larger by as much, has changed."""
WAPE, BIAS = "WAPE", "bias"
MEASURED = {WAPE: 0, BIAS: 2}
"""What is compared, and the first of its two columns in the sums of `_measures`."""


@dataclass(frozen=True)
class ComparedError:
    """An error of both models on the same sales.

    name : WAPE or bias, and of which sales
    more : how much larger the challenger's is, with its interval over weeks; biases are compared without their sign
    """

    name: str
    champion: float
    challenger: float
    more: Estimate

    @property
    def worse(self) -> bool:
        """Whether the challenger's is larger by more than the interval. A bias within SMALL_BIAS is none."""
        return self.more.low > 0.0 and not (self.name.startswith(BIAS) and abs(self.challenger) <= SMALL_BIAS)

    @property
    def interval(self) -> str:
        """Between what the challenger's error is larger, in words; empty where so few weeks tell nothing."""
        return "" if np.isnan(self.more.low) else f"{self.more.low:+.3f} to {self.more.high:+.3f}"

    def __str__(self) -> str:
        sign = "+" if self.name.startswith(BIAS) else ""
        return (
            f"{self.name} {self.challenger:{sign}.3f} against {self.champion:{sign}.3f}, {self.more.value:.3f} more "
            f"(interval {self.interval})"
        )


@dataclass(frozen=True)
class RealWeeks:
    """How a challenger and a champion forecast the same real weeks, each from its own Monday on.

    broken : why the challenger gave no forecast that can be compared; empty when it did
    """

    champion: str
    challenger: str
    weeks: int
    measures: tuple[ComparedError, ...] = ()
    broken: str = ""

    @property
    def refuses(self) -> bool:
        """Whether the challenger may not be promoted."""
        return bool(self.worse or self.broken)

    @property
    def worse(self) -> tuple[ComparedError, ...]:
        """The measures by which the challenger is worse; empty when nothing speaks against it."""
        return tuple(one for one in self.measures if one.worse)

    def __str__(self) -> str:
        if self.broken:
            return f"{self.challenger} fails on real weeks: {self.broken}"
        of = f"{counted(self.weeks, 'real week')}"
        if self.worse:
            together = f"The {len(self.measures)} intervals hold together with a chance of {100 * LEVEL:.0f} %."
            each_worse = "; ".join(map(str, self.worse))
            return f"{self.challenger} forecasts {of} worse than {self.champion}: {each_worse}. {together}"
        return f"{self.challenger} forecasts {of} no worse than {self.champion}, as far as they can tell."


def compare_forecasts(rows: pd.DataFrame, champion: str, challenger: str) -> RealWeeks:
    """Both models one week ahead: WAPE and bias of all sales, and of those after a price change of 10 % or more.

    rows : those of `replay.replay` of both models, with model and country
    """
    key = ["country", "origin", "article_id"]
    now = rows[rows["ahead"] == 0]
    first, second = (now[now["model"] == model].set_index(key) for model in (champion, challenger))
    both = first[["actual", "step", "expected"]].assign(other=second["expected"])
    step, week = both["step"], both.index.get_level_values("origin").to_numpy()
    changed = ((step <= CHANGED) | (step >= 1 / CHANGED)).to_numpy()
    actual = both["actual"].to_numpy(dtype=np.float64)
    errors = [both[name].to_numpy(dtype=np.float64) - actual for name in ("expected", "other")]
    columns = [*map(np.abs, errors), *errors, np.abs(actual)]
    everything = np.ones(len(both), dtype=bool)
    sums = {
        sales: sums_by_week(week[some], *(column[some] for column in columns))
        for sales, some in (("one week ahead", everything), ("after a price change", changed))
        if actual[some].any()
    }
    level = 1 - (1 - LEVEL) / (len(MEASURED) * max(len(sums), 1))
    measures = [measure for sales, own in sums.items() for measure in _measures(sales, own, level)]
    return RealWeeks(champion, challenger, len(np.unique(week)), tuple(measures))


def _measures(sales: str, sums: FloatArray, level: float) -> Iterator[ComparedError]:
    """sums : (weeks, 5), the absolute errors of champion and challenger, their errors, and the units sold"""
    total = sums.sum(axis=0)
    for name, at in MEASURED.items():

        def larger(of: FloatArray, at: int = at) -> FloatArray:
            sold = np.where(of[..., 4] > 0, of[..., 4], np.nan)
            return np.asarray((np.abs(of[..., at + 1]) - np.abs(of[..., at])) / sold)

        more = over_weeks(larger, sums, level)
        yield ComparedError(f"{name} {sales}", float(total[at] / total[4]), float(total[at + 1] / total[4]), more)


def as_table(compared: RealWeeks) -> pd.DataFrame:
    """A row for each measure: both models' errors, and how much larger the challenger's is, with its interval."""
    return pd.DataFrame(
        {
            one.name: [f"{one.champion:.3f}", f"{one.challenger:.3f}", f"{one.more.value:+.3f} ({one.interval})"]
            for one in compared.measures
        },
        index=[compared.champion, compared.challenger, "more"],
    ).T
