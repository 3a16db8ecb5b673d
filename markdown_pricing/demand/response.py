"""How sales answer a price: a curve of straight pieces in logs, with an elasticity of its own on each.

log demand(price) − log demand(first price) = Σ_k elasticity_k · h_k,    x = log(first price / price) = Σ_k h_k

h_k is the part of x that lies in piece k of the ladder. An elasticity that is the same everywhere is one case of it;
customers who are lured by the first rungs, who wait for half price, or of whom there are only so many, are others. The
pieces are learnt as deviations from an elasticity and its drift, so that a rung never asked takes what the others say.
"""

import numpy as np

from markdown_pricing.training_data.features import FloatArray

KNOTS_PCT = np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
"""Discounts off the first price at which a piece begins: the usual rungs."""
KNOTS = -np.log1p(-KNOTS_PCT / 100.0)
MIDDLES = np.append((KNOTS[:-1] + KNOTS[1:]) / 2, KNOTS[-1] + 0.25)
PIECES = len(KNOTS)
LEAST_SLOPE, MOST_SLOPE = 0.2, 12.0
"""Of any piece. Customers who wait for a discount make a steep one."""
REFERENCE_MEMORY = 0.75
"""What the price that customers are used to keeps of itself from week to week (Winer 1986)."""
TYPICAL_CUT = -float(np.log(0.7))
"""The elasticity that is reported is that of 30 % off today's price."""


def pieces_of(log_ratio: FloatArray) -> FloatArray:
    """h_k of log(price / first price), (…, PIECES); of a price above the first one, the first piece is below 0."""
    x = -np.asarray(log_ratio, dtype=np.float64)[..., np.newaxis]
    widths = np.append(np.diff(KNOTS), np.inf)
    pieces: FloatArray = np.clip(x - KNOTS, 0.0, widths)
    pieces[..., 0] = np.minimum(x[..., 0], widths[0])
    return pieces


def terms_of_price(log_ratio: FloatArray) -> FloatArray:
    """(…, 1 + PIECES): the elasticity's drift with the depth of the discount, then each piece's deviation."""
    pieces = pieces_of(log_ratio)
    return np.concatenate([pieces @ MIDDLES[:, np.newaxis], pieces], axis=-1)


def elasticities(price: FloatArray, shape: FloatArray) -> FloatArray:
    """(…, PIECES) from the coefficients of the price, (…,), and of `terms_of_price`, (…, 1 + PIECES)."""
    slopes: FloatArray = -price[..., np.newaxis] + shape[..., :1] * MIDDLES + shape[..., 1:]
    return slopes


def used_to(log_ratio: FloatArray) -> FloatArray:
    """The log price ratio that customers are used to before each week: (articles, weeks), NaN weeks change nothing."""
    known = np.zeros(log_ratio.shape[0])
    before = np.zeros_like(log_ratio)
    for week in range(log_ratio.shape[1]):
        before[:, week] = known
        now = log_ratio[:, week]
        known = np.where(np.isnan(now), known, now + (known - now) * REFERENCE_MEMORY)
    return before
