"""What other rules bring, beside what the standing ones do."""

from typing import Any

import pandas as pd
import pytest

from markdown_pricing.markdown.other_rules import MEASURES, compare_rules


def rows(*articles: dict[str, Any]) -> pd.DataFrame:
    plain = {
        "country": "DEU",
        "category": "coats",
        "currency": "EUR",
        "recommended_price": 49.99,
        "action": "keep",
        "expected_revenue": 100.0,
        "expected_leftover": 10.0,
    }
    return pd.DataFrame([{**plain, "article_id": str(number), **own} for number, own in enumerate(articles)])


def test_each_country_is_followed_by_its_categories_and_a_currency_by_its_sum() -> None:
    """A total only over countries that share a currency; an article without a category counts, too."""
    standing = rows(
        {"country": "HUN", "currency": "HUF"},
        {"country": "AUT", "category": "shoes"},
        {"country": "AUT", "category": None},
        {"country": "DEU"},
    )

    compared = compare_rules(standing, standing)

    assert [(group.country, group.category, group.currency, group.articles) for group in compared] == [
        ("HUN", None, "HUF", 1),
        ("HUN", "coats", "HUF", 1),
        ("AUT", None, "EUR", 2),
        ("AUT", "(none)", "EUR", 1),
        ("AUT", "shoes", "EUR", 1),
        ("DEU", None, "EUR", 1),
        ("DEU", "coats", "EUR", 1),
        (None, None, "EUR", 3),
    ]
    assert {group.repriced for group in compared} == {0}


def test_the_difference_is_that_of_the_other_rules_less_the_standing_ones() -> None:
    standing = rows({}, {})
    other = rows(
        {"recommended_price": 39.99, "action": "markdown", "expected_revenue": 130.0, "expected_leftover": 5.0}, {}
    )

    country = compare_rules(standing, other)[0]

    assert (country.repriced, country.standing.revenue, country.other.revenue) == (1, 200.0, 230.0)
    assert [country.difference(measure) for measure in MEASURES] == [30.0, -5.0, 1.0]
    assert [country.difference_pct(measure) for measure in MEASURES] == [15.0, -25.0, None]


def test_rows_of_other_articles_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same articles"):
        compare_rules(rows({}, {}), rows({}))
