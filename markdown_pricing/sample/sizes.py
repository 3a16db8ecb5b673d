"""Countries of production size: a few are large, most are small."""

from collections.abc import Iterable

from markdown_pricing.sample.articles import size_of

EXPONENT = 0.924
"""With it 45 countries have five times the articles of the largest: 20,000 there, 100,000 or 10 million rows in all."""


def zipf_sizes(countries: Iterable[str], largest: int) -> dict[str, int]:
    """Articles to price in each country: `largest` in the first, `largest` / r^0.924 in the r-th (Zipf 1949).

    They rank by their sales; of countries with equal sales, in the order given.

    >>> zipf_sizes(["AUT", "DEU", "MLT"], largest=1000)
    {'DEU': 1000, 'AUT': 527, 'MLT': 362}
    """
    ranked = sorted(countries, key=size_of, reverse=True)
    return {code: max(round(largest / rank**EXPONENT), 1) for rank, code in enumerate(ranked, start=1)}
