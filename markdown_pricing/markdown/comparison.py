"""What other rules would bring: the same articles priced under two sets of rules, side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Totals:
    """Sums over articles.

    revenue   : expected to the end of each season, salvage of the left-over included, local currency
    leftover  : units expected to be left after it
    markdowns : articles marked down this week
    """

    revenue: float
    leftover: float
    markdowns: int


@dataclass(frozen=True)
class Compared:
    """A group of articles under the standing rules and under the other ones.

    country  : None for all countries of the currency; category : None for all categories of the country
    repriced : articles that get another price this week
    """

    country: str | None
    category: str | None
    currency: str
    articles: int
    repriced: int
    standing: Totals
    other: Totals

    def difference(self, measure: str) -> float:
        """Other less standing, of "revenue", "leftover" or "markdowns"."""
        return float(getattr(self.other, measure) - getattr(self.standing, measure))

    def difference_pct(self, measure: str) -> float | None:
        """The same in percent of standing; None where that is 0."""
        standing = getattr(self.standing, measure)
        return 100 * self.difference(measure) / standing if standing else None


def compare(standing: pd.DataFrame, other: pd.DataFrame) -> list[Compared]:
    """Each country, its categories after it, and at the end each currency that several countries have.

    standing, other : rows of the same articles in the same order: country, article_id, category, currency,
        recommended_price, action, expected_revenue, expected_leftover. Countries in the order given, categories by
        name; raises ValueError when the articles differ.
    """
    keys = ["country", "article_id"]
    if standing[keys].to_numpy().tolist() != other[keys].to_numpy().tolist():
        raise ValueError("the rows to compare are not of the same articles in the same order")
    return list(_groups(standing.reset_index(drop=True), other.reset_index(drop=True)))


def _groups(standing: pd.DataFrame, other: pd.DataFrame) -> Iterator[Compared]:
    # A category can be missing or empty: such articles still count in their country.
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
        int((rows["action"] == "markdown").sum()),
    )
