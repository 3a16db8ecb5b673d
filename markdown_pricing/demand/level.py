"""An article's level of demand, followed week by week as a decision in each week could know it."""

from dataclasses import dataclass

import numpy as np

from markdown_pricing.demand.pooling import fill_sold_out
from markdown_pricing.training_data.features import FloatArray


@dataclass(frozen=True)
class Level:
    """Gamma posterior of each article's level before each week, (articles, weeks + 1): its mean and its shape.

    The level is demand over what the curve expects, so its relative variance is 1/information.
    """

    mean: FloatArray
    information: FloatArray


def follow_level(
    units: FloatArray,
    stock: FloatArray,
    censored: FloatArray,
    curve: FloatArray,
    guess: FloatArray,
    certainty: float,
    spread: FloatArray,
    keep: float,
) -> Level:
    """From the guess at launch on, corrected by each week's sales; what is long past counts less.

    units, stock, censored (0 or 1), curve : (articles, weeks), NaN where the article has no row
    guess, spread : (articles,), level before any sales, dispersion of demand
    certainty : shape of the prior around the guess ; keep : share of the past that counts a week later

    A sold-out week counts with the demand expected from what was known then; one without stock says nothing.
    """
    weeks = units.shape[1]
    sold, expected = np.zeros(len(units)), np.zeros(len(units))
    mean, information = np.empty((len(units), weeks + 1)), np.empty((len(units), weeks + 1))
    for week in range(weeks + 1):
        information[:, week] = certainty + sold
        mean[:, week] = information[:, week] / (certainty / guess + expected)
        if week == weeks:
            break
        sold, expected = keep * sold, keep * expected
        seen = np.flatnonzero(~np.isnan(units[:, week]) & (stock[:, week] > 0))
        foreseen = mean[seen, week] * curve[seen, week]
        demand = fill_sold_out(units[seen, week], censored[seen, week] > 0, foreseen, spread[seen])
        # Overdispersed weeks say less than their number of units: quasi-likelihood weight.
        weight = 1.0 / (1.0 + spread[seen] * foreseen)
        sold[seen] += weight * demand
        expected[seen] += weight * curve[seen, week]
    return Level(mean, information)
