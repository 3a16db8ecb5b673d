"""`markdown-pricing explain` shows one article of a round on the lake in words, in money, and week by week."""

from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from markdown_pricing.commands.around import around_plan
from markdown_pricing.commands.article_page import Explained, page
from markdown_pricing.commands.console import print_fitting, print_json, standard_output
from markdown_pricing.commands.places import named_lake, write_whole
from markdown_pricing.countries import Country, unconfigured
from markdown_pricing.demand.step_down import GRADES
from markdown_pricing.errors import FinalError, UsageError
from markdown_pricing.installation.files import read_reason_codes
from markdown_pricing.installation.from_settings import countries_of, lake_of, rules_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import predictions_file
from markdown_pricing.lake.publish import countries_with_predictions, weeks_with_predictions
from markdown_pricing.texts.words import counted

NEAREST = 5
"""How many existing names a message offers in place of one that does not exist. Chosen to fit on a line."""


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


def explain(
    settings: Settings,
    country: str,
    article: str,
    week: date | None,
    lake: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Show an article's page and, with `out`, draw its plan; the parameters are the options of the command.

    returns the exit code; raises an error that names what is missing: the week, the country or the article
    """
    configured = countries_of(settings)
    place = named_lake(settings, lake) if lake else lake_of(settings)
    of = configured.get(country) or unconfigured(country)
    week = week_to_explain(place, country, week, country in configured)
    if country in configured:
        of = configured.in_week(country, week)
    explained = find(place, of, article, week)
    book = rules_of(settings) if out is not None else None  # only a picture shows the courses
    around = around_plan(place, of, explained.row, explained.path, explained.origin, book)
    if out is not None:
        from markdown_pricing.commands.plan_picture import plan_chart  # here: matplotlib is slow to load

        drawn = plan_chart(explained.path, explained.row, explained.menu, explained.currency, around)
        write_whole(out, lambda file: file.write_bytes(drawn))
    if as_json:
        print_json(_machine_readable(explained, around.past, out))
        return 0
    show_article(explained, around.past)
    if out is not None:
        print(f"The picture is in {out}.")
    return 0


def show_article(explained: Explained, past: pd.DataFrame) -> None:
    """Print the article's page, as wide as the terminal; `past` is that of `Around`."""
    for part in page(explained, past, standard_output.width):
        if isinstance(part, Table):
            print_fitting(part)
        else:
            standard_output.print(part, highlight=False, markup=False, soft_wrap=not standard_output.is_terminal)


def week_to_explain(lake: Lake, country: str, week: date | None, configured: bool) -> date:
    """The week to look at: `week`, or that of the newest round when it is None.

    configured : whether `run` prices this country, so that an error may advise it

    Raises NothingKept, CountryNotPriced and WeekNotPriced. Each names what the lake holds instead.
    """
    newest = next(weeks_with_predictions(lake, country), None)
    if newest is None:
        other = next(weeks_with_predictions(lake), None)
        if other is None:
            raise NothingKept(lake)
        raise CountryNotPriced(country, other, countries_with_predictions(lake, other), configured)
    week = week or newest
    if week != newest and not lake.entry(predictions_file(week, country)):
        raise WeekNotPriced(country, week, list(weeks_with_predictions(lake, country)), configured)
    return week


def find(lake: Lake, country: Country, article: str, week: date) -> Explained:
    """The article's row and price path in the round of `week`.

    country : as it is in that week

    Raises ArticleNotPriced, which names articles with such an id.
    """
    kept, origin = Results(lake, week, country.code).recommendations.read()
    mine, path, options = (each[each["article_id"] == article] for each in (kept.rows, kept.price_path, kept.options))
    if mine.empty:
        raise ArticleNotPriced(country.code, week, article, kept.rows["article_id"].tolist())
    row: dict[str, Any] = {str(name): None if pd.isna(value) else value for name, value in mine.iloc[0].items()}
    rules = read_reason_codes().rules
    return Explained(
        row,
        path.sort_values("week").reset_index(drop=True),
        options.sort_values("step").reset_index(drop=True),
        origin,
        country.currency,
        GRADES.get(str(row["model_grade"]), "a model of its own"),
        rules.get(str(row["reason_code"])) or rules.get(str(row["exception_code"])),
    )


def _machine_readable(explained: Explained, past: pd.DataFrame, out: Path | None) -> dict[str, Any]:
    row = {name: value.item() if isinstance(value, np.generic) else value for name, value in explained.row.items()}
    path = explained.path[["week", "price", "expected_units", "expected_stock"]]
    menu = explained.menu.drop(columns=["country", "article_id", "week", "run_id"]).astype(object)
    return {
        **row,
        "currency": explained.currency,
        "model_grade_means": explained.grade,
        "binding_rule": explained.rule,
        "options": menu.where(menu.notna(), None).to_dict("records"),
        "past_weeks": past.to_dict("records"),
        "price_path": path.to_dict("records"),
        "picture": out,
    }
