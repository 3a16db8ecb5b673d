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
class Played:
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
    def from_bytes(cls, data: bytes) -> "Played":
        """Raises ValueError, TypeError, KeyError or AttributeError for what `to_bytes` has not made."""
        content = json.loads(data)
        weeks = {date.fromisoformat(week): countries for week, countries in content["asked"].items()}
        first = date.fromisoformat(content["first_week"])
        return cls(int(content["seed"]), first, dict(content["articles"]), weeks)

    def after(self, week: date, asked: Mapping[str, Mapping[str, int]]) -> "Played":
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


def read_played(lake: Lake, week: date) -> Played:
    """What the sample of `week` is made again from. Raises NotASample, and the errors of the lake."""
    try:
        with lake.reading(f"{snapshot_folder(week)}/{PLAYED}") as file:
            data = file.read()
    except FileMissing as error:
        raise NotASample(lake, week, f"{PLAYED} is not there, which only samples of the made-up market have") from error
    try:
        return Played.from_bytes(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotASample(lake, week, f"{PLAYED} cannot be read") from error


def ids_on_sale(market: Market) -> list[str]:
    """The article_id of each article on sale, in the order of `on_sale`."""
    return [article_id(number) for number in market.articles.number[market.on_sale]]
