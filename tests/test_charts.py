"""Pictures that Dagster shows of a country are drawn of any country."""

from datetime import date

import matplotlib
import pandas as pd
import pytest

from markdown_pricing.charts import comparison_chart, expected_and_actual_chart, most_at_stake, price_paths_chart
from markdown_pricing.commands.plan_picture import Around, plan_chart


@pytest.mark.parametrize("weeks", [0, 4])
def test_weeks_in_which_nothing_was_sold_can_be_drawn(weeks: int) -> None:
    """A country of one new article has no week to compare."""
    mondays = pd.date_range("2026-01-05", periods=weeks, freq="W-MON")
    picture = expected_and_actual_chart(pd.DataFrame({"week": mondays, "actual": 0.0, "expected": 0.0, "naive": 0.0}))

    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", [r"A$\frac$B", "$", "$$", "a_b^{", "\\alpha"])
def test_a_name_that_looks_like_a_formula_is_a_name(name: str) -> None:
    week = date(2026, 2, 9)
    path = pd.DataFrame([{"article_id": name, "week": week, "price": 9.99, "expected_units": 1, "expected_stock": 2}])
    row = {"article_id": name, "list_price": 19.99, "current_price": 19.99, "stock": 2, "expected_leftover": 1}
    row |= {"action": "markdown", "stake": 10.0, "country": "DEU", "week": week}
    row |= {"expected_leftover_keep": 2, "expected_leftover_habit": 1}
    group = {"label": name, "whole": True, "revenue_pct": 1.0, "leftover_pct": 1.0, "markdowns": 1}

    assert price_paths_chart(path, pd.DataFrame([row])).startswith(b"\x89PNG")
    assert plan_chart(path, row, name, Around(path.head(0).assign(units=0))).startswith(b"\x89PNG")
    assert comparison_chart(pd.DataFrame([group]), name).startswith(b"\x89PNG")


def test_markdowns_are_worth_a_look_before_kept_prices() -> None:
    """The largest stake first; one that is not known comes last."""
    rows = pd.DataFrame(
        {"action": ["keep", "markdown", "markdown", "markdown"], "stake": [9.0, 1.0, None, 5.0]}, index=list("abcd")
    )

    assert list(most_at_stake(rows, 5).index) == ["d", "b", "c", "a"]


def test_a_picture_leaves_the_process_as_it_was() -> None:
    """What other pictures of the process take for a formula stays one."""
    before = dict(matplotlib.rcParams)

    expected_and_actual_chart(pd.DataFrame({"week": [], "actual": [], "expected": [], "naive": []}))

    assert dict(matplotlib.rcParams) == before
    assert before["text.parse_math"]
