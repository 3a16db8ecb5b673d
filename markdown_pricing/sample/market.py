"""A country's market, whose true demand is played forward week by week at the prices that a policy asks.

units sold = min(demand, stock)
demand ~ negative binomial with mean interest(age, calendar) · weather · advert · response(price) · shelf(stock)
response: that of the demand family, to the price and to the price that customers are used to
In other worlds than the plain one (`world.py`) the markdowns of a category take a part of each other's demand, weather
stays for weeks, or customers stockpile.

>>> from datetime import date
>>> from markdown_pricing.sample.season import sample_market
>>> market = sample_market(Country("MLT"), date(2026, 2, 9), articles=4, weeks_ahead=1)
>>> prices = market.price[market.on_sale] / 100  # one for each article on sale, in the table's order
>>> later, sales = market.sell(prices)           # the same market one week later
>>> later.week - market.week
1
"""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.countries import Country
from markdown_pricing.sample.articles import BROKEN_ASSORTMENT, COLOURS, FABRICS, Articles
from markdown_pricing.sample.categories import CATEGORIES
from markdown_pricing.sample.dice import gamma_quantile, normal, poisson_quantile, uniform
from markdown_pricing.sample.families import CONSTANT_ELASTICITY, DemandFamily
from markdown_pricing.sample.seasonality import day_of_year, mondays_of
from markdown_pricing.sample.substitution import kept_from_neighbours
from markdown_pricing.sample.world import PLAIN, World

WEEKS_IN_SNAPSHOT = 104
"""Two years of weeks, the snapshot week included, as the contract has it."""

RETURN_RATE = 0.04
"""The share of sold units that come back. Made up, as are the numbers below."""

ADVERT_SHARE, ADVERT_EFFECT = 0.06, 1.3
"""The share of an article's weeks with an advert, and what an advert multiplies demand by."""

WEATHER_SD = 0.12
"""The standard deviation of the weather's effect on the log of demand."""

WEATHER_WEEKS = 26
"""Weather that stays is remembered for so many weeks: with a correlation of 0.8 a week 0.3 % of it is left then."""

MISSING_SHARE = 0.01
"""The share of an article's weeks that never reached the lake."""

SCHEMA = pa.schema(
    [
        ("article_id", pa.string()),
        ("week", pa.date32()),
        ("category", pa.string()),
        ("season", pa.string()),
        ("launch_week", pa.date32()),
        ("end_week", pa.date32()),
        ("list_price", pa.float64()),
        ("price", pa.float64()),
        ("units", pa.int32()),
        ("stock", pa.int32()),
        ("stores", pa.int32()),
        ("salvage_price", pa.float64()),
        ("attr_colour", pa.string()),
        ("attr_fabric", pa.string()),
        ("attr_promo", pa.float64()),
    ]
)

Numbers = TypeVar("Numbers", IntArray, FloatArray)


@dataclass(frozen=True)
class SoldWeek:
    """The sales of one week, in arrays of shape (articles on sale,).

    rows : the articles' places among the market's articles
    """

    week: int
    rows: IntArray
    price: IntArray
    units: IntArray
    stock: IntArray
    salvaged: IntArray
    """Units left over by the articles whose last selling week this was."""


