"""What a week says of demand that sold out: that demand was at least as large as its sales."""

import numpy as np
from scipy.special import betainc

from markdown_pricing.arrays import BoolArray, FloatArray

LEAST_SHARE = 0.02
"""A week that was sure to sell out still counts with this share, so that no step is divided by 0."""


def fill_sold_out(
    units: FloatArray, censored: BoolArray, mean: FloatArray, dispersion: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Demand: `units`, and where the stock limited them the mean of a negative binomial that is at least `units`.

    E[D | D >= s] = mean · P(D' >= s − 1) / P(D >= s), where the size of D' is one more than that of D; it follows by
    summing s·f(s), for which s·f(s; size) = mean·f(s − 1; size + 1).
    returns the demand, and how much each row says of its mean as a share of what an unlimited week says: for a week
    that sold out this is the chance that it would not have. Both are (rows,), as all arguments are.
    """
    demand, share = np.maximum(units, 0.0), np.ones(len(units))
    if not censored.any():
        return demand, share
    sold, mu, size = demand[censored], np.maximum(mean[censored], 1e-6), 1.0 / dispersion[censored]
    each_unit = mu / (size + mu)
    reached = at_least(sold, size, each_unit)
    tail = mu * at_least(sold - 1, size + 1, each_unit) / np.maximum(reached, 1e-12)
    # Far in the tail both probabilities vanish. Demand is then little above what was sold.
    demand[censored] = np.where(reached > 1e-9, np.maximum(tail, sold), sold * (1.0 + dispersion[censored]))
    share[censored] = np.maximum(1.0 - reached, LEAST_SHARE)
    return demand, share


def at_least(units: FloatArray, size: FloatArray, each_unit: FloatArray) -> FloatArray:
    """P(demand >= units) of a negative binomial; `each_unit` is mean / (size + mean), the ratio of the chances far out.

    scipy.stats has it, too, but takes a second to import. SciPy's betaincc has it, too, but takes ten times as long.
    """
    chance = np.ones_like(units)
    some = units > 0  # most weeks whose sales the stock limited began without any stock
    chance[some] = betainc(units[some], size[some], each_unit[some])
    return chance
