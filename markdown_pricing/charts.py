"""Small pictures for the orchestrator's pages. They take frames and return the bytes of a PNG."""

import io
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

# The names of articles and categories are no formulas, whatever dollar signs they have.
names_as_they_are = rc_context({"text.parse_math": False})

INK, ACCENT, PALE = "#333333", "#c2410c", "#9ca3af"
INCHES, TALL, DOTS_PER_INCH = (8.0, 2.8), (8.0, 3.6), 90
# Set by hand, because matplotlib takes longer to work them out than to draw the rest.
MARGINS = {"left": 0.06, "right": 0.99, "bottom": 0.1, "top": 0.82, "wspace": 0.1}
PLANS_SHOWN, MOST_GROUPS = 5, 60
"""The most plans and lines of a picture, chosen so that their texts can be read."""
PLAN_WIDE = 0.88
"""The width of a plan in its place, which leaves a gap before the next one."""


@names_as_they_are
def price_paths_chart(path: pd.DataFrame, rows: pd.DataFrame) -> bytes:
    """Planned price and below it the stock, week by week, of the articles whose decision is worth most, side by side.

    path : article_id, week, price, expected_stock
    rows : article_id, list_price, stock, expected_leftover, action, stake
    """
    chosen = most_at_stake(rows, PLANS_SHOWN)
    figure = new_figure("The decisions that are worth most: price in % of list price, stock in % of today's", TALL)
    # All plans share two axes, because matplotlib takes half a second to draw two for each of them.
    prices, stock = figure.subplots(2, 1, sharex=True, gridspec_kw=MARGINS | {"bottom": 0.14, "hspace": 0.2})
    spans = [
        _draw_plan(prices, stock, place, path[path["article_id"] == row.article_id], row)
        for place, row in enumerate(chosen.itertuples())
    ]
    middles = np.arange(len(chosen)) + PLAN_WIDE / 2
    for name, middle in zip(chosen["article_id"], middles, strict=True):
        prices.annotate(str(name), (middle, 108), fontsize=8, ha="center", color=INK, annotation_clip=False)
    for panel in (prices, stock):
        panel.set_xlim(-0.05, PLANS_SHOWN)
        panel.set_ylim(0, 105)
        panel.set_yticks([0, 50, 100])
        panel.tick_params(axis="x", length=0)
        plain(panel)
    stock.set_xticks(middles, spans)
    return png_of(figure)


def most_at_stake(rows: pd.DataFrame, number: int) -> pd.DataFrame:
    """The `number` rows whose decision is worth most: markdowns first, as a kept price asks nothing of anybody."""
    ranks = pd.DataFrame({"is_markdown": rows["action"] == "markdown", "stake": rows["stake"].astype(float)})
    return rows.loc[ranks.sort_values(["is_markdown", "stake"], ascending=False, kind="stable").index[:number]]


def _draw_plan(prices: Axes, stock: Axes, place: int, plan: pd.DataFrame, row: Any) -> str:
    """Draw a plan over the width of its place, however many weeks it has; its first and last day and its units."""
    # A step lasts until the next week begins, so that the last one needs an end, which is what is left over then.
    at = place + np.linspace(0.0, PLAN_WIDE, len(plan) + 1)
    price = 100 * plan["price"].astype(float).to_numpy() / float(row.list_price)
    units = [*plan["expected_stock"].astype(float), float(row.expected_leftover)]
    prices.step(at, [*price, price[-1]], where="post", color=ACCENT, linewidth=1.5)
    share = 100 * np.array(units) / max(units[0], 1.0)
    stock.fill_between(at, share, step="post", color=PALE, alpha=0.35, linewidth=0)
    first, last = plan["week"].iloc[0], plan["week"].iloc[-1] + timedelta(days=6)
    return f"{first:%d %b} – {last:%d %b}\n{units[0]:,.0f} → {units[-1]:,.0f} units"


@names_as_they_are
def expected_and_actual_chart(by_week: pd.DataFrame) -> bytes:
    """The units that the model forecast one week ahead, those that were sold, and the naive forecast.

    by_week : week, actual, expected, naive
    """
    figure = new_figure("Units a week of all articles together, each week forecast a week ahead")
    axes = figure.subplots(gridspec_kw={**MARGINS, "left": 0.09})
    weeks = np.arange(len(by_week))
    axes.set_xticks(weeks, pd.to_datetime(by_week["week"]).dt.strftime("%d %b"))
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
    """An empty figure with its title at the left; `inches` are its width and its height."""
    figure = Figure(figsize=inches, dpi=DOTS_PER_INCH)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left", color=INK)
    return figure


def plain(axes: Axes) -> None:
    """Small labels, and no frame at the top and the right."""
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def png_of(figure: Figure) -> bytes:
    """The figure as PNG. It does not name the library, so that the same figure gives the same bytes."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
