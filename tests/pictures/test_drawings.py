"""The large pictures that Dagster shows of a country are drawn of any country."""

from datetime import date, timedelta
from xml.etree import ElementTree

import pandas as pd
import pytest

from markdown_pricing.pictures.drawings import (
    expected_and_actual_drawing,
    most_at_stake,
    price_paths_drawing,
    round_ticks,
)
from tests.svg import SVG, svg_of

WEEK = date(2026, 2, 9)


def texts_of(picture: ElementTree.Element) -> list[str | None]:
    return [text.text for text in picture.iter(f"{SVG}text")]


def paths_of(picture: ElementTree.Element) -> list[str]:
    return [path.get("d", "") for path in picture.iter(f"{SVG}path") if path.get("class") != "axis"]


def plan_of(name: str, prices: list[float], stock: list[float], leftover: float) -> ElementTree.Element:
    """The picture of one article whose list price is 100."""
    weeks = [WEEK + timedelta(weeks=ahead) for ahead in range(len(prices))]
    path = pd.DataFrame({"article_id": name, "week": weeks, "price": prices, "expected_stock": stock})
    row = {"article_id": name, "list_price": 100.0, "stock": stock[0], "expected_leftover": leftover}
    return svg_of(price_paths_drawing(path, pd.DataFrame([{**row, "action": "markdown", "stake": 10.0}])))


def test_a_plan_steps_down_and_its_stock_goes_with_it() -> None:
    """Each week is as wide as the others, and the last one ends with what is left over."""
    picture = plan_of("coat", [100.0, 50.0], [1200.0, 600.0], 0.0)

    price, stock = paths_of(picture)
    assert price == "M40.0,63.7L99.5,63.7L99.5,120.9L159.0,120.9L159.0,120.9"
    assert stock == "M40.0,306.0L40.0,201.2L99.5,201.2L99.5,253.6L159.0,253.6L159.0,306.0L159.0,306.0Z"
    assert texts_of(picture)[-3:] == ["coat", "09 Feb – 22 Feb", "1,200 → 0 units"]


@pytest.mark.parametrize("name", [r"A$\frac$B", "</svg>)&<", "a_b^{", "'", "%3C"])
def test_a_name_is_a_text_whatever_it_says(name: str) -> None:
    assert name in texts_of(plan_of(name, [9.99], [2.0], 1.0))


def test_an_article_without_stock_can_be_drawn() -> None:
    assert "0 → 0 units" in texts_of(plan_of("sold out", [9.99], [0.0], 0.0))


def test_no_more_plans_are_drawn_than_can_be_read() -> None:
    path = pd.DataFrame({"article_id": [*"abcdefgh"], "week": WEEK, "price": 9.99, "expected_stock": 2.0})
    rows = path.assign(list_price=19.99, stock=2, expected_leftover=1, action="markdown", stake=range(8))

    picture = svg_of(price_paths_drawing(path, rows))

    assert [text for text in texts_of(picture) if text in set("abcdefgh")] == [*"hgfed"]


def test_markdowns_are_worth_a_look_before_kept_prices() -> None:
    """The largest stake first; one that is not known comes last."""
    rows = pd.DataFrame(
        {"action": ["keep", "markdown", "markdown", "markdown"], "stake": [9.0, 1.0, None, 5.0]}, index=list("abcd")
    )

    assert list(most_at_stake(rows, 5).index) == ["d", "b", "c", "a"]


def test_what_was_sold_is_beside_what_was_expected() -> None:
    mondays = pd.date_range("2026-01-05", periods=2, freq="W-MON")
    picture = svg_of(
        expected_and_actual_drawing(pd.DataFrame({"week": mondays, "actual": 100.0, "expected": 50.0, "naive": 0.0}))
    )

    assert paths_of(picture) == ["M70.0,61.5L690.0,61.5", "M70.0,138.7L690.0,138.7", "M70.0,216.0L690.0,216.0"]
    assert {"0", "50", "100", "05 Jan", "12 Jan", "sold", "expected"} <= set(texts_of(picture))


@pytest.mark.parametrize("weeks", [0, 1, 4])
def test_weeks_in_which_nothing_was_sold_can_be_drawn(weeks: int) -> None:
    """A country of one new article has no week to compare."""
    mondays = pd.date_range("2026-01-05", periods=weeks, freq="W-MON")
    by_week = pd.DataFrame({"week": mondays, "actual": 0.0, "expected": 0.0, "naive": 0.0})

    picture = svg_of(expected_and_actual_drawing(by_week))

    assert len(list(picture.iter(f"{SVG}circle"))) == 3 * weeks


@pytest.mark.parametrize("largest", [0.004, 0.7, 1, 9, 10, 99, 100, 4999, 1_000_000])
def test_ticks_are_round_and_few(largest: float) -> None:
    ticks = round_ticks(largest)

    assert ticks[0] == 0
    assert largest / 2 < ticks[-1] <= largest * 1.001
    assert 3 <= len(ticks) <= 6
