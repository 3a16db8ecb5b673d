"""The picture that `explain` draws of one article: its menu, its past, and its plan beside today's price and habit."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter
from matplotlib.ticker import StrMethodFormatter

from markdown_pricing.commands.around import Around
from markdown_pricing.pictures.charts import ACCENT, INK, PALE, names_as_they_are, new_figure, plain, png_of
from markdown_pricing.texts.words import about, in_words

BLUE = "#1d4ed8"
WEEKS_NAMED, WEEKS_BEFORE = 12, 16
"""The most dates on the axis, and weeks before this one; chosen so that dates and steps can be read."""
INCHES = (8.0, 8.6)
THOUSANDS = "{x:,.6g}"
MARGINS = {"left": 0.1, "right": 0.98, "bottom": 0.04, "top": 0.93, "hspace": 0.36}
COURSES = {
    "plan": ("plan", ACCENT, "-", 2.0),
    "keep": ("today's price", INK, "--", 1.0),
    "habit": ("old habit", BLUE, "-.", 1.0),
}
"""How the line of each course is named and drawn."""


@names_as_they_are
def plan_chart(path: pd.DataFrame, row: Mapping[str, Any], menu: pd.DataFrame, currency: str, around: Around) -> bytes:
    """One article: what each price of this week is worth, and prices, sales and stock on axes with the same weeks.

    path : week, price, expected_units, expected_stock ; row : the article's recommendation
    menu : price, value_loss, rule; a line for each price of this week
    """
    title = f"{row['country']} {row['article_id']}, week of {row['week']}: this week's prices, and its season"
    figure = new_figure(title, INCHES)
    options, prices, sales, stock = figure.subplots(4, 1, gridspec_kw=MARGINS)
    near = Around(around.past.tail(WEEKS_BEFORE), around.courses)
    weeks = [*near.past["week"], *path["week"], _after(path["week"])]
    draw_menu(options, menu, row, currency)
    _draw_prices(prices, path, row, currency, near)
    _draw_sales(sales, path, near)
    _draw_stock(stock, path, row, near)
    for axes in (prices, sales, stock):
        axes.set_xlim(weeks[0] - timedelta(days=3), weeks[-1] + timedelta(days=3))
        axes.set_xticks(weeks[:: -(-len(weeks) // WEEKS_NAMED)])
        axes.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]
        axes.yaxis.set_major_formatter(StrMethodFormatter(THOUSANDS))
        axes.axvline(row["week"], color=PALE, linewidth=0.8)
        axes.tick_params(labelbottom=axes is stock)
        plain(axes)
    return png_of(figure)


def draw_menu(axes: Axes, menu: pd.DataFrame, row: Mapping[str, Any], currency: str) -> None:
    """A bar for each price of this week: its value against the recommended one's, or the rule that forbids it."""
    leads = 0.0 - menu["value_loss"].astype(float)
    is_mine = menu["price"].astype(float) == float(row["recommended_price"])
    places = range(len(menu))
    axes.barh(places, leads.fillna(0.0), color=[ACCENT if mine else PALE for mine in is_mine], height=0.6)
    for place, mine, lead, rule in zip(places, is_mine, leads, menu["rule"], strict=True):
        worth = "recommended" if mine else "" if pd.isna(lead) else f"{lead:+,.0f}"
        side, align = (-4, "right") if lead < 0 else (4, "left")
        axes.annotate(
            worth if pd.isna(rule) else f"{worth} {in_words(rule)}".strip(),
            (0.0 if pd.isna(lead) else lead, place),
            (side, 0),
            textcoords="offset points",
            fontsize=7,
            va="center",
            ha=align,
            color=ACCENT if mine else INK,
        )
    axes.axvline(0, color=INK, linewidth=0.6)
    low, high = min(leads.min(), 0.0), max(leads.max(), 0.0)
    room = 0.3 * max(high - low, 1.0)
    axes.set_xlim(low - room, high + room)
    axes.set_yticks(places, [f"{float(price):,.2f}" for price in menu["price"]])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(StrMethodFormatter(THOUSANDS))
    axes.set_title(
        f"Worth of each price of this week against the recommended one, {currency}", fontsize=8, loc="left", color=INK
    )
    plain(axes)


