"""Pictures as Markdown of less than a thousand characters, which Dagster's page shows at once and without a click."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

import pandas as pd

SHOWN_AT_ONCE = 1000
"""From so many characters on, the page of Dagster 1.13 shows `[Show Markdown]` in place of a text."""
PLANS, WEEKS, LONGEST_NAME = 5, 8, 9
"""The most plans and weeks of a sketch, and characters of an article's name; chosen so that they fit."""
HEIGHT, PLAN_WIDTH, UNITS_WIDTH = 48, 76, 250
INK, ACCENT, PALE = "#333", "#c2410c", "#9ca3af"


def price_paths_sketch(path: pd.DataFrame, rows: pd.DataFrame) -> str:
    """The planned prices of the articles in `rows`, each from its list price (top) down to 0, side by side.

    path : article_id, week, price ; rows : article_id, list_price
    """
    plans = [(row, path.loc[path["article_id"] == row.article_id, "price"]) for row in rows.itertuples()]
    return _that_fits(lambda number: _paths(plans[:number]), min(len(plans), PLANS))


def expected_and_actual_sketch(by_week: pd.DataFrame) -> str:
    """The units that were sold, those that were expected, and those of the week before, as lines over the weeks.

    by_week : actual, expected, naive
    """
    return _that_fits(lambda number: _units(by_week.tail(number)), min(len(by_week), WEEKS))


def _that_fits(draw: Callable[[int], str], most: int) -> str:
    """The sketch of as many things as there is room for; "none" where there is nothing to draw."""
    for number in range(most, 0, -1):
        if len(sketch := draw(number)) < SHOWN_AT_ONCE:
            return sketch
    return "none"


def _paths(plans: Sequence[tuple[Any, pd.Series]]) -> str:
    parts = []
    for place, (row, prices) in enumerate(plans):
        left, wide = place * PLAN_WIDTH, max((PLAN_WIDTH - 12) // max(len(prices), 1), 1)
        level = [round(HEIGHT * (1 - min(float(price) / float(row.list_price), 1.0))) for price in prices]
        changes = [
            f"H{left + week * wide}V{level[week]}" for week in range(1, len(level)) if level[week] != level[week - 1]
        ]
        steps = f"M{left},{level[0]}{''.join(changes)}H{left + len(level) * wide}"
        name = escape(str(row.article_id)[:LONGEST_NAME])
        parts.append(f"<path d='{steps}'/><text x='{left}' y='{HEIGHT + 14}'>{name}</text>")
    ground = f"<path d='M0,{HEIGHT}H{len(plans) * PLAN_WIDTH}' style='stroke:{PALE}'/>"
    return _picture(len(plans) * PLAN_WIDTH, "".join([ground, *parts]))


def _units(by_week: pd.DataFrame) -> str:
    most = max(float(by_week[["actual", "expected", "naive"]].to_numpy(dtype=float).max()), 1.0)
    apart = UNITS_WIDTH // max(len(by_week) - 1, 1)
    parts = []
    for line, (name, column, colour) in enumerate(
        (("sold", "actual", INK), ("expected", "expected", ACCENT), ("the week before", "naive", PALE))
    ):
        heights = [round(HEIGHT * (1 - float(units) / most)) for units in by_week[column]]
        points = "L".join(f"{week * apart},{height}" for week, height in enumerate(heights))
        label = f"<text x='{UNITS_WIDTH + 8}' y='{16 * line + 14}' style='fill:{colour}'>{name}</text>"
        parts.append(f"<path d='M{points}' style='stroke:{colour}'/>{label}")
    return _picture(UNITS_WIDTH + 110, "".join(parts))


def _picture(width: int, parts: str) -> str:
    style = f"path{{fill:none;stroke:{ACCENT};stroke-width:2}}text{{font:11px sans-serif;fill:{INK}}}"
    return image_of(width, HEIGHT + 20, style, parts)


def image_of(width: int, height: int, style: str, parts: str) -> str:
    """The Markdown of an SVG of so many dots. Everything in it is encoded that would end an address."""
    around = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='-1 -2 {width} {height}' width='{width}'>"
    drawn = quote(f"{around}<style>{style}</style>{parts}</svg>", safe=SAFE)
    return f"![](data:image/svg+xml,{drawn})"


SAFE = "'=/:,.;-{}"