@dataclass(frozen=True)
class Market:
    """One country before the sales of `week`. Its arrays have a row per article, past and future.

    price : whole cents, valid now
    reference : the price that customers are used to, in cents; it follows the price as the family says
    markdowns, last_markdown : how many markdowns there were, and the week number of the latest (-1 before the first)
    luck : the key of the demand noise to come; the same luck gives paired noise under any policy
    world : what there is beside the family of demand
    """

    country: Country
    week: int
    articles: Articles
    price: IntArray
    reference: FloatArray
    stock: IntArray
    markdowns: IntArray
    last_markdown: IntArray
    seed: int
    luck: int
    family: DemandFamily = CONSTANT_ELASTICITY
    sold: tuple[SoldWeek, ...] = ()
    world: World = PLAIN

    @classmethod
    def opening(
        cls,
        country: Country,
        week: int,
        articles: Articles,
        seed: int,
        family: DemandFamily = CONSTANT_ELASTICITY,
        world: World = PLAIN,
    ) -> "Market":
        """A market that has sold nothing yet. Articles launched before `week` never come on sale in it."""
        none = np.zeros(len(articles), np.int64)
        stock = np.where(articles.launch >= week, articles.bought, 0)
        price = articles.price_list
        reference, before = price.astype(float), none - 1
        return cls(country, week, articles, price, reference, stock, none, before, seed, seed, family, (), world)

    @property
    def on_sale(self) -> IntArray:
        """The rows of the articles in the snapshot, (on sale,), by article_id. A few may be past their end."""
        return np.flatnonzero((self.articles.launch <= self.week) & (self.week <= self.articles.listed_until))

    def expected_units(
        self, rows: IntArray, week: int, price: FloatArray | IntArray, stock: FloatArray | IntArray
    ) -> FloatArray:
        """The true mean demand of `week`, net of returns and not limited by the stock.

        rows         : (articles,)
        week         : week number, not before the market's
        price, stock : cents and units, (articles,) or (articles, rungs)
        returns the shape to which price and stock broadcast

        Customers are used to the price as if it were asked from the market's week on, and nobody is lost to neighbours.
        """
        chosen = self.articles.take(rows)
        list_price, asked = chosen.price_list[:, None], _by_rung(price)
        reference = self.family.reference(asked, self.reference[rows, None], week - self.week)
        level = chosen.interest(self.country.code, np.array([week])) * self._surroundings(rows, week)[:, None]
        response = self.family.response(asked / list_price, reference / list_price, chosen.elasticity[:, None])
        shelf = share_finding_size(_by_rung(stock), chosen.stores[:, None])
        on_sale = (week <= chosen.end)[:, None]
        mean: FloatArray = (1 - RETURN_RATE) * on_sale * level * response * shelf
        return mean if max(np.ndim(price), np.ndim(stock)) > 1 else mean[:, 0]

    def sell(self, prices: FloatArray) -> tuple["Market", SoldWeek]:
        """Sell a week at `prices`, (articles on sale,) in local currency; returns the next week's market, and sales."""
        rows = self.on_sale
        price = np.round(np.asarray(prices, float) * 100).astype(np.int64)
        units = self._net_units(rows, self._beside_neighbours(rows, price))
        left = self.stock[rows] - units
        over = self.articles.end[rows] == self.week
        sales = SoldWeek(self.week, rows, price, units, self.stock[rows], np.where(over, left, 0))
        fell = price < self.price[rows]
        return replace(
            self,
            week=self.week + 1,
            price=_put(self.price, rows, price),
            reference=_put(self.reference, rows, self.family.reference(price.astype(float), self.reference[rows], 1)),
            stock=_put(self.stock, rows, left),
            markdowns=_put(self.markdowns, rows, self.markdowns[rows] + fell),
            last_markdown=_put(self.last_markdown, rows, np.where(fell, self.week, self.last_markdown[rows])),
            sold=(*self.sold, sales),
        ), sales

    def _beside_neighbours(self, rows: IntArray, price: IntArray) -> FloatArray:
        """The true mean demand of this week, less what the markdowns of neighbours take of it, (articles,)."""
        stock = self.stock[rows]
        mean = self.expected_units(rows, self.week, price, stock)
        if not self.world.substitution:
            return mean
        at_list_price = self.expected_units(rows, self.week, self.articles.price_list[rows], stock)
        return mean * kept_from_neighbours(self.articles.category[rows], mean, at_list_price, self.world.substitution)

    def revenue(self, sales: SoldWeek) -> float:
        """The week's revenue and the salvage of what was left at its end, in local currency."""
        return float((sales.units * sales.price + sales.salvaged * self.articles.salvage[sales.rows]).sum() / 100)

    def recent_units(self, weeks: int) -> FloatArray:
        """Mean weekly units over the last weeks on sale, (articles,); NaN where there were none."""
        units, times = np.zeros(len(self.articles)), np.zeros(len(self.articles))
        for sales in self.sold[-weeks:]:
            units[sales.rows] += sales.units
            times[sales.rows] += 1
        return np.where(times > 0, units / np.maximum(times, 1), np.nan)

    def table(self) -> pa.Table:
        """The market in the contract's form: its history, and the snapshot of `week` with units NULL."""
        now = self.on_sale
        nothing = np.zeros_like(now)
        unsold = SoldWeek(self.week, now, self.price[now], nothing, self.stock[now], nothing)
        weeks = [*(sales for sales in self.sold if sales.week > self.week - WEEKS_IN_SNAPSHOT), unsold]
        week = np.repeat([sales.week for sales in weeks], [len(sales.rows) for sales in weeks])
        rows = np.concatenate([sales.rows for sales in weeks])
        price = np.concatenate([sales.price for sales in weeks])
        units = np.concatenate([sales.units for sales in weeks])
        stock = np.concatenate([sales.stock for sales in weeks])
        kept = self._reached_the_lake(rows, week)
        return self._as_table(rows[kept], week[kept], price[kept], units[kept], stock[kept])

    def _surroundings(self, rows: IntArray, week: int) -> FloatArray:
        """The effect of adverts and of the weather, which is one for a category in a country, (articles,)."""
        advert, before = (self._adverts(self.articles.number[rows], np.array(each)) for each in (week, week - 1))
        in_cupboards = self.world.stockpiled * (ADVERT_EFFECT - 1) * before
        weather = self._weather(self.articles.category[rows], week)
        return np.asarray(np.exp(WEATHER_SD * weather) * ADVERT_EFFECT**advert * (1 - in_cupboards), float)

    def _weather(self, category: IntArray, week: int) -> FloatArray:
        """The weather of each category in a week, (articles,), with mean 0 and variance 1."""
        memory = self.world.weather_memory
        fresh = (
            memory**ago * normal(self.seed, "weather", self.country.code, category, week - ago)
            for ago in range(WEATHER_WEEKS if memory else 1)
        )
        weather: FloatArray = np.sqrt(1 - memory**2) * sum(fresh)
        return weather

    def _adverts(self, number: IntArray, week: IntArray) -> FloatArray:
        return np.asarray(uniform(self.seed, "advert", self.country.code, number, week) < ADVERT_SHARE, float)

    def _net_units(self, rows: IntArray, mean: FloatArray) -> IntArray:
        """Sales less returns, (articles,). What comes back is sold again in that week, so the stock bounds the net."""

        def luck(what: str) -> FloatArray:
            return uniform(self.luck, what, self.country.code, self.articles.number[rows], self.week)

        gross = mean / (1 - RETURN_RATE)
        demand = poisson_quantile(
            luck("customers"), gross * gamma_quantile(luck("mood"), self.articles.dispersion[rows])
        )
        returned = poisson_quantile(luck("returns"), gross * RETURN_RATE)
        stock = self.stock[rows]
        on_shelf = (stock > 0) & (mean > 0)
        return np.where(on_shelf, np.minimum(demand - returned, stock), 0)

    def _reached_the_lake(self, rows: IntArray, week: IntArray) -> BoolArray:
        number = self.articles.number[rows]
        missing = uniform(self.seed, "missing", self.country.code, number, week) < MISSING_SHARE
        first = week == self.articles.launch[rows]
        return np.asarray((week == self.week) | ((week <= self.articles.end[rows]) & (first | ~missing)))

    def _as_table(self, rows: IntArray, week: IntArray, price: IntArray, units: IntArray, stock: IntArray) -> pa.Table:
        chosen = self.articles.take(rows)
        ids = np.array([article_id(number) for number in self.articles.number], object)
        seasons = np.array([season_of(launch) for launch in self.articles.launch], object)
        columns = [
            ids[rows],
            mondays_of(week),
            np.array([category.name for category in CATEGORIES], object)[chosen.category],
            seasons[rows],
            mondays_of(chosen.launch),
            mondays_of(chosen.end),
            chosen.price_list / 100,
            price / 100,
            pa.array(units, pa.int32(), mask=week == self.week),
            stock,
            stores_with_stock(stock, chosen.stores),
            chosen.salvage / 100,
            np.array([*COLOURS], object)[chosen.colour],
            np.array([*FABRICS], object)[chosen.fabric],
            self._adverts(chosen.number, week),
        ]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=SCHEMA).sort_by([("article_id", "ascending"), ("week", "ascending")])


