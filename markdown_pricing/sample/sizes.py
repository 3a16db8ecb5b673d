"""Sizes of countries as in production, where a few are large and most are small."""

from collections.abc import Iterable

from markdown_pricing.sample.articles import size_of

EXPONENT = 0.924
"""Chosen so that 45 countries have five times the articles of the largest: 20,000 there, and 100,000 in all."""


def zipf_sizes(countries: Iterable[str], largest: int) -> dict[str, int]:
    """Articles to price in each country: `largest` in the first, `largest` / r^0.924 in the r-th (Zipf 1949).

    Countries are ranked by their sales, and those with equal sales in the order in which they are given.

    >>> zipf_sizes(["AUT", "DEU", "MLT"], largest=1000)
    {'DEU': 1000, 'AUT': 527, 'MLT': 362}
    """
    ranked = sorted(countries, key=size_of, reverse=True)
    return {code: max(round(largest / rank**EXPONENT), 1) for rank, code in enumerate(ranked, start=1)}
