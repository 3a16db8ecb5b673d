"""`markdown-pricing explain` shows one article of a round on the lake in words, in money, and week by week."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from markdown_pricing.commands.console import print_fitting, print_json, standard_output
from markdown_pricing.commands.places import named_lake, write_whole
from markdown_pricing.countries import Country, read_countries, unconfigured
from markdown_pricing.demand.step_down import GRADES
from markdown_pricing.errors import FinalError, UsageError
from markdown_pricing.files import read_reason_codes, read_rules
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import predictions_file
from markdown_pricing.lake.publish import countries_with_predictions, weeks_with_predictions
from markdown_pricing.markdown.sentences import response_in_words
from markdown_pricing.results import Results
from markdown_pricing.settings import Settings
from markdown_pricing.shown import cell, plain
from markdown_pricing.words import counted

NEAREST = 5
"""How many existing names a message offers in place of one that does not exist. Chosen to fit on a line."""
LABEL_WIDTH, STOCK_LINES, WIDEST_WEEK = 10, 5, 4
"""Columns and lines of the plot, chosen so that it fits on a screen with 80 columns."""
EIGHTHS = " ▁▂▃▄▅▆▇█"


class NothingKept(FinalError):
    def __init__(self, lake: Lake) -> None:
        super().__init__(
            f"{lake.where('markdown_predictions')} holds no priced week yet. Price one first: markdown-pricing run"
        )


class CountryNotPriced(UsageError):
    def __init__(self, country: str, week: date, countries: Sequence[str], configured: bool) -> None:
        super().__init__(
            f"{country} has no priced week on the lake. The newest week, {week}, holds {', '.join(countries)}. "
            + (f"Price it: markdown-pricing run --countries {country}" if configured else _not_configured(country))
        )


class WeekNotPriced(UsageError):
    def __init__(self, country: str, week: date, weeks: Sequence[date], configured: bool) -> None:
        near = sorted(sorted(weeks, key=lambda other: abs((other - week).days))[:NEAREST])
        super().__init__(
            f"{country} has no prices of {week} on the lake. Nearest are {', '.join(map(str, near))}. "
            + (
                f"Price it: markdown-pricing run --week {week} --countries {country}"
                if configured
                else _not_configured(country)
            )
        )


class ArticleNotPriced(UsageError):
    def __init__(self, country: str, week: date, article: str, articles: Sequence[str]) -> None:
        near = get_close_matches(article, articles, NEAREST, cutoff=0.4) or sorted(articles)[:NEAREST]
        super().__init__(
            f"{country} has no article {article} in the week of {week}. The nearest names among its "
            f"{counted(len(articles), 'article')}: {', '.join(near)}."
        )


def _not_configured(country: str) -> str:
    return (
        f"{country} is not configured, and `run` prices only what is: add its row to the countries file "
        "(MARKDOWN_PRICING_COUNTRIES) first."
    )


@dataclass(frozen=True)
class Explained:
    """One article's row and price path, with the meaning of its codes.

    path : week, price, expected_units, expected_stock; a row per week from this one to end_week
    """

    row: Mapping[str, Any]
    path: pd.DataFrame
    currency: str
    grade: str
    rule: str | None


def explain(
    settings: Settings,
    country: str,
    article: str,
    week: date | None,
    lake: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    configured = read_countries(settings.countries_file, settings.currencies_file)
    place = named_lake(lake) if lake else Lake(settings.lake_url, settings.results_key)
    of = configured.get(country) or unconfigured(country)
    explained = find(place, of, article, week, country in configured)
    if out is not None:
        from markdown_pricing.commands.plan_picture import around_plan, plan_chart  # here: matplotlib is slow to load

        around = around_plan(place, of, explained.row, read_rules(settings.rules_file))
        drawn = plan_chart(explained.path, explained.row, explained.currency, around)
        write_whole(out, lambda file: file.write_bytes(drawn))
    if as_json:
        print_json(_machine_readable(explained, out))
        return 0
    show(explained)
    if out is not None:
        print(f"The picture is in {out}.")
    return 0


def show(explained: Explained) -> None:
    """Print the article's page, as wide as the terminal."""
    for part in _page(explained, standard_output.width):
        if isinstance(part, Table):
            print_fitting(part)
        else:
            standard_output.print(part, highlight=False, markup=False, soft_wrap=not standard_output.is_terminal)


