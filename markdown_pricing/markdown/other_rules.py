"""Show what other rules would bring, by pricing the same articles under two sets of rules."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from markdown_pricing.codes import MARKDOWN


@dataclass(frozen=True)
class Totals:
    """Sums over articles.

    revenue   : expected to the end of each article's season, salvage of the left-over included, in local currency
    leftover  : units that are expected to be left then
    markdowns : articles that are marked down this week
    """

    revenue: float
    leftover: float
    markdowns: int


@dataclass(frozen=True)
class Measure:
    """One of the totals: its name in a machine's answer, its heading in a table, and how it is taken."""

    name: str
    heading: str
    of: Callable[[Totals], float]


REVENUE = Measure("revenue", "Revenue", lambda totals: totals.revenue)
LEFTOVER = Measure("leftover", "Left-over", lambda totals: totals.leftover)
MARKDOWNS = Measure("markdowns", "Markdowns", lambda totals: totals.markdowns)
MEASURES = (REVENUE, LEFTOVER, MARKDOWNS)


@dataclass(frozen=True)
class Compared:
    """A group of articles under the standing rules and under the other rules.

    country  : None for all countries with this currency ; category : None for all categories of the country
    articles : how many there are ; repriced : how many of them get another price this week
    """

    country: str | None
    category: str | None
    currency: str
    articles: int
    repriced: int
    standing: Totals
    other: Totals

    def difference(self, measure: Measure) -> float:
        """The other rules' value less the standing rules' value."""
        return float(measure.of(self.other) - measure.of(self.standing))

    def difference_pct(self, measure: Measure) -> float | None:
        """The difference in percent of the standing rules' value; None when that is 0."""
        standing = measure.of(self.standing)
        return 100 * self.difference(measure) / standing if standing else None


def compare_rules(standing: pd.DataFrame, other: pd.DataFrame) -> list[Compared]:
    """Compare two sets of rows: each country, followed by its categories, and then each currency of several countries.

    standing, other : rows of the same articles in the same order, with country, article_id, category, currency,
        recommended_price, action, expected_revenue and expected_leftover
    Countries come in the order of the rows, and categories by name. Raises ValueError when the articles differ.
    """
    keys = ["country", "article_id"]
    if standing[keys].to_numpy().tolist() != other[keys].to_numpy().tolist():
        raise ValueError("the rows to compare are not of the same articles in the same order")
    return list(_groups(standing.reset_index(drop=True), other.reset_index(drop=True)))


def _groups(standing: pd.DataFrame, other: pd.DataFrame) -> Iterator[Compared]:
    # A category can be missing or empty. Such articles still count in their country.
    categories = standing["category"].astype(object).where(standing["category"].notna(), "").replace("", "(none)")
    for country in standing["country"].unique():
        here = standing["country"] == country
        yield _compared(standing, other, here, country, None)
        for category in sorted(categories[here].unique()):
            yield _compared(standing, other, here & (categories == category), country, category)
    for currency, countries in standing.groupby("currency", sort=False)["country"].nunique().items():
        if countries > 1:
            yield _compared(standing, other, standing["currency"] == currency, None, None)


def _compared(
    standing: pd.DataFrame, other: pd.DataFrame, chosen: pd.Series, country: str | None, category: str | None
) -> Compared:
    one, two = standing[chosen], other[chosen]
    return Compared(
        country,
        category,
        str(one["currency"].iloc[0]),
        len(one),
        int((one["recommended_price"] != two["recommended_price"]).sum()),
        _totals(one),
        _totals(two),
    )


def _totals(rows: pd.DataFrame) -> Totals:
    return Totals(
        round(float(rows["expected_revenue"].astype(float).sum()), 2),
        float(rows["expected_leftover"].sum()),
        int((rows["action"] == MARKDOWN).sum()),
    )
