"""What is known of all articles of a country's groups: its categories, and the values of each text attribute."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.around import GroupSums
from markdown_pricing.demand.design import Design, codes_of
from markdown_pricing.demand.local_terms import ADDED_UNITS, SPEED, past_mean
from markdown_pricing.training_data.features import Panel, week_number

CATEGORY = "category"


@dataclass(frozen=True)
class Surroundings:
    """Sums of all rows of a frame, by the name of the grouping.

    asked : of articles' own values, as `local_terms.own_values` gives them
    sold  : of how far the log of units lay above its mean of the past, in weeks that the stock did not limit
    """

    asked: dict[str, GroupSums]
    sold: dict[str, GroupSums]

    @classmethod
    def of(cls, frame: pd.DataFrame, design: Design) -> Self:
        panel, week = Panel.of(frame), week_number(frame["week"])
        first_price = panel.first(frame["list_price"].to_numpy(dtype=np.float64))[panel.row]
        price = np.log(frame["price"].to_numpy(dtype=np.float64) / first_price)
        own = np.column_stack([price, design.scaled_attributes(frame)])
        units = frame["units"].to_numpy(dtype=np.float64)
        seen = np.isfinite(units) & (frame["stock"].to_numpy() > 0) & ~frame["censored"].to_numpy(dtype=np.bool_)
        log_units = np.where(seen, np.log(np.where(seen, np.maximum(units, 0.0), 0.0) + ADDED_UNITS), np.nan)
        past = past_mean(panel.grid(log_units), SPEED)[panel.row, panel.column]
        asked, sold = {}, {}
        for name, (codes, count) in groupings(frame, design).items():
            asked[name] = GroupSums.of(codes, week, own, count)
            sold[name] = GroupSums.of(codes, week, (log_units - past)[:, np.newaxis], count)
        return cls(asked, sold)


def groupings(frame: pd.DataFrame, design: Design) -> dict[str, tuple[IntArray, int]]:
    """The code of each row's group, (rows,), and how many groups there are, by the name of the grouping.

    Rows whose group was never seen, and all rows where the column is gone, are one more group.
    """
    groups = {CATEGORY: (design.category_of(frame), len(design.categories) + 1)}
    for name, values in design.attributes.items():
        if values:
            known = name in frame
            texts = frame[name].where(frame[name].notna(), "") if known else pd.Series([""] * len(frame), dtype="str")
            groups[name] = (codes_of(texts, values), len(values) + 1)
    return groups


def lately(sold: GroupSums, group: IntArray, week: IntArray) -> FloatArray:
    """How far the group's articles sold above their past in the week before, (rows,), NaN where nothing is known."""
    return sold.mean(group, week - 1)[:, 0]
