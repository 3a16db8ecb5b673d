"""The categories of the chain's range.

Numbers that name no source are made up (2026-11-23): they give a plausible chain.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from markdown_pricing.arrays import FloatArray


@dataclass(frozen=True)
class Category:
    """What the articles of a category have in common.

    share        : relative number of launches, between the seasons
    life_weeks   : fewest and most selling weeks
    peak_day     : day of the year on which the interest is largest
    season_strength : by how much the log of the interest rises from the year's mean to its peak
    dispersion   : variance of a week's mean demand, relative to its square
    """

    name: str
    share: float
    list_price_eur: float
    life_weeks: tuple[int, int]
    elasticity: float
    units_per_store: float
    """Weekly units per store of an average article at its peak and at list price."""
    peak_day: int
    season_strength: float
    dispersion: float


CATEGORIES = (
    Category("t-shirts", 1.2, 12, (16, 30), 3.6, 2.6, 180, 1.25, 0.10),
    Category("dresses", 0.3, 35, (12, 20), 2.7, 1.3, 165, 1.40, 0.16),
    Category("knitwear", 1.1, 32, (14, 24), 2.2, 1.4, 330, 1.90, 0.14),
    Category("jackets", 0.8, 75, (16, 26), 1.5, 0.9, 310, 1.75, 0.16),
    Category("trousers", 1.8, 38, (20, 30), 3.2, 1.4, 280, 0.30, 0.10),
    Category("shoes", 1.0, 55, (18, 30), 2.3, 1.0, 270, 0.30, 0.14),
    Category("accessories", 2.6, 15, (18, 30), 4.2, 1.8, 345, 0.60, 0.20),
)
"""Basics (t-shirts, trousers, accessories) stay longer than dresses do and are bought for their price; who needs a
winter jacket hardly looks at it. Elasticities lie around 2.6, the mean of the 1,851 estimates of Bijmolt, van
Heerde & Pieters (2005); that basics live longer is Fisher (1997), "What is the right supply chain for your
product?". Shares are those of launches between the seasons: `articles.py` makes a dress's thirty times as large
in spring.
"""


def category_values(value: Callable[[Category], float]) -> FloatArray:
    """The `value` of each category, shape (categories,)."""
    return np.array([value(category) for category in CATEGORIES], float)
