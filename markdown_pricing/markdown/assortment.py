"""What is to be priced: one country's articles in one week."""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from markdown_pricing.countries import Country
from markdown_pricing.markdown.reasons import ReasonCodes
from markdown_pricing.markdown.rules import RuleBook


@dataclass(frozen=True)
class Assortment:
    """The articles to price in `week`, what was sold before it, the rules that their prices keep, and their sentences.

    articles, history : checked training frames of this week and of the weeks before, sorted by article and week
    """

    week: date
    country: Country
    articles: pd.DataFrame
    history: pd.DataFrame
    book: RuleBook
    codes: ReasonCodes
