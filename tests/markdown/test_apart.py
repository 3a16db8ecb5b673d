"""Where the recommendations for one article differ widely between countries, and what the menus say to it."""

from datetime import date

import pandas as pd
import pytest

from markdown_pricing.markdown.apart import in_several_countries, line_of, widely_apart

WEEK = date(2026, 2, 9)


def row_of(
    country: str,
    off_pct: float,
    article_id: str = "a",
    action: str = "keep",
    stock: int = 5,
    end_week: date = WEEK,
) -> dict[str, object]:
    row = {"country": country, "article_id": article_id, "week": WEEK, "end_week": end_week, "stock": stock}
    return {**row, "list_price": 100.0, "recommended_price": 100 - off_pct, "markdown_pct": off_pct, "action": action}


def menu(*options: tuple[float, float | None, float | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(options, columns=["price", "value", "value_loss", "rule"])


def test_articles_come_by_how_far_their_recommendations_are_apart() -> None:
    """Five rungs are wide apart, three are not; each article has its two extremes."""
    rows = [row_of("DEU", 0), row_of("AUT", 49.1), row_of("POL", 30)]
    rows += [row_of("DEU", 0, "b"), row_of("AUT", 30, "b")]
    rows += [row_of("DEU", 60, "c"), row_of("AUT", 0, "c"), row_of("DEU", 70, "alone")]

    found = widely_apart(in_several_countries(pd.DataFrame(rows)))

    assert [(one.article_id, one.least.country, one.most.country) for one in found] == [
        ("c", "AUT", "DEU"),
        ("a", "DEU", "AUT"),
    ]


def test_what_is_marked_down_this_week_comes_before_what_was_marked_down_long_ago() -> None:
    """Among articles, and among the countries of an article."""
    rows = [row_of("DEU", 0), row_of("AUT", 70)]
    rows += [row_of("DEU", 0, "b"), row_of("AUT", 70, "b"), row_of("POL", 50, "b", action="markdown")]
    rows += [row_of("FRA", 20, "b", action="markdown")]

    found = widely_apart(pd.DataFrame(rows))

    assert [(one.article_id, one.most.country) for one in found] == [("b", "POL"), ("a", "AUT")]


@pytest.mark.parametrize("off_sale", [{"stock": 0}, {"end_week": date(2026, 2, 2)}])
def test_what_nobody_can_buy_any_more_is_not_compared(off_sale: dict[str, object]) -> None:
    rows = pd.DataFrame([row_of("DEU", 0), {**row_of("AUT", 60), **off_sale}])

    assert in_several_countries(rows).empty


def test_the_reason_is_what_each_menu_says_of_the_others_price() -> None:
    [apart] = widely_apart(pd.DataFrame([row_of("DEU", 0), row_of("AUT", 60)]))
    in_germany = menu((100, 1_000, 0, None), (70, 950, 50, None), (39.95, 880, 120, None))
    in_austria = menu((80, 388, 12, None), (40, 400, 0, None))

    assert line_of(apart, in_germany, in_austria) == (
        "a: 0 % off in DEU, 60 % off in AUT. In DEU 60 % off is worth 12 % less; in AUT 20 % off is worth 3.0 % less."
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            [(100, 900, 0, None), (40, None, None, "full_price_weeks")],
            "60 % off is forbidden by the rule full_price_weeks",
        ),
        ([(100, 900, 0, None), (50, 901, -1, "least_gain")], "50 % off is worth more and was held back (least_gain)"),
        (
            [(100, 900, 0, None), (50, 450, 450, "locked")],
            "50 % off is worth 50 % less, and the price is held (locked)",
        ),
        ([(100, 900, 0, None), (50, 900, -0.0, None)], "50 % off is worth 0.0 % less"),
        ([(100, 900, 0, None)], "no lower price exists this week"),
        ([(100, 0, 0, None), (40, 0, 0, None)], "60 % off is worth 0.0 % less"),
        ([], "the menu could not be read"),
    ],
)
def test_why_a_country_does_not_go_as_low(options: list[tuple[float, float, float, str]], said: str) -> None:
    [apart] = widely_apart(pd.DataFrame([row_of("DEU", 0), row_of("AUT", 60)]))

    assert f"In DEU {said}; in AUT" in line_of(apart, menu(*options), menu((40, 400, 0, None)))


def test_a_low_price_of_the_past_is_named_as_such() -> None:
    """No price ever rises."""
    [apart] = widely_apart(pd.DataFrame([row_of("DEU", 0), row_of("AUT", 60)]))

    assert line_of(apart, menu(), menu((40, 400, 0, None), (30, 350, 50, None))).endswith(
        "in AUT 60 % off is today's price already."
    )
