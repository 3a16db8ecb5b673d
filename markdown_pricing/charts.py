"""Small pictures for the orchestrator's pages. They take frames and return the bytes of a PNG."""

import io
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MonthLocator
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

# The names of articles and categories are no formulas, whatever dollar signs they have.
names_as_they_are = rc_context({"text.parse_math": False})

INK, ACCENT, PALE = "#333333", "#c2410c", "#9ca3af"
INCHES, DOTS_PER_INCH = (8.0, 2.8), 90
# Set by hand, because matplotlib takes longer to work them out than to draw the rest.
MARGINS = {"left": 0.06, "right": 0.99, "bottom": 0.1, "top": 0.82, "wspace": 0.1}
PLANS_SHOWN, MOST_GROUPS = 5, 60
"""The most panels and lines of a picture, chosen so that their texts can be read."""


@names_as_they_are
def price_paths_chart(path: pd.DataFrame, rows: pd.DataFrame) -> bytes:
    """Planned price and the stock left, week by week, of the articles whose decision is worth most.

    path : article_id, week, price, expected_stock
    rows : article_id, list_price, stock, expected_leftover, action, stake
    """
    chosen = most_at_stake(rows, PLANS_SHOWN)
    figure = new_figure(
        "Price in % of list price (line) and stock in % of today's (area): the decisions that are worth most"
    )
    panels = figure.subplots(1, PLANS_SHOWN, sharex=True, sharey=True, gridspec_kw=MARGINS)
    for panel, row in zip(panels, chosen.itertuples(), strict=False):
        _draw_plan(panel, path[path["article_id"] == row.article_id], row)
    for panel in panels[len(chosen) :]:
        panel.set_visible(False)
    panels[0].set_ylim(0, 105)
    panels[0].xaxis.set_major_locator(MonthLocator(interval=2))  # type: ignore[no-untyped-call]
    panels[0].xaxis.set_major_formatter(DateFormatter("%b"))  # type: ignore[no-untyped-call]
    return png_of(figure)


def most_at_stake(rows: pd.DataFrame, number: int) -> pd.DataFrame:
    """The `number` rows whose decision is worth most: markdowns first, as a kept price asks nothing of anybody."""
    ranks = pd.DataFrame({"is_markdown": rows["action"] == "markdown", "stake": rows["stake"].astype(float)})
    return rows.loc[ranks.sort_values(["is_markdown", "stake"], ascending=False, kind="stable").index[:number]]


def _draw_plan(panel: Axes, plan: pd.DataFrame, row: Any) -> None:
    # A step lasts until the next week begins, so that the last one needs an end, which is what is left over then.
    weeks = [*plan["week"], plan["week"].iloc[-1] + timedelta(weeks=1)]
    price = [100 * float(price) / float(row.list_price) for price in [*plan["price"], plan["price"].iloc[-1]]]
    stock = [100 * float(stock) / max(row.stock, 1) for stock in [*plan["expected_stock"], row.expected_leftover]]
    panel.fill_between(weeks, stock, step="post", color=PALE, alpha=0.35, linewidth=0)
    panel.step(weeks, price, where="post", color=ACCENT, linewidth=1.5)
    panel.set_title(row.article_id, fontsize=8, color=INK)
    plain(panel)


@names_as_they_are
def expected_and_actual_chart(by_week: pd.DataFrame) -> bytes:
    """The units that the model forecast one week ahead, those that were sold, and the naive forecast.

    by_week : week, actual, expected, naive
    """
    figure = new_figure("Units a week of all articles together, each week forecast a week ahead")
    axes = figure.subplots(gridspec_kw={**MARGINS, "left": 0.09})
    weeks = pd.to_datetime(by_week["week"]).dt.strftime("%d %b")
    axes.plot(weeks, by_week["actual"], color=INK, marker="o", label="sold")
    axes.plot(weeks, by_week["expected"], color=ACCENT, marker="o", label="expected")
    axes.plot(weeks, by_week["naive"], color=PALE, linestyle="--", label="as in the week before")
    largest = by_week[["actual", "expected", "naive"]].to_numpy(np.float64).max(initial=0.0)
    axes.set_ylim(0, 1.1 * largest or 1)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower left")
    plain(axes)
    return png_of(figure)


@names_as_they_are
def comparison_chart(groups: pd.DataFrame, title: str) -> bytes:
    """What other rules change: a line per country and per category within it, a panel per measure.

    groups : label, whole (a country, not a category), revenue_pct, leftover_pct (None: standing is 0), markdowns
    When there are more than MOST_GROUPS lines, only whole countries are drawn.
    """
    shown = groups if len(groups) <= MOST_GROUPS else groups[groups["whole"]]
    height = 0.9 + 0.19 * len(shown)
    figure = new_figure(title, (8.0, height))
    margins = {"left": 0.2, "right": 0.96, "bottom": 0.35 / height, "top": 1 - 0.55 / height, "wspace": 0.12}
    panels = figure.subplots(1, 3, sharey=True, gridspec_kw=margins)
    lines = range(len(shown))
    names = {"revenue_pct": "Revenue, %", "leftover_pct": "Left-over, %", "markdowns": "Markdowns this week, number"}
    for panel, (measure, name) in zip(panels, names.items(), strict=True):
        values = shown[measure].astype(float).fillna(0.0)
        panel.barh(lines, values, color=[ACCENT if whole else PALE for whole in shown["whole"]], height=0.7)
        for line, value in zip(lines, values, strict=True):
            text = "0" if value == 0 else f"{value:+.0f}" if measure == "markdowns" else f"{value:+.1f}"
            side, align = (3, "left") if value >= 0 else (-3, "right")
            panel.annotate(
                text, (value, line), (side, 0), textcoords="offset points", fontsize=6, ha=align, va="center", color=INK
            )
        panel.axvline(0, color=INK, linewidth=0.6)
        panel.use_sticky_edges = False  # room for the numbers of bars that are 0
        panel.margins(x=0.25, y=0.01)
        panel.set_title(name, fontsize=8, loc="left", color=INK)
        plain(panel)
    panels[0].set_yticks(lines, shown["label"])
    panels[0].invert_yaxis()
    return png_of(figure)


def new_figure(title: str, inches: tuple[float, float] = INCHES) -> Figure:
    figure = Figure(figsize=inches, dpi=DOTS_PER_INCH)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left", color=INK)
    return figure


def plain(axes: Axes) -> None:
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def png_of(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
