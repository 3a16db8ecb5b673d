"""The price points of a currency, in whole cents: list price less a discount, with an ending that customers know."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.countries import PriceEnding


def to_cents(prices: npt.ArrayLike) -> IntArray:
    """Prices of any shape, in currency units, to the nearest whole cent, in the same shape."""
    return np.rint(np.asarray(prices, dtype=np.float64) * 100).astype(np.int64)


def to_price(cents: npt.ArrayLike) -> FloatArray:
    """Whole cents of any shape to prices in currency units, in the same shape."""
    return np.round(np.asarray(cents, dtype=np.int64) / 100, 2)


def round_to_ending(cents: npt.ArrayLike, endings: Sequence[PriceEnding]) -> IntArray:
    """The nearest price with one of the endings. Of two that are equally near it is the lower one.

    cents : whole cents, any shape
    returns whole cents in the same shape, never below the lowest price with one of the endings
    >>> from markdown_pricing.countries import CENT_ENDINGS
    >>> round_to_ending([2099, 1997, 1047, 3], CENT_ENDINGS)
    array([2099, 1995,  999,   95])
    """
    target = np.asarray(cents, dtype=np.int64)[..., np.newaxis]
    first = np.array([ending.cents for ending in endings], dtype=np.int64)
    every = np.array([ending.every_cents for ending in endings], dtype=np.int64)
    below = first + np.maximum((target - first) // every, 0) * every
    near = np.sort(np.concatenate([below, below + every], axis=-1), axis=-1)
    # The prices ascend and argmin takes the first of equals, so that a tie goes down.
    nearest = np.abs(near - target).argmin(axis=-1)[..., np.newaxis]
    rounded: IntArray = np.take_along_axis(near, nearest, axis=-1)[..., 0]
    return rounded


def ladder_cents(list_cents: npt.ArrayLike, discounts_pct: Sequence[float], endings: Sequence[PriceEnding]) -> IntArray:
    """The rungs below each list price, one for each discount. Two discounts may give the same price.

    list_cents    : (articles,), whole cents
    discounts_pct : percent of the list price, ascending
    returns (articles, discounts), whole cents, never rising along the discounts
    The discounted price is rounded to the whole cent, half a cent up, before it is rounded to an ending.
    """
    parts = 10_000 - np.rint(np.asarray(discounts_pct, dtype=np.float64) * 100).astype(np.int64)
    target = (np.asarray(list_cents, dtype=np.int64)[..., np.newaxis] * parts + 5_000) // 10_000
    return round_to_ending(target, endings)
