"""What the trees on top of the log-linear model may see of a decision, and of the week that it is about."""

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.design import DesignRows, dates_of
from markdown_pricing.demand.level import Level
from markdown_pricing.demand.terms import PRICE
from markdown_pricing.training_data.features import Age, Panel, lag, mean_of_lags, stock_per_store

LONGEST_HORIZON = 20
"""The trees see no more weeks ahead than this; a longer horizon counts as this one."""


def known_at(
    frame: pd.DataFrame, panel: Panel, rows: DesignRows, curve: FloatArray, level: Level, at: IntArray
) -> dict[str, FloatArray]:
    """The features of the decisions in the rows `at` of the frame, by name, each (decisions,).

    No feature holds anything that was not known on the Monday of its decision. Past prices are left out, because the
    manager's choice tells what he knew, and our own choice will not.
    """
    life_share, price = Age.of(*dates_of(frame)).life_share, rows.terms[:, PRICE]
    foreseen = np.exp(curve + level.at((panel.row, panel.column), life_share, price)[0])
    surprise = panel.grid(np.log((np.maximum(rows.units, 0.0) + 1.0) / (foreseen + 1.0)))
    cell = panel.row[at], panel.column[at]
    deviation, variance = level.at(cell, life_share[at], np.zeros(len(at)))
    decided = frame.iloc[at]
    return {
        "log_level": deviation,
        "level_sd": np.sqrt(variance),
        "surprise_1": lag(surprise, cell, 1),
        "surprise_2": lag(surprise, cell, 2),
        "surprise_4": mean_of_lags(surprise, cell, 4),
        "log_stock_per_store": np.log1p(stock_per_store(rows.stock[at], decided["stores"].to_numpy(np.float64))),
        "log_cover": np.log1p(rows.stock[at]) - deviation,
        "sold_out_share": mean_of_lags(panel.grid(rows.censored), cell, 4),
        "log_list_price": np.log(decided["list_price"].to_numpy(np.float64)),
    }


def week_features(dates: tuple[IntArray, IntArray, IntArray], ahead: IntArray) -> dict[str, FloatArray]:
    """The features of a target week, (rows,) each, by name.

    dates : the week numbers of the week, the launch and the end, (rows,) each ; ahead : (rows,), weeks until then
    """
    week, launch, end = dates
    age = Age.of(week, launch, end)
    return {
        "weeks_ahead": np.minimum(ahead, LONGEST_HORIZON).astype(np.float64),
        "age_weeks": age.age_weeks,
        "weeks_to_end": age.weeks_to_end,
        "life_share": age.life_share,
    }
