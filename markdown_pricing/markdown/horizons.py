"""Articles that are planned far ahead stand alone, so that one of them costs the others no memory and no time."""

from datetime import date

import numpy as np
import pandas as pd

from markdown_pricing.arrays import IntArray
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.season import FARTHEST_END_WEEKS


def by_horizon(articles: pd.DataFrame, week: date, country: str, book: RuleBook) -> list[IntArray]:
    """The row numbers of the articles in parts that are planned one after the other; mostly there is only one.

    Each part is (its articles,), in the order of the rows.
    The arrays of a plan are articles × rungs × weeks, to the latest end of its articles. Those whose end is further
    ahead than is planned are a part of their own. Articles that share a price or a budget are planned together.
    """
    every = np.arange(len(articles))
    ahead = (articles["end_week"] - pd.Timestamp(week)).dt.days.to_numpy() // 7
    far = ahead > FARTHEST_END_WEEKS
    categories = articles["category"].fillna("").astype(str).unique()
    rules = [book.rules_for(country, category) for category in categories]
    together = any(own.same_price_by or own.markdown_budget < np.inf for own in rules)
    return [every] if together or not far.any() or far.all() else [every[~far], every[far]]
