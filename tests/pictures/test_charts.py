"""Pictures that commands draw are drawn of any country."""

from datetime import date

import matplotlib
import pandas as pd
import pytest

from markdown_pricing.commands.around import Around
from markdown_pricing.commands.plan_picture import draw_menu, plan_chart
from markdown_pricing.pictures.charts import comparison_chart, new_figure


@pytest.mark.parametrize("name", [r"A$\frac$B", "$", "$$", "a_b^{", "\\alpha"])
def test_a_name_that_looks_like_a_formula_is_a_name(name: str) -> None:
    week = date(2026, 2, 9)
    path = pd.DataFrame([{"article_id": name, "week": week, "price": 9.99, "expected_units": 1, "expected_stock": 2}])
    row = {"article_id": name, "list_price": 19.99, "current_price": 19.99, "stock": 2, "expected_leftover": 1}
    row |= {"action": "markdown", "stake": 10.0, "country": "DEU", "week": week}
    row |= {"expected_leftover_keep": 2, "expected_leftover_habit": 1}
    row |= {"recommended_price": 9.99}
    menu = pd.DataFrame({"price": [19.99, 9.99], "value_loss": [3.0, 0.0], "rule": [None, None]})
    group = {"label": name, "whole": True, "revenue_pct": 1.0, "leftover_pct": 1.0, "markdowns": 1}

    assert plan_chart(path, row, menu, name, Around()).startswith(b"\x89PNG")
    assert comparison_chart(pd.DataFrame([group]), name).startswith(b"\x89PNG")


def test_the_menu_s_picture_names_what_each_price_loses_or_its_rule() -> None:
    """The recommended price loses nothing; a price that is worth more was held back by an option."""
    lines = [(49.99, -1500.4, "least_gain"), (39.99, 0.0, None), (29.99, 12345.6, None), (5.99, None, "below_salvage")]
    menu = pd.DataFrame(lines, columns=["price", "value_loss", "rule"])
    axes = new_figure("", (8.0, 3.0)).subplots()

    draw_menu(axes, menu, {"recommended_price": 39.99}, "EUR")

    assert [text.get_text() for text in axes.texts] == [
        "+1,500 least gain",
        "recommended",
        "-12,346",
        "below salvage",
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["49.99", "39.99", "29.99", "5.99"]


def test_a_picture_leaves_the_process_as_it_was() -> None:
    """What other pictures of the process take for a formula stays one."""
    before = dict(matplotlib.rcParams)

    comparison_chart(
        pd.DataFrame([{"label": "$x$", "whole": True, "revenue_pct": 1.0, "leftover_pct": 1.0, "markdowns": 1}]), "$x$"
    )

    assert dict(matplotlib.rcParams) == before
    assert before["text.parse_math"]
