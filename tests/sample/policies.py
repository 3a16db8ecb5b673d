"""How three managers would price the same market: none at all, by the calendar, and one who knows the true demand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from markdown_pricing.arrays import FloatArray
from markdown_pricing.countries import Country
from markdown_pricing.sample.articles import articles_of
from markdown_pricing.sample.market import Market
from markdown_pricing.sample.season import ladder_of

Policy = Callable[[Market], FloatArray]


def holding(market: Market) -> FloatArray:
    return market.price[market.on_sale] / 100


def fixed_ladder(market: Market) -> FloatArray:
    """30 % off once 60 % of the season is over, 50 % at 80 %."""
    rows = market.on_sale
    articles, ladder, price = market.articles.take(rows), ladder_of(market)[rows], market.price[rows]
    over = (market.week - articles.launch) / (articles.end - articles.launch + 1)
    price = np.where(over >= 0.6, np.minimum(price, ladder[:, 3]), price)
    return np.where(over >= 0.8, np.minimum(price, ladder[:, 5]), price) / 100


def knowing_the_truth(market: Market) -> FloatArray:
    """Each week: of "stay, then one rung from week t on", the one that brings most at the true mean demand."""
    rows = market.on_sale
    articles, now = market.articles.take(rows), market.price[rows]
    rungs = np.minimum(ladder_of(market)[rows], now[:, None])
    horizon = max(int((articles.end - market.week).max()) + 1, 1)
    starts = np.array([start for start in (0, 1, 2, 3, 4, 6, 8, 10, 13, 16, 20) if start < horizon])
    later, start = np.tile(rungs, (1, len(starts))), np.repeat(starts, rungs.shape[1])
    stock, revenue = np.repeat(market.stock[rows][:, None], len(start), axis=1).astype(float), np.zeros(later.shape)
    for ahead in range(horizon):
        price = np.where(ahead >= start, later, now[:, None])
        sold = np.minimum(market.expected_units(rows, market.week + ahead, price, stock), stock)
        revenue, stock = revenue + sold * price, stock - sold
    best = np.argmax(revenue + stock * articles.salvage[:, None], axis=1)
    may = (market.markdowns[rows] < 4) & (market.week - market.last_markdown[rows] >= 2) & (start[best] == 0)
    return np.where(may, later[np.arange(len(rows)), best], now) / 100


def whole_seasons(country: Country, policy: Policy, seed: int, first: int, articles: int = 40) -> tuple[float, float]:
    """Revenue with salvage, and sell-through, of all articles launched within 13 weeks, from launch to end."""
    chosen = articles_of(country, articles, first, first + 60, seed)
    chosen = chosen.take(np.flatnonzero((chosen.launch >= first) & (chosen.launch < first + 13)))
    market = Market.opening(country, first, chosen, seed)
    revenue, leftover = 0.0, 0
    while market.week <= chosen.listed_until.max():
        if len(market.on_sale) == 0:
            market = replace(market, week=market.week + 1)
            continue
        market, sales = market.sell(policy(market))
        revenue, leftover = revenue + market.revenue(sales), leftover + int(sales.salvaged.sum())
    return revenue, 1 - leftover / int(chosen.bought.sum())
