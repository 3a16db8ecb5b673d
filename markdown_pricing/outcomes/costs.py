"""The costs that only models tell: with hindsight, and of prices that the menu of the week does not value."""

from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.outcomes.hindsight import ForecastOf, Then, cost_in_hindsight, cost_of_prices
from markdown_pricing.outcomes.states import has_other_price, is_followed


@dataclass(frozen=True)
class OtherPrices:
    """The articles of a week of which another price was asked than the recommended one, in the order of `then`.

    places : (articles,), their places among the week's rows ; then : these articles alone
    recommended, applied, ex_ante : (articles,), the two prices, and what the menu says that they cost
    """

    places: IntArray
    then: Then
    recommended: FloatArray
    applied: FloatArray
    ex_ante: FloatArray

    @classmethod
    def of(cls, rows: pd.DataFrame, then: Then) -> Self:
        """Those of the rows of OUTCOME_COLUMNS; then : with all articles of the week."""
        others = rows.loc[rows["applied_price"].notna() & has_other_price(rows), "article_id"]
        some = then.part(np.flatnonzero(then.articles["article_id"].isin(others)))
        places = pd.Index(rows["article_id"]).get_indexer(pd.Index(some.articles["article_id"]))
        names = "recommended_price", "applied_price", "cost_ex_ante"
        return cls(places, some, *(rows[name].to_numpy(dtype=np.float64)[places] for name in names))


def with_what_the_menu_lacks(rows: pd.DataFrame, then: Then, forecast_of: ForecastOf) -> pd.DataFrame:
    """The rows, with the costs of prices that the menu does not value, by the week's own model. Raises BrokenModel."""
    others = OtherPrices.of(rows, then)
    lacking = np.flatnonzero(np.isnan(others.ex_ante))
    prices = others.recommended[lacking], others.applied[lacking]
    cost = cost_of_prices(others.then.part(lacking), forecast_of, *prices)
    made = rows.copy()
    made.loc[made.index[others.places[lacking]], "cost_ex_ante"] = cost.round(2)
    return made


def with_hindsight_of_followed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, of which those whose recommendation was followed cost nothing with hindsight either."""
    made = rows.copy()
    made.loc[is_followed(made), ["cost_hindsight", "cost_low", "cost_high"]] = 0.0
    return made


def with_hindsight(
    rows: pd.DataFrame, then: Then, forecast_of: ForecastOf, newest_of: ForecastOf, history: pd.DataFrame, week: date
) -> pd.DataFrame:
    """The rows, with the costs with hindsight of those whose cost by the menu is known; the others as they are.

    forecast_of, newest_of : by the model of the week that was sold, and by that of `week`, which knows `history`
    Raises BrokenModel.
    """
    others = OtherPrices.of(rows, then)
    seen = history[history["week"] >= pd.Timestamp(then.week)]
    prices = others.recommended, others.applied
    found = cost_in_hindsight(others.then, forecast_of, newest_of, *prices, others.ex_ante, seen)
    made, known = rows.copy(), np.isfinite(found.cost)
    for name, values in (("cost_hindsight", found.cost), ("cost_low", found.low), ("cost_high", found.high)):
        made.loc[made.index[others.places[known]], name] = values[known].round(2)
    if known.any():  # without a price that was valued nobody has looked back
        made.loc[made["cost_hindsight"].notna(), "hindsight_week"] = week
    return made


def looked_back(rows: pd.DataFrame) -> date | None:
    """The week of the model that found the costs with hindsight; None where none did."""
    weeks = rows["hindsight_week"].dropna()
    return weeks.max() if len(weeks) else None
