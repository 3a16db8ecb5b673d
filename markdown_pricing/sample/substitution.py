"""What a markdown takes from its neighbours: some of its customers would else have bought another article.

A share of the units that a markdown sells beyond those at the list price comes from the articles of the same category
on sale beside it. So much of an article's demand as it is part of its category's is its own, and is taken from nobody.
Where articles stand for each other, a comparison by articles is wrong: at Airbnb a third of an effect was of that kind
(Holtz, Lobel, Liskovich & Aral 2020, "Reducing interference bias in online marketplace pricing experiments").
"""

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray

FROM_NEIGHBOURS = 0.5
"""The share of a markdown's extra units that comes from the neighbours in a market with substitution. Made up: van
Heerde, Leeflang & Wittink (2004) find that about a third of a promotion's bump comes from other brands."""


def kept_from_neighbours(category: IntArray, mean: FloatArray, at_list_price: FloatArray, share: float) -> FloatArray:
    """The part of each article's demand that the markdowns of its neighbours leave it, (articles,), above 1 − share.

    category : (articles,) ; mean, at_list_price : (articles,), demand of the week at today's and at the list price
    share    : of a markdown's extra units, how many come from its neighbours, from 0 to 1

    The markdowns of a category together take share · Σ extra · (1 − own part of the category's demand).
    """
    extra = np.maximum(mean - at_list_price, 0.0)
    groups = int(category.max(initial=-1)) + 1
    all_mean, all_extra = (np.bincount(category, values, minlength=groups)[category] for values in (mean, extra))
    taken: FloatArray = share * (all_extra - extra) / np.where(all_mean > 0, all_mean, 1.0)
    return 1.0 - taken
