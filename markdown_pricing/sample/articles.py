"""The articles that the chain sells, and how many units of each a country bought.

The range is a set of lanes. In each lane one article follows another: it is launched, stays for its 12 to 30 weeks,
and the next one takes its place. A country that carries N lanes has N articles on sale in every week. An
article's category, life, colour, fabric and quality are those of the chain, the same in every country.

Numbers that name no source, those inside the formulas too, are made up (2026-11-23): they give a plausible chain.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray, rows_of
from markdown_pricing.countries import Country, PriceEnding
from markdown_pricing.markdown.ladder import round_to_ending
from markdown_pricing.sample.categories import CATEGORIES, category_values
from markdown_pricing.sample.dice import integer, normal, uniform
from markdown_pricing.sample.seasonality import age_curve, day_of_year, holidays, season_curve

LONGEST_LIFE_WEEKS = 30
ARTICLES_PER_LANE = 1000
"""How many numbers are reserved for the articles of one lane."""

OVERBUYING = 2.05
"""The buyer buys so many times the units that he expects to sell at list price, because an empty shelf is blamed on him
and a full one is not. Chosen on seeds 0 to 4 (docs/adr/0015)."""

HIDDEN_QUALITY_SD, LOCAL_QUALITY_SD = 0.75, 0.30
"""How far articles differ in the log of their demand, in all countries and in one."""
BUYER_SEES = 0.15
"""The share of an article's hidden quality that the buyer foresees."""

BUYER_ERROR_SD = 0.25
DECAY_OVER_LIFE = 1.8
"""By how much the log of the interest in an article falls from its peak to its end."""

ELASTICITY_RANGE = (1.1, 5.0)
"""Articles' elasticities are cut to this range."""

BROKEN_ASSORTMENT = 0.8
"""With s units per store the share 1 − exp(−0.8·s) of the customers find their size, and the others leave. Made up.

The model's shelf effect (`shelf` in demand/terms.py) was set by looking at this curve; docs/pricing.md names the
figures that this flatters.
"""


COLOURS = {"black": 0.25, "white": 0.10, "blue": 0.10, "grey": 0.0, "red": -0.05, "green": -0.15, "yellow": -0.30}
FABRICS = {"cotton": 0.10, "wool": 0.10, "viscose": 0.0, "linen": -0.05, "polyester": -0.15}

# Sales of a country relative to Germany's 100. They are made up. A country that is not named here has SIZE_OF_OTHERS.
SIZES = {
    "DEU": 100, "POL": 48, "FRA": 44, "ITA": 38, "ESP": 31, "NLD": 26, "AUT": 24, "CZE": 20, "CHE": 18, "BEL": 16,
    "ROU": 14, "HUN": 13, "SWE": 12, "DNK": 11, "PRT": 10, "GRC": 9, "TUR": 9, "RUS": 9, "UKR": 8, "HRV": 7.5,
    "SVK": 7, "BGR": 6.5, "SRB": 6, "FIN": 5.5, "NOR": 5, "IRL": 5, "SVN": 4.5, "LTU": 4, "KAZ": 4, "ARE": 4,
    "BLR": 3.5, "LVA": 3, "EST": 2.8, "BIH": 2.6, "ALB": 2.4, "GEO": 2.2, "MKD": 2, "AZE": 2, "MDA": 1.8, "ARM": 1.6,
    "LUX": 1.6, "XKX": 1.4, "MNE": 1.2, "CYP": 1.2, "MLT": 1,
}  # fmt: skip
SIZE_OF_OTHERS = 3.0
STORES_AT_SIZE_1 = 4

