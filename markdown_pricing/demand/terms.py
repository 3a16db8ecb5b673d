"""The terms of log demand, and the priors of their coefficients.

The priors were chosen by judgement from 2026-11-23 on; their signs are those that theory expects. The constant of the
shelf was set by looking at the sample market. docs/pricing.md names the figures that it flatters.
"""

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.response import KNOTS_PCT, PIECES, TYPICAL_CUT, terms_of_price
from markdown_pricing.training_data.features import Age, season_terms

PRICE, SHELF, NOVELTY = 0, slice(1, 3), 3
"""Columns of the terms. PRICE is the log of price over first price. SHELF is the log of the share of customers who find
their size, in two forms. NOVELTY is the price less the price that customers are used to, over the first price."""
SHAPE = slice(4, 5 + PIECES)
"""Columns of what the price response has beside one elasticity; see `response.py`."""
PRIOR_ELASTICITY = 1.8
"""The elasticity that is expected where nothing was sold; grade D is priced with it."""
TERMS = {  # name: prior mean, and the standard deviations of the country around it and of a category around the country
    "price": (-PRIOR_ELASTICITY, 0.8, 0.4),
    "shelf": (0.35, 0.5, 0.15),
    "shelf_sharp": (0.35, 0.5, 0.15),
    # Chosen on the twin's seeds 0 to 63 on 2026-11-29: with -0.1, half as free, and in logs, a fresh markdown
    # of 30 % was expected to sell 4.3 % too little, and with this 3.0 % (before docs/adr/0031).
    "novelty": (-0.3, 0.5, 0.25),
    "price_drift": (-0.5, 2.0, 0.4),
    **{f"price_from_{knot:.0f}": (0.0, 0.7, 0.2) for knot in KNOTS_PCT},
    "launch_week": (-0.3, 0.5, 0.2),
    "second_week": (-0.1, 0.5, 0.2),
    "age": (0.0, 1.0, 0.3),
    "life_share": (-0.5, 1.0, 0.3),
    "life_share_squared": (0.0, 1.0, 0.3),
    "sin_1": (0.0, 0.5, 0.8),
    "cos_1": (0.0, 0.5, 0.8),
    "sin_2": (0.0, 0.3, 0.25),
    "cos_2": (0.0, 0.3, 0.25),
}
TO_A_CUT = np.zeros(len(TERMS))
"""Its product with the coefficients of TERMS is the elasticity at a cut of TYPICAL_CUT from the first price."""
TO_A_CUT[PRICE], TO_A_CUT[SHAPE] = -1.0, terms_of_price(np.array(-TYPICAL_CUT)) / TYPICAL_CUT


def terms_of(
    price: FloatArray,
    novelty: FloatArray,
    shelf: FloatArray,
    week: IntArray,
    launch: IntArray,
    end: IntArray,
    attributes: FloatArray,
) -> FloatArray:
    """The terms of log demand, (…, terms), in the order of TERMS and then the attributes.

    price, novelty    : (…), see PRICE and NOVELTY ; shelf : (…, 2) ; attributes : (…, attributes)
    week, launch, end : (…), week numbers
    """
    age = Age.of(week, launch, end)
    life = age.life_share - 0.5
    early = [(age.age_weeks == lived).astype(np.float64) for lived in (0, 1)]
    lived = np.stack([*early, np.log1p(age.age_weeks) - 1.5, life, life**2], axis=-1)
    first = [price[..., np.newaxis], shelf, novelty[..., np.newaxis], terms_of_price(price)]
    return np.concatenate([*first, lived, season_terms(week), attributes], axis=-1)


def shelf(stock: FloatArray, stores: FloatArray) -> FloatArray:
    """Logs of two shares of customers who find their size, (…, 2); near 0 on full shelves.

    The shares are s/(s + 0.35) at s units a store, and s²/(s² + 1), which falls late and then steeply. Broken
    assortments slow sales (Smith & Achabal 1998; Caro & Gallien 2012). A coefficient for each says by how much.
    The 0.35 was set by looking at the sample market's shelves (BROKEN_ASSORTMENT in sample/articles.py);
    docs/pricing.md names the figures that this flatters.
    """
    a_store = np.maximum(stock / stores, 0.05)
    shares: FloatArray = np.log(np.stack([a_store / (a_store + 0.35), a_store**2 / (a_store**2 + 1.0)], axis=-1))
    return shares
