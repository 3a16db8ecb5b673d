"""The page that `explain` shows of an article: why, this week's prices, the money, the last weeks, and the plan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from markdown_pricing.commands.around import units_to_sell
from markdown_pricing.markdown.sentences import response_in_words
from markdown_pricing.old_habit import CUT_PCT
from markdown_pricing.provenance import Provenance
from markdown_pricing.texts.shown import cell, plain
from markdown_pricing.texts.words import about, about_range, in_words, price

PAST_WEEKS = 8
"""So many of the last weeks stand on the page. Chosen on 2026-11-27: two months."""
LABEL_WIDTH, STOCK_LINES, WIDEST_WEEK = 10, 5, 4
"""Columns and lines of the plot, chosen so that it fits on a screen with 80 columns."""
EIGHTHS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Explained:
    """One article's row, price path and menu, with the meaning of its codes.

    path : week, price, expected_units, expected_stock; a row per week from this one to end_week
    menu : OPTION_COLUMNS, a line for each price of this week, from today's down
    """

    row: Mapping[str, Any]
    path: pd.DataFrame
    menu: pd.DataFrame
    origin: Provenance
    currency: str
    grade: str
    rule: str | None

    @property
    def supply(self) -> int:
        """All units, today's stock and what is on its way."""
        return units_to_sell(self.row, self.path)


def page(explained: Explained, past: pd.DataFrame, width: int) -> Iterator[Any]:
    """The parts of an article's page in their order, each a text or a table.

    past : as `Around` has it ; width : of the terminal, in characters
    """
    row = explained.row
    yield Text(
        f"\n{row['country']} {cell(row['article_id'])}, week of {row['week']}, prices in {explained.currency}", "bold"
    )
    yield Text(plain(row["reason"]))
    if row["exception_code"]:
        yield Text(f"To look at: {row['exception_code']}", "yellow")
    yield Text(row["change_reason"] or "Nothing is known of an earlier week.")
    yield ""
    yield Text("The prices of this week\n", "bold")
    yield _menu_table(explained)
    yield ""
    yield _money(explained)
    yield ""
    yield _facts(explained)
    if len(past):
        yield Text("\nThe last weeks\n", "bold")
        yield _past_table(past.tail(PAST_WEEKS), float(row["list_price"]))
    if explained.supply == 0:
        return
    yield Text("\nPlan, week by week\n", "bold")
    yield _path_table(explained)
    yield ""
    yield Text("\n".join(_plot(explained, width)))


