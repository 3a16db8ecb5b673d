"""How customers respond to a price: demand families of different form, so that no model wins by having the true form.

A family answers demand at a price relative to demand at list price. All are 1 at list price, fall in price, and have
more customers at low prices where the article's elasticity is higher. They part where a constant elasticity is wrong:

- constant_elasticity: each percent off brings the same percentage of customers.
- reference_logit: a share of all visitors buys, by a logit in price and in price less the reference price, which
  follows the price paid week by week; a fresh markdown lifts more than an old one (Winer 1986; Kalyanaram & Winer
  1995), and the lift saturates.
- threshold_customers: some buy at any price; the others wait for a discount that they find worth it, and most of them
  have the same few in mind.
- linear_demand: every percentage point off brings equally many customers, so elasticity fades as prices fall.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from markdown_pricing.arrays import FloatArray
from markdown_pricing.errors import UsageError

BUYERS_AT_LIST_PRICE = 0.06
"""The share of visitors who buy at list price, which says how far the logit is from saturation. Made up."""

REFERENCE_SHARE = 0.2
"""The part of the response to a fresh markdown that is gone when customers have got used to the price. Made up."""

REFERENCE_MEMORY = 0.75
"""The part of itself that the reference price keeps from week to week (Winer 1986 has the form). Made up.

The model has the same number by hand (`REFERENCE_MEMORY` in demand/response.py); docs/pricing.md names the figure
that this flatters.
"""

LOGIT_SLOPE, LINEAR_SLOPE = 1.65, 2.2
"""Slope at list price per unit of elasticity. It is steeper there than a constant elasticity, because both curves are
flatter at lower prices. Made up."""

WAITING_FOR_PCT = np.array([17.0, 27.0, 46.0])
"""Discounts that customers wait for. They lie just below the rungs of 20, 30 and 50 %, so these rungs meet them."""

WAITING_A_LOYAL = np.array([0.30, 0.50, 1.10])
"""How many customers wait for each of these discounts, per loyal customer and unit of elasticity. Made up."""

THRESHOLD_WIDTH_PCT = 2.5
"""How far customers' thresholds scatter around each of these discounts, in points. Made up."""


@dataclass(frozen=True)
class DemandFamily:
    """A form of demand with a name.

    response : demand relative to that at list price, a function of price ÷ list price, reference price ÷ list price
        and elasticity, arrays of shapes that broadcast
    memory   : the part of itself that the reference price keeps from week to week; with 0 customers know only today's
    """

    name: str
    response: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
    memory: float = 0.0

    def reference(self, price: FloatArray, reference: FloatArray, weeks: int) -> FloatArray:
        """The reference price after `weeks` weeks in which `price` is paid; equal to `reference` for 0 weeks.

        The shapes of both prices broadcast, and what is returned has the shape that they come to.
        """
        return np.asarray(price + (reference - price) * self.memory**weeks, float)


class UnknownFamily(UsageError):
    def __init__(self, name: str) -> None:
        super().__init__(f"No demand family {name!r}. Known are {', '.join(FAMILIES)}.")


def family_named(name: str) -> DemandFamily:
    """The demand family of that name. Raises UnknownFamily."""
    if name not in FAMILIES:
        raise UnknownFamily(name)
    return FAMILIES[name]


def constant_elasticity(price: FloatArray, reference: FloatArray, elasticity: FloatArray) -> FloatArray:
    """Demand is price ** −elasticity, so that each percent off brings the same percentage of customers.

    It is the `response` of a `DemandFamily`, which says what the arrays are and that their shapes broadcast.
    """
    return np.asarray(price**-elasticity + 0.0 * reference, float)


def reference_logit(price: FloatArray, reference: FloatArray, elasticity: FloatArray) -> FloatArray:
    """The share of visitors who buy, expit(u), relative to that share at list price.

    u is linear in the price and in the price less the reference price. It is the `response` of a `DemandFamily`, which
    says what the arrays are and that their shapes broadcast.

    A fresh markdown from list price has LOGIT_SLOPE · `elasticity` there:
    −d ln expit(u) / d price = slope · (1 − share of buyers).
    """
    slope = LOGIT_SLOPE * elasticity / (1 - BUYERS_AT_LIST_PRICE)
    surprise = REFERENCE_SHARE * (price - reference)
    utility = np.log(BUYERS_AT_LIST_PRICE / (1 - BUYERS_AT_LIST_PRICE)) - slope * (
        (1 - REFERENCE_SHARE) * (price - 1) + surprise
    )
    return np.asarray(expit(utility) / BUYERS_AT_LIST_PRICE, float)


def threshold_customers(price: FloatArray, reference: FloatArray, elasticity: FloatArray) -> FloatArray:
    """One loyal customer, and customers who wait for a discount. Their thresholds scatter logistically around a few.

    It is the `response` of a `DemandFamily`, which says what the arrays are and that their shapes broadcast.
    """
    discount = 100 * (1 - price)[..., np.newaxis]
    come = expit((discount - WAITING_FOR_PCT) / THRESHOLD_WIDTH_PCT) - expit(-WAITING_FOR_PCT / THRESHOLD_WIDTH_PCT)
    return np.asarray(1 + elasticity * (WAITING_A_LOYAL * come).sum(axis=-1) + 0.0 * reference, float)


def linear_demand(price: FloatArray, reference: FloatArray, elasticity: FloatArray) -> FloatArray:
    """Demand is 1 + slope · (1 − price), bent near 0, so that somebody buys even far above the list price.

    It is the `response` of a `DemandFamily`, which says what the arrays are and that their shapes broadcast.
    """
    line = 1 + LINEAR_SLOPE * elasticity * (1 - price)
    return np.asarray(_bent(line) / _bent(np.ones(1)) + 0.0 * reference, float)


def _bent(line: FloatArray, width: float = 0.2) -> FloatArray:
    return np.asarray(width * np.logaddexp(0.0, line / width), float)


FAMILIES = {
    family.name: family
    for family in (
        DemandFamily("constant_elasticity", constant_elasticity),
        DemandFamily("reference_logit", reference_logit, REFERENCE_MEMORY),
        DemandFamily("threshold_customers", threshold_customers),
        DemandFamily("linear_demand", linear_demand),
    )
}
CONSTANT_ELASTICITY = FAMILIES["constant_elasticity"]
