"""Where the recommendations for one article differ widely between countries, and what their menus say to it."""

from dataclasses import dataclass

import pandas as pd

from markdown_pricing.codes import MARKDOWN
from markdown_pricing.texts.shown import cell

POINTS_APART = 45.0
"""From so many percentage points of the list price on, recommendations differ widely. Chosen on 2026-11-27: five rungs
of 10 % are that far apart, whatever the endings of prices take from them. Less is usual, as stocks and seasons
differ."""
COMPARED_COLUMNS = [
    *("country", "article_id", "week", "end_week", "stock", "list_price", "recommended_price", "markdown_pct", "action")
]
"""What of a row is compared."""


@dataclass(frozen=True)
class RecommendedPrice:
    """What one country is to ask for an article. Prices are in its currency.

    off_pct : in percent of the list price ; is_markdown : whether the price falls to that this week
    """

    country: str
    list_price: float
    price: float
    off_pct: float
    is_markdown: bool


@dataclass(frozen=True)
class Apart:
    """An article in the country that is to take least off its list price, and in one that is to take much more off."""

    article_id: str
    least: RecommendedPrice
    most: RecommendedPrice

    @property
    def points(self) -> float:
        """By how many percentage points of the list price the two differ."""
        return self.most.off_pct - self.least.off_pct


def in_several_countries(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, with COMPARED_COLUMNS, of articles that are on sale in several countries, in which there is stock."""
    on_sale = rows[(rows["stock"] > 0) & (rows["end_week"] >= rows["week"])]
    return on_sale[on_sale["article_id"].duplicated(keep=False)]


def widely_apart(rows: pd.DataFrame) -> list[Apart]:
    """The articles whose recommendations differ by at least POINTS_APART, each by two countries.

    Those come first in which one country marks down this week, because that can still be changed and a price of the
    past cannot; among them those that differ most.
    rows : as `in_several_countries` gives them
    """
    off = rows["markdown_pct"].astype(float)
    least_off = off.groupby(rows["article_id"]).transform("min")
    is_far = off >= least_off + POINTS_APART
    ranked = rows.assign(off=off, decided=is_far & (rows["action"] == MARKDOWN))
    most = ranked[is_far].sort_values(["decided", "off"], ascending=False, kind="stable").drop_duplicates("article_id")
    least = ranked.sort_values("off", kind="stable").drop_duplicates("article_id").set_index("article_id")
    articles = [
        Apart(str(row["article_id"]), _recommended_price(least.loc[row["article_id"]]), _recommended_price(row))
        for _, row in most.iterrows()
    ]
    return sorted(articles, key=lambda apart: (not apart.most.is_markdown, -apart.points, apart.article_id))


def _recommended_price(row: pd.Series) -> RecommendedPrice:
    return RecommendedPrice(
        str(row["country"]),
        float(row["list_price"]),
        float(row["recommended_price"]),
        float(row["markdown_pct"]),
        row["action"] == MARKDOWN,
    )


def line_of(apart: Apart, menu_of_least: pd.DataFrame, menu_of_most: pd.DataFrame) -> str:
    """The article in a line: both recommendations, and for each what its menu says of the other one.

    menu_of_… : the article's rows of markdown_options in that country, with price, value, value_loss and rule
    """
    least, most = apart.least, apart.most
    return (
        f"{cell(apart.article_id)}: {least.off_pct:.0f} % off in {least.country}, {most.off_pct:.0f} % off in "
        f"{most.country}. In {least.country} {_why_not(least, most.off_pct, menu_of_least)}; "
        f"in {most.country} {_why_not(most, least.off_pct, menu_of_most)}."
    )


def _why_not(here: RecommendedPrice, wanted_pct: float, menu: pd.DataFrame) -> str:
    """What the menu says of its price that is nearest to `wanted_pct` off the list price."""
    if menu.empty:
        return "the menu could not be read"
    off = 100 * (1 - menu["price"].astype(float) / here.list_price)
    place = (off - wanted_pct).abs().to_numpy().argmin()
    option, name = menu.iloc[place], f"{off.iloc[place]:.0f} % off"
    if float(option["price"]) == here.price:
        return "no lower price exists this week" if wanted_pct > here.off_pct else f"{name} is today's price already"
    if pd.isna(option["value"]):
        return f"{name} is forbidden by the rule {option['rule']}"
    if not pd.isna(option["rule"]) and float(option["value_loss"]) < 0:
        return f"{name} is worth more and was held back ({option['rule']})"
    worth = float(option["value"]) + float(option["value_loss"])
    less = max(0.0, 100 * float(option["value_loss"]) / worth) if worth > 0 else 0.0
    held = "" if pd.isna(option["rule"]) else f", and the price is held ({option['rule']})"
    return f"{name} is worth {less:.{0 if less >= 10 else 1}f} % less{held}"