def find(lake: Lake, country: Country, article: str, week: date | None, configured: bool = True) -> Explained:
    """The article's row and price path in the round of `week`, or in the newest round when it is None.

    configured : whether `run` prices this country, so that an error may advise it

    Raises NothingKept, CountryNotPriced, WeekNotPriced and ArticleNotPriced. Each names what the lake holds instead.
    """
    newest = next(weeks_with_predictions(lake, country.code), None)
    if newest is None:
        other = next(weeks_with_predictions(lake), None)
        if other is None:
            raise NothingKept(lake)
        raise CountryNotPriced(country.code, other, countries_with_predictions(lake, other), configured)
    week = week or newest
    if week != newest and not lake.entry(predictions_file(week, country.code)):
        raise WeekNotPriced(country.code, week, list(weeks_with_predictions(lake, country.code)), configured)
    rows, path, _, _ = Results(lake, week, country.code).predictions()
    mine = rows[rows["article_id"] == article]
    if mine.empty:
        raise ArticleNotPriced(country.code, week, article, rows["article_id"].tolist())
    row: dict[str, Any] = {str(name): None if pd.isna(value) else value for name, value in mine.iloc[0].items()}
    rules = read_reason_codes().rules
    return Explained(
        row,
        path[path["article_id"] == article].sort_values("week").reset_index(drop=True),
        country.currency,
        GRADES.get(str(row["model_grade"]), "a model of its own"),
        rules.get(str(row["reason_code"])) or rules.get(str(row["exception_code"])),
    )


def _machine_readable(explained: Explained, out: Path | None) -> dict[str, Any]:
    row = {name: value.item() if hasattr(value, "item") else value for name, value in explained.row.items()}
    path = explained.path[["week", "price", "expected_units", "expected_stock"]]
    return {
        **row,
        "currency": explained.currency,
        "model_grade_means": explained.grade,
        "binding_rule": explained.rule,
        "price_path": path.to_dict("records"),
        "picture": out,
    }


def _page(explained: Explained, width: int) -> Iterator[Any]:
    row = explained.row
    yield Text(
        f"\n{row['country']} {cell(row['article_id'])}, week of {row['week']}, prices in {explained.currency}", "bold"
    )
    yield Text(plain(row["reason"]))
    if row["exception_code"]:
        yield Text(f"To look at: {row['exception_code']}", "yellow")
    yield Text(row["change_reason"] or "Nothing is known of an earlier week.")
    yield ""
    yield _money(row)
    yield ""
    yield _facts(explained)
    if row["stock"] == 0:
        return
    yield Text("\nPlan, week by week\n", "bold")
    yield _path_table(explained)
    yield ""
    yield Text("\n".join(_plot(explained, width)))


def _money(row: Mapping[str, Any]) -> Table:
    """A table that sets keeping the price, the recommended price and the old habit side by side."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for place, name in enumerate(("To the end of the season", "Keep the price", "Recommended", "Old habit")):
        table.add_column(name, justify="right" if place else "left")
    names = "_keep", "", "_habit"
    revenue = [float(row[f"expected_revenue{name}"]) for name in names]
    leftover = [float(row[f"expected_leftover{name}"]) for name in names]
    stock = row["stock"]
    table.add_row("Revenue, salvage included", *(f"{value:,.2f}" for value in revenue))
    lead = [f"{100 * (value / revenue[0] - 1):+.1f} %" if revenue[0] > 0 else "" for value in revenue]
    table.add_row("against keeping", "", *lead[1:])
    table.add_row("Left over, units", *(f"{value:,.1f}" for value in leftover))
    table.add_row(
        "Sold of today's stock", *(f"{100 * (1 - value / stock):.0f} %" if stock else "" for value in leftover)
    )
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
    table.add_row("Price response", f"30 % off sells about {response}" if response else "not known")
    table.add_row("Binding rule", explained.rule or "none")
    table.add_row("Model", f"{row['model_grade']}, {explained.grade}; {row['model_version']}")
    return table


def _path_table(explained: Explained) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for place, name in enumerate(("Week", "Price", "Off list", "Units expected", "Stock before", "")):
        table.add_column(name, justify="right" if 0 < place < 5 else "left")
    list_price, before = float(explained.row["list_price"]), float(explained.row["current_price"])
    for step in explained.path.itertuples():
        price = float(step.price)
        table.add_row(
            str(step.week),
            f"{price:,.2f}",
            f"{100 * (1 - price / list_price):.0f} %" if price < list_price else "",
            f"{step.expected_units:,.1f}",
            f"{step.expected_stock:,.1f}",
            "markdown" if price < before else "",
            style="bold" if price < before else "",
        )
        before = price
    table.add_row("left over", "", "", "", f"{explained.row['expected_leftover']:,.1f}", "", style="dim")
    return table


def _plot(explained: Explained, width: int) -> list[str]:
    """The lines of a plot: price steps above, the stock at the start of each week below, weeks to the right.

    Where the screen is too narrow, only every n-th week is drawn.
    """
    room = max(width - LABEL_WIDTH - 3, 10)
    path = explained.path.iloc[:: -(-len(explained.path) // room)]
    wide = min(max(room // max(len(path), 1), 1), WIDEST_WEEK)
    prices, today = [float(price) for price in path["price"]], float(explained.row["current_price"])
    lines = [f"Price, {explained.currency}"]
    for level in sorted({today, *prices}, reverse=True):
        steps = "".join(("━" if price == level else " ") * wide for price in prices)
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
