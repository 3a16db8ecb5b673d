"""Numbers, days and commands as sentences have them."""

import math
from datetime import date
from pathlib import Path

import pytest

from markdown_pricing.texts.words import about, about_range, counted, last_day, listed, more_or_less, percent, price

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("number", "one", "says"),
    [
        (1, "country", "1 country"),
        (0, "country", "0 countries"),
        (2, "Monday", "2 Mondays"),
        (1200, "row", "1,200 rows"),
    ],
)
def test_one_thing_is_one_and_others_are_many(number: int, one: str, says: str) -> None:
    assert counted(number, one) == says


@pytest.mark.parametrize(
    ("number", "says"),
    [(3_320.4, "3,300"), (-0.849, "-0.8"), (9.96, "10"), (9.94, "9.9"), (0.02, "0"), (5, "5"), (math.nan, "?")],
)
def test_what_is_expected_has_two_digits(number: float, says: str) -> None:
    """At most one of them behind the point, and none there of a whole number."""
    assert about(number) == says


def test_amounts_shares_and_ranges_are_written_for_people() -> None:
    assert (price(1249.9), price(math.nan)) == ("1,249.90", "?")
    assert (percent(0.0637), percent(0.118)) == ("6.4 %", "12 %")
    assert (about_range(-1_234.0, 5_678.0), about_range(math.nan, 1.0)) == (" (-1,200 to 5,700)", "")
    assert [more_or_less(ratio) for ratio in (0.938, 1.12, 1.0)] == ["6.2 % less", "12 % more", "as much"]
    assert [listed(parts) for parts in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_a_season_ends_on_the_sunday_of_its_last_week() -> None:
    """Or with the calendar."""
    assert (last_day(date(2027, 3, 15)), last_day(date(9999, 12, 27))) == ("21 Mar 2027", "31 Dec 9999")


def test_no_page_and_no_message_sends_people_to_the_public_index() -> None:
    """The package is on no index; one there of its name would not be ours."""
    texts = [*PROJECT.glob("markdown_pricing/**/*.py"), *PROJECT.glob("docs/**/*.md"), PROJECT / "README.md"]

    assert not [text.name for text in texts if "install 'markdown-pricing" in text.read_text()]
