"""Two believable years of a country's sales, as a past manager priced them.

The manager marks down what sells slowly, because it sells slowly, and what is left towards its end. Low prices
therefore go with weak demand, and in the history customers look indifferent to the price although they are not.
"""

from datetime import date

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.countries import Country
from markdown_pricing.errors import UsageError
from markdown_pricing.markdown.ladder import ladder_cents
from markdown_pricing.sample.articles import LONGEST_LIFE_WEEKS, articles_of, usual_articles
from markdown_pricing.sample.dice import normal
from markdown_pricing.sample.families import CONSTANT_ELASTICITY, DemandFamily
from markdown_pricing.sample.market import WEEKS_IN_SNAPSHOT, Market
from markdown_pricing.sample.seasonality import mondays_of, number_of
from markdown_pricing.sample.world import PLAIN, World

DISCOUNTS_PCT = (10, 20, 30, 40, 50, 60, 70)
MAX_MARKDOWNS = 4
WEEKS_BETWEEN_MARKDOWNS = 2
YOUNGEST_MARKED_DOWN_WEEKS = 3
"""The manager marks no younger article down. Made up."""
SLOW = np.array([1.3, 1.8, 2.5, 3.6])
"""Cover ÷ weeks left from which on the manager goes one, two, three or four rungs down. Made up."""


class SampleTooEarly(UsageError):
    def __init__(self, week: date) -> None:
        earliest = mondays_of(np.array(WEEKS_IN_SNAPSHOT + LONGEST_LIFE_WEEKS)).item()
        super().__init__(f"No sample for {week}: its history would begin too early. Choose {earliest} or later.")


def opening_of(week: date) -> int:
    """The number of the week in which a market opens that is to have a snapshot in `week`. Raises SampleTooEarly."""
    opening = number_of(week) - WEEKS_IN_SNAPSHOT - LONGEST_LIFE_WEEKS
    if opening < 0:
        raise SampleTooEarly(week)
    return opening


def sample_market(
    country: Country,
    week: date,
    articles: int | None = None,
    seed: int = 0,
    weeks_ahead: int = 0,
    family: DemandFamily = CONSTANT_ELASTICITY,
    world: World = PLAIN,
) -> Market:
    """The market of a country before the sales of `week`, with its two years of history.

    articles : how many articles to price in that week; None means as many as a country of that size has
    weeks_ahead : for how many weeks the market can be played on with new launches
    family : how customers respond to a price, in the past and in the weeks to come
    world : what there is beside it, likewise
    raises SampleTooEarly

    >>> market = sample_market(Country("DEU"), date(2026, 2, 9), articles=20)
    >>> market.table().num_rows > 20 * 90
    True
    """
    now, opening = number_of(week), opening_of(week)
    lanes = usual_articles(country.code) if articles is None else articles
    chosen = articles_of(country, lanes, opening, now + weeks_ahead, seed)
    market = Market.opening(country, opening, chosen, seed, family, world)
    while market.week < now:
        market, _ = market.sell(past_manager(market))
    return market


def past_manager(market: Market) -> FloatArray:
    """The prices that the past manager asks this week, (articles on sale,) in local currency."""
    rows = market.on_sale
    articles, stock, price = market.articles.take(rows), market.stock[rows], market.price[rows]
    ladder = ladder_of(market)[rows]
    rung = np.argmin(np.abs(ladder - price[:, None]), axis=1)
    deeper = np.searchsorted(SLOW, _slowness(market), side="right")
    last_weeks = (articles.end - market.week < 4) & (stock > 0.25 * articles.bought)
    target = np.maximum(np.minimum(rung + deeper, len(DISCOUNTS_PCT)), np.where(last_weeks, 5, 0))
    may = (
        (stock > 0)
        & (market.week - articles.launch >= YOUNGEST_MARKED_DOWN_WEEKS)
        & (market.week <= articles.end)
        & (market.markdowns[rows] < MAX_MARKDOWNS)
        & (market.week - market.last_markdown[rows] >= WEEKS_BETWEEN_MARKDOWNS)
    )
    new = np.take_along_axis(ladder, target[:, None], axis=1)[:, 0]
    allowed = may & (new < price) & (new >= articles.salvage)
    return np.where(allowed, new, price) / 100


def ladder_of(market: Market) -> IntArray:
    """The list price and the seven rungs below it, (articles, 8) in whole cents."""
    list_price = market.articles.price_list
    return np.column_stack([list_price, ladder_cents(list_price, DISCOUNTS_PCT, market.country.price_endings)])


def _slowness(market: Market) -> FloatArray:
    """Weeks of cover ÷ weeks left as the manager sees them, (articles on sale,).

    He knows recent sales, and something of the interest in an article that no column holds.
    """
    rows = market.on_sale
    articles = market.articles.take(rows)
    seen = np.maximum(np.nan_to_num(market.recent_units(3)[rows]), 0.1)
    coming = market.expected_units(rows, market.week, market.price[rows], market.stock[rows])
    known = coming * np.exp(0.2 * normal(market.seed, "hunch", market.country.code, articles.number, market.week))
    rate = np.maximum(np.sqrt(seen * np.maximum(known, 0.1)), 0.1)
    return np.asarray(market.stock[rows] / rate / np.maximum(articles.end - market.week + 1, 1), float)
