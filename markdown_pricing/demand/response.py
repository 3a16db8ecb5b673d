"""How sales respond to a price: a curve of straight pieces in logs, each with an elasticity of its own.

log demand(price) − log demand(first price) = Σ_k elasticity_k · h_k,    x = log(first price / price) = Σ_k h_k

h_k is the part of x that lies in piece k of the ladder. A constant elasticity is one case of such a curve. Others are
customers who are lured by the first rungs, customers who wait for half price, and a demand that only so many customers
make up. The pieces are learnt as deviations from an elasticity and its drift with depth, so that a rung that was never
asked takes what the others say (docs/adr/0007).
"""

import numpy as np

from markdown_pricing.arrays import FloatArray
from markdown_pricing.old_habit import CUT_PCT

KNOTS_PCT = np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
"""The discounts off the first price at which the pieces begin, in percent: the usual rungs."""
KNOTS = -np.log1p(-KNOTS_PCT / 100.0)
"""The same in x, (PIECES,)."""
MIDDLES = np.append((KNOTS[:-1] + KNOTS[1:]) / 2, KNOTS[-1] + 0.25)
"""The middle of each piece in x, (PIECES,). The last piece has no end, so a point of it stands for its middle."""
PIECES = len(KNOTS)
LEAST_SLOPE, MOST_SLOPE = 0.2, 12.0
"""The elasticity of a piece is held between these. Customers who wait for a discount make a steep piece."""
REFERENCE_MEMORY = 0.75
"""The share that the price which customers are used to keeps of itself from week to week (Winer 1986).

The sample market's REFERENCE_MEMORY in sample/families.py is the same number, set by hand; docs/pricing.md names the
figures that this flatters.
"""
TYPICAL_CUT = -float(np.log(1 - CUT_PCT / 100))
"""How far the cut at which people are told the elasticity lowers the logarithm of a price."""


def pieces_of(log_ratio: FloatArray) -> FloatArray:
    """The parts h_k of log(price / first price), (…, PIECES). Above the first price the first part is below 0."""
    x = -np.asarray(log_ratio, dtype=np.float64)[..., np.newaxis]
    widths = np.append(np.diff(KNOTS), np.inf)
    pieces: FloatArray = np.clip(x - KNOTS, 0.0, widths)
    pieces[..., 0] = np.minimum(x[..., 0], widths[0])
    return pieces


def terms_of_price(log_ratio: FloatArray) -> FloatArray:
    """The regressors of a log price ratio, (…, 1 + PIECES): the elasticity's drift, then each piece's deviation."""
    pieces = pieces_of(log_ratio)
    return np.concatenate([pieces @ MIDDLES[:, np.newaxis], pieces], axis=-1)


def elasticities(price: FloatArray, shape: FloatArray) -> FloatArray:
    """The elasticity on each piece, (…, PIECES).

    price : (…,), the coefficient of log(price / first price) ; shape : (…, 1 + PIECES), those of `terms_of_price`
    """
    slopes: FloatArray = -price[..., np.newaxis] + shape[..., :1] * MIDDLES + shape[..., 1:]
    return slopes


def novelty_of(log_ratio: FloatArray, log_used_to: FloatArray) -> FloatArray:
    """The price less the one that customers are used to, over the first price, (…); below 0 after a markdown.

    The difference of prices and not of their logs, as in Winer's model: the same step in logs is less money for an
    article that is already cheap, and lifts its sales less.
    """
    return np.asarray(np.exp(log_ratio) - np.exp(log_used_to))


def used_to(log_ratio: FloatArray) -> FloatArray:
    """The log price ratio that customers are used to before each week, (articles, weeks); NaN weeks change nothing."""
    known = np.zeros(log_ratio.shape[0])
    before = np.zeros_like(log_ratio)
    for week in range(log_ratio.shape[1]):
        before[:, week] = known
        now = log_ratio[:, week]
        known = np.where(np.isnan(now), known, now + (known - now) * REFERENCE_MEMORY)
    return before
