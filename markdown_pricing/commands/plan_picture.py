"""The picture that `explain` draws of one article: its past, its plan, and what the plan is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter

from markdown_pricing.charts import ACCENT, INK, PALE, names_as_they_are, new_figure, plain, png_of
from markdown_pricing.countries import Country
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import ResultMissing
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.markdown.habit import habit_prices
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.pricing import priced_under
from markdown_pricing.results import Results

BLUE = "#1d4ed8"
WEEKS_NAMED, WEEKS_BEFORE = 12, 16
"""The most dates on the axis, and weeks before this one; chosen so that dates and steps can be read."""
INCHES = (8.0, 6.4)
MARGINS = {"left": 0.09, "right": 0.98, "bottom": 0.05, "top": 0.92, "hspace": 0.34}


@dataclass(frozen=True)
class Around:
    """What is drawn around a plan; both are empty where they are not known.

    past  : week, price, units; a row for each week before this one in which the article was sold, oldest first
    habit : the price that the old habit asks in each week from this one on
    """

    past: pd.DataFrame
    habit: Sequence[float] = ()


def around_plan(lake: Lake, country: Country, row: Mapping[str, Any], book: RuleBook) -> Around:
    """What the article's picture shows beside its plan: its past, where that is kept, and the prices of the old habit.

    The habit is left out where the row's prices were found under other rules than those of `book`.
    """
    results = Results(lake, row["week"], country.code)
    nothing = pd.DataFrame({"week": [], "price": [], "units": []})
    try:
        sold, _ = results.training_data()
    except (ResultMissing, ResultChanged):  # training data are kept for a shorter time than predictions
        return Around(nothing)
    history, articles = (frame[frame["article_id"] == row["article_id"]] for frame in (sold.history, sold.articles))
    past = history[["week", "price", "units"]].assign(week=history["week"].dt.date)
    *_, origin = results.predictions()
    if origin != priced_under(origin, book, country):
        return Around(past)
    habit = habit_prices(articles.reset_index(drop=True), history, country, book, row["week"])
    return Around(past, habit[0].tolist())


@names_as_they_are
def plan_chart(path: pd.DataFrame, row: Mapping[str, Any], currency: str, around: Around) -> bytes:
    """One article on three axes with the same weeks: prices, sales and stock.

    path : week, price, expected_units, expected_stock ; row : the article's recommendation
    """
    title = f"{row['country']} {row['article_id']}, week of {row['week']}: from its last weeks to its last selling week"
    figure = new_figure(title, INCHES)
    prices, sales, stock = figure.subplots(3, 1, sharex=True, gridspec_kw=MARGINS)
    past = around.past.tail(WEEKS_BEFORE)
    weeks = [*past["week"], *path["week"], _after(path["week"])]
    _draw_prices(prices, path, row, currency, Around(past, around.habit))
    _draw_sales(sales, path, past)
    _draw_stock(stock, path, row)
    stock.set_xticks(weeks[:: -(-len(weeks) // WEEKS_NAMED)])
    stock.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]
    for axes in (prices, sales, stock):
        axes.axvline(row["week"], color=PALE, linewidth=0.8)
        plain(axes)
    return png_of(figure)


def _draw_prices(axes: Axes, path: pd.DataFrame, row: Mapping[str, Any], currency: str, around: Around) -> None:
    """The price of each past week, the planned ones with their figures, and what the plan is compared with."""
    list_price, today, end = float(row["list_price"]), float(row["current_price"]), _after(path["week"])
    planned, past = [float(price) for price in path["price"]], around.past["price"].astype(float)
    axes.axhline(list_price, color=PALE, linestyle=":", linewidth=1, label="list price")
    if len(past):
        axes.step([*around.past["week"], row["week"]], [*past, today], where="post", color=INK, label="past price")
    axes.plot([row["week"], end], [today, today], color=INK, linestyle="--", linewidth=1, label="today's price, kept")
    if around.habit:
        habit = [*around.habit, around.habit[-1]]
        weeks = [row["week"] + timedelta(weeks=ahead) for ahead in range(len(habit))]
        axes.step(weeks, habit, where="post", color=BLUE, linestyle="-.", linewidth=1, label="old habit")
    axes.step([*path["week"], end], [*planned, planned[-1]], where="post", color=ACCENT, linewidth=2, label="plan")
    before = today
    for week, price in zip(path["week"], planned, strict=True):
        if price < before:
            axes.annotate(f"{price:,.2f}", (week, price), (4, -9), textcoords="offset points", fontsize=8, color=ACCENT)
        before = price
    # Room below for the figures, and above for the names of the lines.
    axes.set_ylim(0, 1.4 * max(list_price, today, *planned, *past))
    _name(axes, f"Price, {currency}")


def _draw_sales(axes: Axes, path: pd.DataFrame, past: pd.DataFrame) -> None:
    sold, expected = past["units"].astype(float), path["expected_units"].astype(float)
    axes.bar(past["week"], sold, width=6, align="edge", color=INK, label="sold")
    axes.bar(path["week"], expected, width=6, align="edge", color=ACCENT, label="expected")
    axes.set_ylim(min(0.0, *sold, *expected), 1.35 * max(1.0, *sold, *expected))
    _name(axes, "Sales of the week, units")


def _draw_stock(axes: Axes, path: pd.DataFrame, row: Mapping[str, Any]) -> None:
    """The stock at the start of each week of the plan, and what is left at the end by it, by keeping and by habit."""
    end, stock = _after(path["week"]), [*path["expected_stock"].astype(float), float(row["expected_leftover"])]
    axes.fill_between([*path["week"], end], stock, step="post", color=PALE, alpha=0.35, linewidth=0, label="plan")
    for name, column, colour, marker in (
        ("left over by the plan", "expected_leftover", ACCENT, "o"),
        ("by today's price", "expected_leftover_keep", INK, "_"),
        ("by the old habit", "expected_leftover_habit", BLUE, "x"),
    ):
        label = f"{name}: {float(row[column]):,.0f}"
        axes.plot([end], [float(row[column])], marker, color=colour, label=label, clip_on=False)
    axes.set_ylim(0, 1.35 * max(1.0, *stock))
    _name(axes, "Stock at the start of the week, units")


def _name(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=8, loc="left", color=INK)
    axes.legend(frameon=False, fontsize=7, loc="upper right", ncols=5)


def _after(weeks: pd.Series) -> Any:
    """The Monday on which the last of the weeks ends, a date, which matplotlib's types do not know."""
    return weeks.iloc[-1] + timedelta(weeks=1)
