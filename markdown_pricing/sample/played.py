"""What a sample was made from, kept beside its delivery, so that its market can be made again and played on.

These are the seed, the first week, the number of articles and every price that was asked since. The file's name begins
with an underscore, so that no reader takes it for data.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from markdown_pricing.countries import Country
from markdown_pricing.errors import UsageError
from markdown_pricing.lake.errors import FileMissing
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import snapshot_folder
from markdown_pricing.sample.market import Market, article_id
from markdown_pricing.sample.season import sample_market
from markdown_pricing.weeks import ONE_WEEK

PLAYED = "_sample.json"
"""The file beside the countries' folders of a sample's delivery."""
CENTS = 100


class NotASample(UsageError):
    def __init__(self, lake: Lake, week: date, why: str) -> None:
        super().__init__(
            f"{lake.url} has no next week to play, because its delivery of {week} is not as `markdown-pricing sample` "
            f"makes it: {why}. Make a sample in another folder: markdown-pricing sample --lake FOLDER"
        )


@dataclass(frozen=True)
class SampleRecord:
    """What the markets of a sample are made again from.

    first_week : the week that `sample` delivered ; articles : how many each country had on sale
    asked      : by week and country the price in cents by article_id at which the week was sold
    """

    seed: int
    first_week: date
    articles: Mapping[str, int]
    asked: Mapping[date, Mapping[str, Mapping[str, int]]]

    def to_bytes(self) -> bytes:
        weeks = {str(week): countries for week, countries in self.asked.items()}
        content = {"seed": self.seed, "first_week": str(self.first_week), "articles": self.articles, "asked": weeks}
        return json.dumps(content).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "SampleRecord":
        """Raises ValueError, TypeError, KeyError or AttributeError for what `to_bytes` has not made."""
        content = json.loads(data)
        weeks = {
            date.fromisoformat(week): {code: _whole_numbers(prices) for code, prices in countries.items()}
            for week, countries in content["asked"].items()
        }
        first, articles = date.fromisoformat(content["first_week"]), _whole_numbers(content["articles"])
        played = cls(_whole(content["seed"], least=0), first, articles, weeks)
        if not articles or any(countries.keys() != articles.keys() for countries in weeks.values()):
            raise ValueError("not every week has the prices of each country")
        if sorted(weeks) != [first + ahead * ONE_WEEK for ahead in range(len(weeks))]:
            raise ValueError("its weeks do not follow one another")
        return played

    @property
    def week(self) -> date:
        """The week whose sales are to come."""
        return self.first_week + len(self.asked) * ONE_WEEK

    def after(self, week: date, asked: Mapping[str, Mapping[str, int]]) -> "SampleRecord":
        """The same with the prices at which `week` was sold, by country."""
        return replace(self, asked={**self.asked, week: asked})

    def market(self, country: Country) -> Market:
        """The market of a country before the sales of the week after the last one that was sold."""
        ahead = len(self.asked) + 1
        market = sample_market(country, self.first_week, self.articles[country.code], self.seed, ahead)
        for week in sorted(self.asked):
            cents = self.asked[week][country.code]
            ids = ids_on_sale(market)
            market, _ = market.sell(np.array([cents[article] for article in ids], float) / CENTS)
        return market


def _whole_numbers(numbers: Mapping[str, object]) -> dict[str, int]:
    """Raises AttributeError for what is no mapping, and as `_whole`."""
    return {name: _whole(number, least=1) for name, number in numbers.items()}


def _whole(number: object, least: int) -> int:
    """Raises ValueError for what is no whole number from `least` on."""
    if type(number) is not int or number < least:
        raise ValueError(f"{number!r} is no whole number from {least} on")
    return number


def read_played(lake: Lake, week: date) -> SampleRecord:
    """What the sample of `week` is made again from. Raises NotASample, and the errors of the lake."""
    try:
        with lake.reading(f"{snapshot_folder(week)}/{PLAYED}") as file:
            data = file.read()
    except FileMissing as error:
        raise NotASample(lake, week, f"{PLAYED} is not there, which only samples of the made-up market have") from error
    try:
        played = SampleRecord.from_bytes(data)
        ahead = played.week
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise NotASample(lake, week, f"{PLAYED} cannot be read") from error
    if ahead != week:
        raise NotASample(lake, week, f"{PLAYED} tells of the market before the sales of {ahead}")
    return played


def ids_on_sale(market: Market) -> list[str]:
    """The article_id of each article on sale, in the order of `on_sale`."""
    return [article_id(number) for number in market.articles.number[market.on_sale]]
