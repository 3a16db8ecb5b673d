"""The large pictures of Dagster's page, as Markdown with an SVG.

They are written as text, because every run of a country draws them: to load a plotting library takes as long as to fit
a small country's model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from math import floor, log10
from typing import Any

import numpy as np
import pandas as pd

from markdown_pricing.codes import MARKDOWN
from markdown_pricing.pictures.sketches import ACCENT, INK, PALE, PLANS, image_of

WIDTH = 720
PLAN_WIDE = 0.88
"""The width of a plan in its place, which leaves a gap before the next one."""
MOST_TICKS = 5
STYLE = (
    f"text{{font:11px sans-serif;fill:{INK}}}path{{fill:none;stroke-width:2}}.axis{{stroke:{INK};stroke-width:1}}"
    f".stock{{fill:{PALE};opacity:.4}}.middle{{text-anchor:middle}}.end{{text-anchor:end}}"
)
Point = tuple[float, float]


def price_paths_drawing(path: pd.DataFrame, rows: pd.DataFrame) -> str:
    """Planned price and below it the stock, week by week, of the articles whose decision is worth most, side by side.

    path : article_id, week, price, expected_stock
    rows : article_id, list_price, stock, expected_leftover, action, stake
    """
    chosen = most_at_stake(rows, PLANS)
    prices, stock = PicturePanel(40, 58, 676, 120, PLANS, 105), PicturePanel(40, 196, 676, 110, PLANS, 105)
    parts = [_text((0, 14), "The decisions that are worth most: price in % of list price, stock in % of today's")]
    parts += [panel.axes((0, 50, 100)) for panel in (prices, stock)]
    for place, row in enumerate(chosen.itertuples()):
        plan = path[path["article_id"] == row.article_id]
        parts += _plan(prices, stock, place, plan, row)
    return image_of(WIDTH, 342, STYLE, "".join(parts))


def most_at_stake(rows: pd.DataFrame, number: int) -> pd.DataFrame:
    """The `number` rows whose decision is worth most: markdowns first, as a kept price asks nothing of anybody."""
    ranks = pd.DataFrame({"is_markdown": rows["action"] == MARKDOWN, "stake": rows["stake"].astype(float)})
    return rows.loc[ranks.sort_values(["is_markdown", "stake"], ascending=False, kind="stable").index[:number]]


def expected_and_actual_drawing(by_week: pd.DataFrame) -> str:
    """The units that the model forecast one week ahead, those that were sold, and the naive forecast, as lines.

    by_week : week, actual, expected, naive
    """
    largest = float(by_week[["actual", "expected", "naive"]].to_numpy(np.float64).max(initial=0.0))
    panel = PicturePanel(70, 46, 620, 170, max(len(by_week) - 1, 1), 1.1 * largest or 1.0)
    parts = [
        _text((0, 14), "Units a week of all articles together, each week forecast a week ahead"),
        panel.axes(round_ticks(largest)),
    ]
    for week, day in enumerate(pd.to_datetime(by_week["week"])):
        parts.append(_text((panel.at((week, 0))[0], panel.bottom + 16), f"{day:%d %b}", "middle"))
    lines = (("sold", "actual", INK), ("expected", "expected", ACCENT), ("as in the week before", "naive", PALE))
    for number, (name, column, colour) in enumerate(lines):
        points = [panel.at((week, float(units))) for week, units in enumerate(by_week[column])]
        parts.append(_text((panel.left + 110 * number, 36), name, colour=colour))
        parts.append(_line(points, colour) if points else "")
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' style='fill:{colour}'/>" for x, y in points]
    return image_of(WIDTH, 240, STYLE, "".join(parts))


def round_ticks(largest: float) -> list[float]:
    """Round numbers from 0 to `largest`, a step of 1, 2 or 5 times a power of ten apart; 0 alone for 0.

    >>> round_ticks(1234)
    [0.0, 500.0, 1000.0]
    """
    if largest <= 0:
        return [0.0]
    power = 10.0 ** (floor(log10(largest)) - 1)
    step = next(factor * power for factor in (1, 2, 5, 10, 20, 50) if largest / (factor * power) < MOST_TICKS)
    return [step * number for number in range(floor(largest / step) + 1)]


@dataclass(frozen=True)
class PicturePanel:
    """A place of a picture, in dots from its upper left corner, that shows values from 0 to `across` and to `up`."""

    left: float
    top: float
    width: float
    height: float
    across: float
    up: float

    @property
    def bottom(self) -> float:
        """Where the panel ends, and the value 0 lies."""
        return self.top + self.height

    def at(self, values: Point) -> Point:
        """The dots at which two values are shown, across and up."""
        across, up = values
        return self.left + self.width * across / self.across, self.bottom - self.height * up / self.up

    def axes(self, ticks: Sequence[float]) -> str:
        """The left and the lower edge, and the values of the ticks beside the left one."""
        corner = f"M{self.left},{self.top}V{self.bottom}H{self.left + self.width}"
        texts = [_text((self.left - 6, self.at((0, tick))[1] + 4), f"{tick:,g}", "end") for tick in ticks]
        return f"<path class='axis' d='{corner}'/>{''.join(texts)}"


def _plan(prices: PicturePanel, stock: PicturePanel, place: int, plan: pd.DataFrame, row: Any) -> list[str]:
    """A plan over the width of its place, however many weeks it has; its name, its first and last day and its units."""
    # A step lasts until the next week begins, so that the last one needs an end, which is what is left over then.
    begins = (place + np.linspace(0.0, PLAN_WIDE, len(plan) + 1)).tolist()
    units = [*plan["expected_stock"].astype(float), float(row.expected_leftover)]
    share = [100 * each / max(units[0], 1.0) for each in units]
    price = [100 * float(each) / float(row.list_price) for each in plan["price"]]
    under = [stock.at((begins[0], 0)), *_steps(stock, begins, share), stock.at((begins[-1], 0))]
    middle = prices.at((place + PLAN_WIDE / 2, 0))[0]
    first, last = plan["week"].iloc[0], plan["week"].iloc[-1] + timedelta(days=6)
    return [
        _text((middle, prices.top - 8), str(row.article_id), "middle"),
        _line(_steps(prices, begins, [*price, price[-1]]), ACCENT),
        f"<path class='stock' d='{_through(under)}Z'/>",
        _text((middle, stock.bottom + 16), f"{first:%d %b} – {last:%d %b}", "middle"),
        _text((middle, stock.bottom + 31), f"{units[0]:,.0f} → {units[-1]:,.0f} units", "middle"),
    ]


def _steps(panel: PicturePanel, begins: Sequence[float], values: Sequence[float]) -> list[Point]:
    """The corners of a line that stays on each value until the next one begins."""
    corners = [(begins[0], values[0])]
    for begin, value in zip(begins[1:], values[1:], strict=True):
        corners += [(begin, corners[-1][1]), (begin, value)]
    return [panel.at(corner) for corner in corners]


def _line(points: Sequence[Point], colour: str) -> str:
    return f"<path d='{_through(points)}' style='stroke:{colour}'/>"


def _through(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _text(at: Point, text: str, where: str = "begin", colour: str = INK) -> str:
    x, y = at
    return f"<text class='{where}' x='{x:.1f}' y='{y:.1f}' style='fill:{colour}'>{escape(text)}</text>"
