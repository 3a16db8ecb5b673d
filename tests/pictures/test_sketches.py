"""Sketches are shown on Dagster's page without a click, whatever they are of."""

from xml.etree import ElementTree

import pandas as pd
import pytest

from markdown_pricing.pictures.sketches import SHOWN_AT_ONCE, expected_and_actual_sketch, price_paths_sketch
from tests import svg
from tests.svg import SVG


def svg_of(sketch: str) -> ElementTree.Element:
    """The picture of a sketch, which the page shows at once because it has less than a thousand characters."""
    assert len(sketch) < SHOWN_AT_ONCE
    return svg.svg_of(sketch)


def paths(**prices: list[float]) -> str:
    path = pd.DataFrame(
        [(name, price) for name, own in prices.items() for price in own], columns=["article_id", "price"]
    )
    return price_paths_sketch(path, pd.DataFrame({"article_id": list(prices), "list_price": 100.0}))


def test_a_step_down_is_a_step_down() -> None:
    """From the list price, at the top, to half of it; each week is as wide as the others."""
    ground, plan = svg_of(paths(coat=[100.0, 100.0, 50.0, 50.0])).iter(f"{SVG}path")

    assert ground.get("d") == "M0,48H76"
    assert plan.get("d") == "M0,0H32V24H64"


@pytest.mark.parametrize("weeks", [1, 30, 104])
def test_as_many_plans_are_drawn_as_there_is_room_for(weeks: int) -> None:
    falling = [100.0 * 0.98**week for week in range(weeks)]

    drawn = svg_of(paths(**{f"a name that is long {number}": falling for number in range(9)}))

    assert 1 <= len(list(drawn.iter(f"{SVG}text"))) <= 5


def test_a_name_is_a_text_whatever_it_says() -> None:
    hostile = "</svg>)&<"
    assert [text.text for text in svg_of(paths(**{hostile: [9.99]})).iter(f"{SVG}text")] == [hostile]


@pytest.mark.parametrize("weeks", [1, 4, 60])
def test_what_was_sold_is_beside_what_was_expected(weeks: int) -> None:
    by_week = pd.DataFrame({"actual": 100.0, "expected": 50.0, "naive": 0.0}, index=range(weeks))

    lines = [path.get("d", "") for path in svg_of(expected_and_actual_sketch(by_week)).iter(f"{SVG}path")]

    assert [line.split(",")[1].split("L")[0] for line in lines] == ["0", "24", "48"]


def test_where_nothing_is_known_nothing_is_drawn() -> None:
    nothing = pd.DataFrame({"actual": [], "expected": [], "naive": []})

    assert expected_and_actual_sketch(nothing) == "none"
    assert paths() == "none"