# What one euro's worth of clothes costs in the local currency, roughly. It is 1 for a currency that is not named.
PRICE_LEVELS = {
    "EUR": 1, "PLN": 4.3, "CZK": 25, "HUF": 400, "RON": 5, "RSD": 117, "BAM": 2, "MKD": 61, "ALL": 100, "CHF": 1.1,
    "DKK": 7.5, "SEK": 11.3, "NOK": 11.7, "UAH": 45, "MDL": 19.5, "RUB": 95, "BYN": 3.5, "KZT": 520, "GEL": 3,
    "AMD": 425, "AZN": 1.85, "TRY": 45, "AED": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Articles:
    """The truth about the articles of one country. Every field has the shape (articles,).

    launch, end : first and last selling week, as week numbers
    listed_until : last week in which the article is in the snapshot, for some a week past their end
    price_list, salvage : whole cents of the local currency
    level : weekly units at list price, at the peak of interest, with full shelves
    """

    number: IntArray
    category: IntArray
    launch: IntArray
    end: IntArray
    listed_until: IntArray
    colour: IntArray
    fabric: IntArray
    price_list: IntArray
    salvage: IntArray
    stores: IntArray
    bought: IntArray
    level: FloatArray
    decay: FloatArray
    elasticity: FloatArray
    dispersion: FloatArray

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: IntArray) -> "Articles":
        """The articles in these rows, (rows,)."""
        return rows_of(self, rows)

    def interest(self, country: str, week: IntArray) -> FloatArray:
        """Weekly units at list price with full shelves, before weather and adverts.

        week : week numbers, shape (weeks,) or (articles, weeks)
        returns (articles, weeks)
        """
        peak_day = category_values(lambda each: each.peak_day)[self.category, None]
        strength = category_values(lambda each: each.season_strength)[self.category, None]
        age_effect = age_curve(week - self.launch[:, None], self.decay[:, None])
        units: FloatArray = (
            self.level[:, None] * age_effect * season_curve(week, peak_day, strength) * holidays(country, week)
        )
        return units


def size_of(country: str) -> float:
    """The sales of a country relative to Germany's 100."""
    return SIZES.get(country, SIZE_OF_OTHERS)


def usual_articles(country: str) -> int:
    """How many articles a country of that size has on sale. Made up, so that Germany has 164 and Malta 20."""
    return round(4 + 16 * math.sqrt(size_of(country)))


def articles_of(country: Country, lanes: int, first: int, last: int, seed: int) -> Articles:
    """The articles of a country's lanes that are listed in any week from `first` to `last`, ordered by number."""
    lag = int(integer(0, 3, seed, "lag", country.code)[()])  # a launch reaches the countries 0 to 3 weeks apart
    number, category, launch, end, gap = _schedule(lanes, first - lag, last - lag, seed)
    launch, end = launch + lag, end + lag

    colour = _choice("colour", np.array([3.0, 2, 2, 1.5, 1, 1, 0.7]), seed, number)
    fabric = _choice("fabric", np.array([3.0, 1, 2, 1, 2]), seed, number)
    looks = np.array([*COLOURS.values()])[colour] + np.array([*FABRICS.values()])[fabric]
    hidden = HIDDEN_QUALITY_SD * normal(seed, "quality", number)
    local = LOCAL_QUALITY_SD * normal(seed, "local quality", country.code, number)
    taste = 0.20 * normal(seed, "taste", country.code, category)
    price_level = PRICE_LEVELS.get(country.currency, 1.0) * np.exp(0.06 * normal(seed, "prices", country.code))
    dearness = 0.35 * normal(seed, "dearness", number)
    price_list_eur = category_values(lambda each: each.list_price_eur)[category] * np.exp(dearness)
    price_list = round_to_ending(np.rint(100 * price_list_eur * price_level), country.price_endings)
    all_stores = max(STORES_AT_SIZE_1 * size_of(country.code), 3)
    stores = np.maximum(np.round(all_stores * (0.45 + 0.55 * uniform(seed, "stores", number))), 2).astype(np.int64)
    rate = category_values(lambda each: each.units_per_store)[category] * np.exp(taste - 0.5 * dearness)
    life = end - launch + 1
    decay = np.exp(0.3 * normal(seed, "decay", number)) * DECAY_OVER_LIFE / life
    elasticity = category_values(lambda each: each.elasticity)[category] * np.exp(
        0.05 * normal(seed, "sensitivity", country.code)
    ) + 0.15 * normal(seed, "elasticity", number)
    dispersion = category_values(lambda each: each.dispersion)[category] * np.exp(
        0.2 * normal(seed, "dispersion", number)
    )
    truth = Articles(
        number, category, launch, end, end + gap, colour, fabric, price_list,
        salvage=_salvage(price_list, country.price_endings, uniform(seed, "salvage", number)),
        stores=stores, bought=np.zeros_like(number),
        level=stores * rate * np.exp(looks + hidden + local),
        decay=decay, elasticity=np.clip(elasticity, *ELASTICITY_RANGE), dispersion=dispersion,
    )  # fmt: skip
    guess = (
        stores
        * rate
        * np.exp(looks + BUYER_SEES * hidden + BUYER_ERROR_SD * normal(seed, "guess", country.code, number))
    )
    return _with_stock(truth, country.code, guess * OVERBUYING)


