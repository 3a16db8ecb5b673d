"""Trees that know the week's own price: they say how much sells at the price that is asked, and at no other.

A regression of logs goes on in a line where a price is lower than any before, and trees do not; what a display adds to
a price, and how one shop differs from another, they find without being told. At other prices they are not to be
trusted, because the manager's price tells them what he knew. So they move the forecast at the price that is asked, and
all other prices move along with it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.local_terms import SPEED, LocalRows, past_mean
from markdown_pricing.demand.trees import OF_SAMPLES, NamedTrees, grow, matrix_of
from markdown_pricing.training_data.features import Panel, lag

SHARE = 0.5
"""How much the anchor counts beside trees that do not see the price. A mean of two forecasts that is not weighed by
their errors is hard to beat (Smith & Wallis 2009). From 0.4 to 0.6 the WAPE of two panels hardly changes."""
ROUNDS = 120
PARAMETERS: dict[str, Any] = {
    **OF_SAMPLES,
    "objective": "poisson",  # a plan needs the mean; tweedie is as near and further below it after cuts
    "learning_rate": 0.05,
    "num_leaves": 31,
}


def price_features(panel: Panel, local: LocalRows, log_linear: FloatArray, at: IntArray) -> dict[str, FloatArray]:
    """What the anchor knows of the rows `at` beside the other trees, by name, each (at,).

    log_linear : (rows,), the regression's log of demand at the week's own price, from which trees learn how far to go
    """
    cell, price = (panel.row[at], panel.column[at]), panel.grid(local.values[:, 0])
    now = local.values[at, 0]
    return {
        "price": now,
        "price_to_last_week": now - lag(price, cell, 1),
        "price_to_past": now - past_mean(price, SPEED)[cell],
        "price_to_lowest": now - lag(np.fmin.accumulate(price, axis=1), cell, 1),
        "price_to_others": now - local.values[at, 2 * local.own],
        "log_linear": log_linear[at] - local.past[at],
    }


def grow_anchor(
    columns: Mapping[str, FloatArray], demand: FloatArray, past: FloatArray, seed: int, threads: int
) -> NamedTrees:
    """The trees that add to the mean of the past what a week at its price sells; all arguments are (rows,)."""
    return NamedTrees(grow(matrix_of(columns), demand, past, PARAMETERS, ROUNDS, seed, threads), tuple(columns))