def share_finding_size(stock: FloatArray, stores: IntArray) -> FloatArray:
    """The share of customers who find their size; 0 without stock. The arguments' shapes broadcast."""
    return np.asarray(1 - np.exp(-BROKEN_ASSORTMENT * stock / stores), float)


def stores_with_stock(stock: IntArray, stores: IntArray) -> IntArray:
    """How many stores still have a unit when the stock is spread at random; 0 when sold out. The shapes broadcast."""
    reached = np.ceil(stores * (1 - np.exp(-1.5 * stock / stores)))
    return np.where(stock > 0, np.minimum(reached, stock), 0).astype(np.int64)


def article_id(number: int) -> str:
    """The id of an article. Ids have one length, so that they sort as the numbers do, up to 9,000 articles on sale."""
    return str(1_000_000 + number)


def season_of(launch: int) -> str:
    """The spring/summer or autumn/winter collection of an article, by the day of its launch.

    >>> season_of(0)
    'AW89'
    """
    day, year = int(day_of_year(np.array(launch))), int(str(mondays_of(np.array(launch)))[:4])
    if 45 <= day < 210:
        return f"SS{year % 100:02}"
    return f"AW{(year if day >= 210 else year - 1) % 100:02}"


def _by_rung(values: FloatArray | IntArray) -> FloatArray:
    """Values of shape (articles,) as (articles, 1); others as they are."""
    by_rung = np.asarray(values, float)
    return by_rung[:, None] if by_rung.ndim == 1 else by_rung


def _put(values: Numbers, rows: IntArray, new: Numbers) -> Numbers:
    changed = values.copy()
    changed[rows] = new
    return changed
