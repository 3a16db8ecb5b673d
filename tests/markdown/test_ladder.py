"""Price points of a currency, in whole cents."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markdown_pricing.countries import CENT_ENDINGS, PriceEnding
from markdown_pricing.markdown.ladder import ladder_cents, round_to_ending, to_cents, to_price
from tests.markdown.rule_checker import ladder, nearest_ending

NINE = (PriceEnding(900, 1000),)
NINETY_OR_NINETY_NINE = (PriceEnding(9000, 10000), PriceEnding(9900, 10000))


@pytest.mark.parametrize(
    ("cents", "rounded"),
    [(2099, 2099), (2095, 2095), (2096, 2095), (2098, 2099), (2100, 2099), (2101, 2099), (2090, 2095), (2060, 2095)],
)
def test_the_nearest_ending_wins(cents: int, rounded: int) -> None:
    """.99 and .95 are four cents apart on one side and ninety-six on the other."""
    assert round_to_ending(cents, CENT_ENDINGS) == rounded


@pytest.mark.parametrize(("cents", "rounded"), [(2097, 2095), (2147, 2099), (147, 99)])
def test_a_tie_goes_down(cents: int, rounded: int) -> None:
    """20.97 lies between 20.95 and 20.99, 21.47 between 20.99 and 21.95."""
    assert round_to_ending(cents, CENT_ENDINGS) == rounded


@pytest.mark.parametrize("cents", [0, 1, 50, 94, 95, 97])
def test_no_price_is_below_the_lowest_with_such_an_ending(cents: int) -> None:
    """0.95 for .99 and .95."""
    assert round_to_ending(cents, CENT_ENDINGS) == 95


@pytest.mark.parametrize(
    ("endings", "cents", "rounded"),
    [
        (NINE, 34_250, 33_900),
        (NINE, 34_400, 33_900),
        (NINE, 34_401, 34_900),
        (NINE, 100, 900),
        (NINETY_OR_NINETY_NINE, 1_794_451, 1_799_000),
        (NINETY_OR_NINETY_NINE, 1_794_450, 1_789_900),
        (NINETY_OR_NINETY_NINE, 1_799_400, 1_799_000),
        (NINETY_OR_NINETY_NINE, 10, 9_000),
    ],
)
def test_currencies_without_cents_have_endings_of_their_own(
    endings: tuple[PriceEnding, ...], cents: int, rounded: int
) -> None:
    """Whole units at the end, ties down, the lowest such price at least."""
    assert round_to_ending(cents, endings) == rounded


@given(
    st.lists(st.integers(1, 3_000_000), min_size=1, max_size=30),
    st.sampled_from([CENT_ENDINGS, NINE, NINETY_OR_NINETY_NINE]),
    st.sets(st.integers(1, 99), min_size=1, max_size=8),
)
def test_a_whole_ladder_is_what_counting_through_the_prices_gives(
    list_cents: list[int], endings: tuple[PriceEnding, ...], discounts: set[int]
) -> None:
    """Against plain exact arithmetic, article by article; rungs never rise with the discount."""
    found = ladder_cents(list_cents, sorted(discounts), endings)

    assert found.tolist() == [ladder(price, sorted(discounts), endings) for price in list_cents]
    assert (found[:, 1:] <= found[:, :-1]).all()


@given(st.integers(0, 3_000_000))
def test_rounding_a_rounded_price_changes_nothing(cents: int) -> None:
    """A rung stays a rung."""
    once = round_to_ending(cents, CENT_ENDINGS)

    assert round_to_ending(once, CENT_ENDINGS) == once == nearest_ending(Fraction(cents), CENT_ENDINGS)


def test_cents_survive_floating_point() -> None:
    """19.99 is 1999 cents although 19.99 · 100 is not."""
    assert to_cents([19.99, 0.29, 1.15]).tolist() == [1999, 29, 115]
    assert to_price([1999, 29, 115]).tolist() == [19.99, 0.29, 1.15]
