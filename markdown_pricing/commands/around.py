"""What `explain` shows around an article's plan: its past weeks, and what keeping its price or habit would bring."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from markdown_pricing.countries import Country
from markdown_pricing.errors import if_readable
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import ResultMissing
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.courses import Course, courses_of
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.pricing import CountryWeek, priced_under
from markdown_pricing.provenance import Provenance

SAME_UNITS = 0.01
"""A forecast is the one of the plan when its units of this week differ by no more than this share."""


@dataclass(frozen=True)
class Around:
    """What is shown around a plan; both are empty where they are not known.

    past    : week, price, units, stock; a row for each week before this one that is on record, oldest first
    courses : how the article goes on by its plan, with today's price kept and by the old habit
    """

    past: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame({"week": [], "price": [], "units": [], "stock": []})
    )
    courses: Mapping[str, Course] = field(default_factory=dict)


def around_plan(
    lake: Lake, country: Country, row: Mapping[str, Any], path: pd.DataFrame, origin: Provenance, book: RuleBook | None
) -> Around:
    """What is known around the plan of an article.

    row, path, origin : its row, its price path, and what they were made from
    book : the rules in force; without them no courses are worked out, and neither under other rules than the row's
    """
    results = Results(lake, row["week"], country.code)
    try:
        sold, _ = results.training_data.read()
    except (ResultMissing, ResultChanged):  # training data are kept for a shorter time than predictions
        return Around()
    mine = sold.history[sold.history["article_id"] == row["article_id"]]
    past = mine[["week", "price", "units", "stock"]].assign(week=mine["week"].dt.date)
    if book is None or units_to_sell(row, path) == 0 or row["end_week"] < row["week"]:
        return Around(past)
    return Around(past, _courses(results, sold, country, row, path, origin, book))


def units_to_sell(row: Mapping[str, Any], path: pd.DataFrame) -> int:
    """All units of an article, today's stock and what is on its way: what its plan sells and what it leaves."""
    return round(float(path["expected_units"].astype(float).sum() + row["expected_leftover"]))


def _courses(
    results: Results,
    sold: CountryWeek,
    country: Country,
    row: Mapping[str, Any],
    path: pd.DataFrame,
    origin: Provenance,
    book: RuleBook,
) -> Mapping[str, Course]:
    """The courses by the row's own model and rules; none where these are not at hand."""
    if (kept := if_readable(results.model.read)) is None:
        return {}
    model, made = kept
    # Locks and arms hold a price and change no forecast, so that the plan's own are taken as they were.
    if origin != priced_under(made, book, country).of(locks=origin.locks, arms=origin.arms):
        return {}
    article = sold.articles[sold.articles["article_id"] == row["article_id"]].reset_index(drop=True)
    ladders = candidate_prices(article, sold.history, country, book, sold.week)
    courses = courses_of(ladders, sold.forecast(model, article), path["price"].astype(float))
    expected = float(row["expected_units"])
    is_its_own = abs(courses["plan"].units[0] - expected) <= SAME_UNITS * max(expected, 1.0)
    return courses if is_its_own else {}