def _draw_prices(axes: Axes, path: pd.DataFrame, row: Mapping[str, Any], currency: str, around: Around) -> None:
    """The price of each past week, the planned ones with their figures, and what the plan is compared with."""
    list_price, today = float(row["list_price"]), float(row["current_price"])
    planned, past = [float(price) for price in path["price"]], around.past["price"].astype(float)
    axes.axhline(list_price, color=PALE, linestyle=":", linewidth=1, label="list price")
    if len(past):
        axes.step([*around.past["week"], row["week"]], [*past, today], where="post", color=INK, label="past price")
    others = {name: course.price.tolist() for name, course in around.courses.items() if name != "plan"}
    for name, prices in (others or {"keep": [today] * len(planned)}).items():
        label, colour, line, width = COURSES[name]
        weeks = _weeks_from(row["week"], len(prices))
        axes.step(
            weeks, [*prices, prices[-1]], where="post", color=colour, linestyle=line, linewidth=width, label=label
        )
    weeks = _weeks_from(row["week"], len(planned))
    axes.step(weeks, [*planned, planned[-1]], where="post", color=ACCENT, linewidth=2, label="plan")
    before = today
    for week, price in zip(path["week"], planned, strict=True):
        if price < before:
            axes.annotate(f"{price:,.2f}", (week, price), (4, -9), textcoords="offset points", fontsize=8, color=ACCENT)
        before = price
    # Room below for the figures, and above for the names of the lines.
    axes.set_ylim(0, 1.4 * max(list_price, today, *planned, *past))
    _name(axes, f"Price, {currency}")


def _draw_sales(axes: Axes, path: pd.DataFrame, around: Around) -> None:
    """The units of past weeks, and those expected by each course, with the plan's band."""
    sold, expected = around.past["units"].astype(float), path["expected_units"].astype(float)
    highest = max(1.0, *sold, *expected)
    axes.bar(around.past["week"], sold, width=6, align="edge", color=INK, label="sold")
    axes.bar(path["week"], expected, width=6, align="edge", color=ACCENT, label="plan (line: 8 times in 10)")
    for name, course in around.courses.items():
        label, colour, line, width = COURSES[name]
        weeks = _weeks_from(path["week"].iloc[0], len(course.units))
        if name == "plan":
            middle = [week + timedelta(days=3) for week in weeks[:-1]]
            axes.vlines(middle, course.units_low, course.units_high, color=INK, linewidth=0.8)
            highest = max(highest, *course.units_high)
        else:
            units = [*course.units, course.units[-1]]
            axes.step(weeks, units, where="post", color=colour, linestyle=line, linewidth=width, label=label)
            highest = max(highest, *units)
    axes.set_ylim(min(0.0, *sold, *expected), 1.35 * highest)
    _name(axes, "Sales of the week, units")


def _draw_stock(axes: Axes, path: pd.DataFrame, row: Mapping[str, Any], around: Around) -> None:
    """The stock at the start of each week, past and by each course with its band, and what is left at the end."""
    end, stock = _after(path["week"]), [*path["expected_stock"].astype(float), float(row["expected_leftover"])]
    past, highest = around.past["stock"].astype(float), max(1.0, *stock)
    if len(past):
        axes.step([*around.past["week"], row["week"]], [*past, stock[0]], where="post", color=INK, label="past")
    for name, column, marker in (("plan", "", "o"), ("keep", "_keep", "_"), ("habit", "_habit", "x")):
        label, colour, line, width = COURSES[name]
        left = float(row[f"expected_leftover{column}"])
        axes.plot([end], [left], marker, color=colour, label=f"{label}: {about(left)} left", clip_on=False)
        if name in around.courses:
            course = around.courses[name]
            weeks = _weeks_from(row["week"], len(course.units))
            axes.plot(weeks, course.stock, color=colour, linestyle=line, linewidth=width)
            axes.fill_between(weeks, course.stock_low, course.stock_high, color=colour, alpha=0.12, linewidth=0)
        elif name == "plan":
            axes.plot([*path["week"], end], stock, color=colour, linestyle=line, linewidth=width)
    axes.set_ylim(0, 1.35 * max([highest, *past]))
    _name(axes, "Stock at the start of the week, units; bands hold 8 times in 10")


def _name(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=8, loc="left", color=INK)
    axes.legend(frameon=False, fontsize=7, loc="upper right", ncols=5)


def _weeks_from(first: date, number: int) -> list[Any]:
    """So many Mondays from the first on, and the one on which the last week ends; matplotlib's types know no dates."""
    return [first + timedelta(weeks=ahead) for ahead in range(number + 1)]


def _after(weeks: pd.Series) -> Any:
    """The Monday on which the last of the weeks ends, a date, which matplotlib's types do not know."""
    return weeks.iloc[-1] + timedelta(weeks=1)
