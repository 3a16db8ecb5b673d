"""What is planned for articles in weeks to come, as the numbers that models work on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray
from markdown_pricing.demand.design import Design, attribute_values
from markdown_pricing.training_data.features import week_number, week_of


@dataclass(frozen=True)
class PlannedValues:
    """The attributes of articles in the weeks from a decision on, by name, where something is planned for them.

    said   : (articles, weeks), whether something is planned; never in the first week, whose own value is known
    values : (articles, weeks), numbers, or the codes of texts; NaN where nothing is planned or the text was never seen
    """

    said: Mapping[str, BoolArray] = field(default_factory=dict)
    values: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def of(cls, planned: pd.DataFrame | None, articles: pd.DataFrame, week: date, weeks: int, design: Design) -> Self:
        """The values of the attributes that the design knows; planned : see `DemandModel.knowing`."""
        if planned is None:
            return cls()
        row = pd.Index(articles["article_id"]).get_indexer(pd.Index(planned["article_id"]))
        ahead = week_number(planned["week"]) - week_of(week)
        within = (row >= 0) & (ahead > 0) & (ahead < weeks)
        cells, planned = (row[within], ahead[within]), planned[within]
        said, values = {}, {}
        for name, texts in design.attributes.items():
            if name in planned and planned[name].notna().any():
                said[name] = np.zeros((len(articles), weeks), dtype=np.bool_)
                said[name][cells] = planned[name].notna().to_numpy()
                values[name] = np.full((len(articles), weeks), np.nan)
                values[name][cells] = attribute_values(planned, name, texts)
        return cls(said, values)

    def scaled(self, otherwise: FloatArray, design: Design) -> FloatArray:
        """Numeric attributes as `Design.scaled_attributes` has them, (articles, weeks, attributes).

        otherwise : the same shape, what holds where nothing is planned
        """
        scaled = otherwise.copy()
        for number, (name, (mean, sd)) in enumerate(design.scale.items()):
            if name in self.values:
                own = np.clip((self.values[name] - mean) / sd, -3.0, 3.0)
                scaled[..., number] = np.where(np.isfinite(own), own, otherwise[..., number])
        return scaled
