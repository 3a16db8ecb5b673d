"""A frame as the coming week's forecast sees it: differences from the past, and what stands around each article."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.design import DesignRows
from markdown_pricing.demand.local_terms import LocalRows, own_values
from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.demand.pooling import LOG_RANGE
from markdown_pricing.demand.surroundings import CATEGORY, Surroundings, groupings
from markdown_pricing.training_data.features import Panel

LEAST_SEEN = 4
"""A row is learnt from when so many weeks of its article are known. Chosen freely."""


@dataclass(frozen=True)
class SeenFrame:
    """A frame as the coming week's model sees it: what it is fitted on, and what it is asked about.

    panel, local : the frame's layout and rows ; weight : (rows,), information of a row
    groups       : the code of each row's group, (rows,), by the name of the grouping
    around       : what all articles of these groups asked and sold
    category, week : (rows,), codes and week numbers
    """

    panel: Panel
    local: LocalRows
    weight: FloatArray
    category: IntArray
    week: IntArray
    groups: dict[str, IntArray]
    around: Surroundings

    @classmethod
    def of(
        cls,
        base: LogLinear,
        frame: pd.DataFrame,
        panel: Panel,
        rows: DesignRows,
        log_foreseen: FloatArray,
        around: Surroundings,
    ) -> Self:
        dispersion = base.dispersion[rows.category]
        own = own_values(rows, base.design.attribute_terms)
        local = LocalRows.of(panel, rows, log_foreseen, dispersion, around.asked[CATEGORY], own)
        foreseen = np.exp(np.clip(log_foreseen, *LOG_RANGE))
        groups = {name: codes for name, (codes, _) in groupings(frame, base.design).items()}
        weight = foreseen / (1.0 + dispersion * foreseen) * base.dispersion.mean()
        return cls(panel, local, weight, rows.category, rows.week, groups, around)

    @property
    def learnable(self) -> IntArray:
        """The numbers of the rows that can be learnt from, (learnable,)."""
        known = np.isfinite(self.local.difference) & (self.local.seen >= LEAST_SEEN)
        return np.flatnonzero(known)

    def before(self, until: int) -> IntArray:
        """Those of them in columns of the panel before `until`, in their order: (those,)."""
        learnable = self.learnable
        return learnable[self.panel.column[learnable] < until]
