"""The same article in several countries: where what is recommended differs widely, for people to judge."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import pandas as pd

from markdown_pricing.errors import FinalError
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import countries_with_predictions
from markdown_pricing.markdown.apart import (
    COMPARED_COLUMNS,
    POINTS_APART,
    Apart,
    in_several_countries,
    line_of,
    widely_apart,
)
from markdown_pricing.texts.words import counted

MOST_LISTED = 10
"""So many articles are listed, and the others counted; chosen on 2026-11-27 so that a message can be read."""


@dataclass(frozen=True)
class AcrossCountries:
    """How one week's recommendations for the same articles compare.

    articles : how many are on sale in several countries ; apart : of how many of them the prices differ widely
    lines    : of those that differ most ; unread : countries that were not compared
    """

    articles: int
    apart: int
    lines: Sequence[str]
    unread: Sequence[str]

    @property
    def text(self) -> str:
        """The comparison in sentences for people, a line for each article."""
        text_lines = [
            f"The advice for {self.apart:,} of {counted(self.articles, 'article')} differs widely between countries"
        ]
        text_lines[0] += f", by {POINTS_APART:.0f} points or more{':' if self.lines else '.'}"
        text_lines += [f"- {line}" for line in self.lines]
        if (more := self.apart - len(self.lines)) > 0:
            text_lines.append(f"and {more:,} more.")
        if self.unread:
            text_lines.append(f"Not compared: {', '.join(self.unread)}.")
        return "\n".join(text_lines)


def compare_countries(
    lake: Lake, week: date, within_s: float = math.inf, clock: Callable[[], float] = time.monotonic
) -> AcrossCountries:
    """Compare the recommendations of all countries that have predictions of that week.

    within_s : no further country is read when so many seconds are over, for its rows or for what its menu says
    Raises a TransientError when the lake does not answer.
    """
    until = clock() + within_s
    rows, unread = [], []
    for country in countries_with_predictions(lake, week):
        if clock() > until:
            unread.append(country)
            continue
        try:
            rows.append(Results(lake, week, country).recommendations.rows().reindex(columns=COMPARED_COLUMNS))
        except FinalError:  # it is gone or changed, or of a version that kept something else
            unread.append(country)
    nothing = pd.DataFrame(columns=COMPARED_COLUMNS)
    shared = in_several_countries(pd.concat(rows, ignore_index=True)) if rows else nothing
    apart = widely_apart(shared)

    menus = _menus(lake, week, apart[:MOST_LISTED], lambda: clock() > until)
    lines = [
        line_of(one, *(menus[recommended.country, one.article_id] for recommended in (one.least, one.most)))
        for one in apart[:MOST_LISTED]
    ]
    return AcrossCountries(shared["article_id"].nunique(), len(apart), lines, unread)


def _menus(
    lake: Lake, week: date, listed: Sequence[Apart], is_over: Callable[[], bool]
) -> dict[tuple[str, str], pd.DataFrame]:
    """The menu of each listed article in both of its countries, each of which is read once.

    A menu is empty when it cannot be read, or when the time is over before its turn comes.
    """
    wanted: dict[str, set[str]] = defaultdict(set)
    for one in listed:
        for recommended in (one.least, one.most):
            wanted[recommended.country].add(one.article_id)
    menus: dict[tuple[str, str], pd.DataFrame] = {}
    for country, articles in wanted.items():
        options = pd.DataFrame(columns=["article_id"])
        if not is_over():
            with suppress(FinalError):
                options = Results(lake, week, country).recommendations.options()
        menus |= {(country, article_id): options[options["article_id"] == article_id] for article_id in articles}
    return menus