def _schedule(lanes: int, first: int, last: int, seed: int) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
    """Number, category, launch, end and idle weeks after the end, of the articles that are listed between two weeks."""
    lane = np.arange(lanes)
    shortest, longest = (np.array([category.life_weeks[i] for category in CATEGORIES]) for i in (0, 1))
    launch = -integer(0, LONGEST_LIFE_WEEKS - 1, seed, "start", lane)
    place, listed = 0, []
    while launch.min() <= last:
        number = lane * ARTICLES_PER_LANE + place
        category = _category_for(launch, seed, number)
        life = integer(shortest[category], longest[category], seed, "life", number)
        gap = (uniform(seed, "gap", number) < 0.12).astype(np.int64)
        end = launch + life - 1
        seen = (end + gap >= first) & (launch <= last)
        listed.append(np.stack([number, category, launch, end, gap])[:, seen])
        launch, place = end + gap + 1, place + 1
    all_listed = np.concatenate(listed, axis=1)
    number, category, launch, end, gap = all_listed[:, np.argsort(all_listed[0])]
    return number, category, launch, end, gap


def _category_for(launch: IntArray, seed: int, number: IntArray) -> IntArray:
    """The category of each article, by the season eight weeks later: knitwear is launched before winter."""
    wave = np.cos(
        2 * np.pi * (day_of_year(launch)[:, None] + 56 - category_values(lambda each: each.peak_day)) / 365.25
    )
    weights = category_values(lambda each: each.share) * np.exp(
        2.5 * category_values(lambda each: each.season_strength) * wave
    )
    up_to = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
    return np.asarray((uniform(seed, "category", number)[:, None] > up_to[:, :-1]).sum(axis=1), np.int64)


def _salvage(price_list: IntArray, endings: tuple[PriceEnding, ...], chance: FloatArray) -> IntArray:
    """Salvage prices of 15 to 25 % of the list price, without cents where the currency has none in use."""
    step = 1 if any(ending.cents % 100 for ending in endings) else 100
    return np.asarray(np.floor(price_list * (0.15 + 0.10 * chance) / step) * step, np.int64)


def _choice(what: str, weights: FloatArray, seed: int, number: IntArray) -> IntArray:
    return np.searchsorted(np.cumsum(weights / weights.sum())[:-1], uniform(seed, what, number))


def _with_stock(articles: Articles, country: str, guess: FloatArray) -> Articles:
    """The articles with the stock that the buyer bought: his guess of their sales, at least one unit a store."""
    weeks = articles.launch[:, None] + np.arange(LONGEST_LIFE_WEEKS)
    alive = weeks <= articles.end[:, None]
    share_of_level = (articles.interest(country, weeks) * alive).sum(axis=1) / articles.level
    bought = np.maximum(np.round(guess * share_of_level), articles.stores).astype(np.int64)
    return replace(articles, bought=bought)