def _menu_table(explained: Explained) -> Table:
    """A line for each price of this week: its worth against that of the recommended price, or what forbids it."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for place, name in enumerate(("Price", "Off list", "Worth", "Units", "Left over", "Next", "")):
        table.add_column(name, justify="right" if place < 5 else "left")
    row = explained.row
    for line in explained.menu.itertuples():
        is_mine = float(line.price) == float(row["recommended_price"])
        known = not pd.isna(line.value)
        note = "recommended" if is_mine else "" if pd.isna(line.rule) else in_words(line.rule)
        later = "" if pd.isna(line.next_markdown_price) else f"{price(line.next_markdown_price)}, {_short(line)}"
        table.add_row(
            price(line.price),
            _off(float(line.price), float(row["list_price"])),
            "" if not known else f"{line.value:,.0f}" if is_mine else f"{-line.value_loss:+,.0f}",
            f"{line.expected_units:,.0f}" if known else "",
            f"{line.expected_leftover:,.0f}" if known else "",
            later,
            note,
            style="bold" if is_mine else "dim" if not known else "",
        )
    return table


def _short(line: Any) -> str:
    return f"{line.next_markdown_week:%d %b}"


def _off(asked: float, list_price: float) -> str:
    return f"{100 * (1 - asked / list_price):.0f} %" if asked < list_price else ""


def _past_table(past: pd.DataFrame, list_price: float) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for place, name in enumerate(("Week", "Price", "Off list", "Units sold", "Stock before")):
        table.add_column(name, justify="right" if place else "left")
    for step in past.itertuples():
        asked = float(step.price)
        table.add_row(str(step.week), price(asked), _off(asked, list_price), f"{step.units:,.0f}", f"{step.stock:,.0f}")
    return table


def _money(explained: Explained) -> Table:
    """A table that sets keeping the price, the recommended price and the old habit side by side."""
    row = explained.row
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for place, name in enumerate(("To the end of the season", "Keep the price", "Recommended", "Old habit")):
        table.add_column(name, justify="right" if place else "left")
    names = "_keep", "", "_habit"
    revenue = [float(row[f"expected_revenue{name}"]) for name in names]
    leftover = [float(row[f"expected_leftover{name}"]) for name in names]
    table.add_row("Revenue, salvage included", *(f"{value:,.2f}" for value in revenue))
    lead = [f"{100 * (value / revenue[0] - 1):+.1f} %" if revenue[0] > 0 else "" for value in revenue]
    table.add_row("against keeping", "", *lead[1:])
    table.add_row("Left over, units", *(f"{value:,.1f}" for value in leftover))
    supply = explained.supply
    table.add_row("Sold of the stock", *(f"{100 * (1 - value / supply):.0f} %" if supply else "" for value in leftover))
    return table


def _facts(explained: Explained) -> Table:
    row = explained.row
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    cover = "no sales expected" if row["cover_weeks"] is None else f"cover {row['cover_weeks']:,.1f} weeks"
    low, high = row["expected_units_q10"], row["expected_units_q90"]
    table.add_row("Stock", f"{row['stock']:,} units, {cover}, last selling week {row['end_week']}")
    sold = f"{row['expected_units']:,.1f} units expected at {row['recommended_price']:,.2f}"
    table.add_row("This week", f"{sold} (8 times in 10: {low:,.0f} to {high:,.0f})")
    response = response_in_words(row["elasticity"], row["elasticity_se"])
    table.add_row("Price response", f"{CUT_PCT} % off sells about {response}" if response else "not known")
    if row["stake"] is not None:
        unsure = "" if row["stake_low"] is None else about_range(float(row["stake_low"]), float(row["stake_high"]))
        table.add_row("At stake", f"{about(float(row['stake']))} {explained.currency}{unsure} this week")
    table.add_row("Binding rule", explained.rule or "none")
    table.add_row("Model", f"{row['model_grade']}, {explained.grade}; {row['model_version']}")
    return table


def _path_table(explained: Explained) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for place, name in enumerate(("Week", "Price", "Off list", "Units expected", "Stock before", "")):
        table.add_column(name, justify="right" if 0 < place < 5 else "left")
    list_price, before = float(explained.row["list_price"]), float(explained.row["current_price"])
    for step in explained.path.itertuples():
        asked = float(step.price)
        table.add_row(
            str(step.week),
            price(asked),
            _off(asked, list_price),
            f"{step.expected_units:,.1f}",
            f"{step.expected_stock:,.1f}",
            "markdown" if asked < before else "",
            style="bold" if asked < before else "",
        )
        before = asked
    table.add_row("left over", "", "", "", f"{explained.row['expected_leftover']:,.1f}", "", style="dim")
    return table


def _plot(explained: Explained, width: int) -> list[str]:
    """The lines of a plot: price steps above, the stock at the start of each week below, weeks to the right.

    Where the screen is too narrow, only every n-th week is drawn.
    """
    room = max(width - LABEL_WIDTH - 3, 10)
    path = explained.path.iloc[:: -(-len(explained.path) // room)]
    wide = min(max(room // max(len(path), 1), 1), WIDEST_WEEK)
    prices, today = [float(asked) for asked in path["price"]], float(explained.row["current_price"])
    lines = [f"Price, {explained.currency}"]
    for level in sorted({today, *prices}, reverse=True):
        steps = "".join(("━" if asked == level else " ") * wide for asked in prices)
        lines.append(f"{level:>{LABEL_WIDTH},.2f} ┤{steps}".rstrip() + ("" if level in prices else " today"))
    stock = [max(float(units), 0.0) for units in path["expected_stock"]]
    most = max(stock, default=0.0) or 1.0
    lines.append("Stock, units")
    for line in reversed(range(STOCK_LINES)):
        label = {STOCK_LINES - 1: f"{most:,.0f}", 0: "0"}.get(line, "")
        eighths = [min(max(round(8 * STOCK_LINES * units / most) - 8 * line, 0), 8) for units in stock]
        bars = "".join(EIGHTHS[part] * max(wide - 1, 1) + " " * (wide > 1) for part in eighths)
        lines.append(f"{label:>{LABEL_WIDTH}} ┤{bars}".rstrip())
    lines.append(f"{'':>{LABEL_WIDTH}} └{'─' * (wide * len(path))}")
    lines.append(f"{'':>{LABEL_WIDTH}}  {_dates_below(list(path['week']), prices, wide)}")
    return lines


def _dates_below(weeks: Sequence[date], prices: Sequence[float], wide: int) -> str:
    """The line of dates: the first week, each week with a new price and the last week, where there is room for them."""
    below = ""
    for place, week in enumerate(weeks):
        if place and prices[place] == prices[place - 1] and place < len(weeks) - 1:
            continue
        if place * wide >= len(below) + (place > 0):
            below = below.ljust(place * wide) + f"{week:%d %b}"
    return below
