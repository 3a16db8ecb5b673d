"""The prices that an article may take."""

from markdown_pricing.markdown.rules import Rules
from tests.markdown.seasons import article, ladders_of


def test_candidates_are_the_current_price_and_the_rungs_below_it() -> None:
    """No rung lies below salvage; the row is filled with its last price."""
    ladders = ladders_of(article(), article(34.99, salvage=20.0), article(9.99, salvage=9.98))

    assert ladders.prices.tolist() == [
        [49.99, 44.99, 39.99, 34.99, 29.99, 24.99, 19.99, 14.99],
        [34.99, 29.99, 24.99] + 5 * [24.99],
        8 * [9.99],
    ]
    assert ladders.rungs.tolist() == [8, 3, 1]


def test_a_rung_equal_to_salvage_is_allowed_and_one_a_cent_below_is_not() -> None:
    """Salvage prices may have more digits than prices."""
    ladders = ladders_of(article(salvage=24.99), article(salvage=24.9901), rules=Rules(discounts_pct=(50,)))

    assert ladders.rungs.tolist() == [2, 1]


def test_discounts_that_meet_in_one_price_are_one_rung() -> None:
    """2.99 less 30 % and less 33 % are both 1.99 after rounding."""
    ladders = ladders_of(article(2.99, list_price=2.99, salvage=0.1), rules=Rules(discounts_pct=(30, 33, 70)))

    assert ladders.prices.tolist() == [[2.99, 1.99, 0.95]]
