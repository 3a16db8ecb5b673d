"""The truth can be played forward: by any policy, with paired luck, in the contract's form."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from markdown_pricing.sample.families import DemandFamily
from markdown_pricing.sample.market import Market, season_of, stores_with_stock
from markdown_pricing.sample.season import past_manager, sample_market
from markdown_pricing.training_data.intake import take_in
from tests.sample.conftest import WEEK, country
from tests.sample.policies import holding


def test_it_starts_where_the_history_ends_and_the_sold_week_becomes_history(markets: dict[str, Market]) -> None:
    """A week later the frame holds the week just sold, with its prices and units, and a new snapshot."""
    market = markets["MLT"]
    prices = past_manager(market)
    after, sales = market.sell(prices)

    frame = take_in(after.table(), WEEK + timedelta(weeks=1), "MLT").rows
    sold = frame[(frame["week"] == str(WEEK)) & (frame["end_week"] >= str(WEEK))]
    here = market.articles.end[sales.rows] >= market.week
    kept = np.isin([str(1_000_000 + number) for number in market.articles.number[sales.rows]], sold["article_id"])
    assert (sold["units"].to_numpy() == sales.units[kept & here]).all()
    assert (sold["price"].to_numpy() == prices[kept & here]).all()
    assert kept[here].mean() > 0.9
    assert frame["units"].isna().sum() == (frame["week"] == str(WEEK + timedelta(weeks=1))).sum() > 0


def test_played_on_by_the_past_manager_it_is_the_sample_of_the_later_week() -> None:
    """The market of today, played on, is the market that the sample of a later week shows."""
    market = sample_market(country("MLT"), WEEK, weeks_ahead=6)
    for _ in range(6):
        market, _ = market.sell(past_manager(market))
    assert market.table() == sample_market(country("MLT"), WEEK + timedelta(weeks=6)).table()


def test_sales_never_exceed_the_stock(market: Market) -> None:
    _, sales = market.sell(holding(market))
    assert (sales.units <= sales.stock).all()
    assert (sales.units[sales.stock == 0] == 0).all()


def test_the_same_luck_meets_every_policy(market: Market) -> None:
    """Same prices, same sales; lower prices never sell less; other luck, other sales."""
    _, sales = market.sell(holding(market))
    assert (market.sell(holding(market))[1].units == sales.units).all()
    # Returns rise with sales, so the net may fall by one where hardly anything is sold.
    assert (market.sell(holding(market) * 0.7)[1].units >= sales.units - 1).mean() > 0.99
    assert (replace(market, luck=7).sell(holding(market))[1].units != sales.units).any()


def test_expected_units_are_the_mean_of_what_is_demanded(markets: dict[str, Market]) -> None:
    """Over many lucks, with stock to spare."""
    market = markets["MLT"]
    rows = market.on_sale
    plenty = market.stock.copy()
    plenty[rows] = 10_000
    market = replace(market, stock=plenty)
    expected = market.expected_units(rows, market.week, market.price[rows], plenty[rows])
    seen = np.mean([replace(market, luck=luck).sell(holding(market))[1].units for luck in range(600)], axis=0)
    assert np.allclose(seen, expected, rtol=0.15, atol=0.25)
    assert abs(seen.sum() / expected.sum() - 1) < 0.03


def test_expected_units_take_one_price_or_one_per_rung(market: Market) -> None:
    rows, price, stock = market.on_sale, market.price[market.on_sale], market.stock[market.on_sale]
    rungs = np.stack([price, price * 0.5], axis=1)
    by_rung = market.expected_units(rows, market.week + 1, rungs, stock)
    assert by_rung.shape == (len(rows), 2)
    assert np.allclose(by_rung[:, 0], market.expected_units(rows, market.week + 1, price, stock))


def test_low_stock_per_store_slows_sales(market: Market) -> None:
    """A broken assortment: with one unit a store nearly half of the customers find nothing."""
    rows = market.on_sale[market.articles.end[market.on_sale] >= market.week]
    stores, price = market.articles.stores[rows], market.price[rows]
    full, broken, none = (market.expected_units(rows, market.week, price, stores * units) for units in (20, 1, 0))
    assert np.allclose(broken / full, 0.55, atol=0.01)
    assert (none == 0).all()


def test_what_is_left_at_the_end_brings_its_salvage_price(markets: dict[str, Market]) -> None:
    market = markets["DEU"]
    ending = market.on_sale[market.articles.end[market.on_sale] == market.week]
    after, sales = market.sell(holding(market))
    left = after.stock[ending]
    assert len(ending) > 0
    assert left.sum() == sales.salvaged.sum() > 0
    salvage = (left * market.articles.salvage[ending]).sum() / 100
    assert np.isclose(market.revenue(sales), (sales.units * sales.price).sum() / 100 + salvage)


def test_articles_to_come_are_launched_at_list_price_with_all_that_was_bought() -> None:
    market = sample_market(country("MLT"), WEEK, weeks_ahead=20)
    fresh = np.flatnonzero(market.articles.launch > market.week)
    assert len(fresh) > 5
    assert (market.price[fresh] == market.articles.price_list[fresh]).all()
    assert (market.stock[fresh] == market.articles.bought[fresh]).all()


def test_other_customers_can_be_put_in_its_place() -> None:
    """The demand family is what the market is given, in its past as well."""

    def indifferent(price_ratio, reference_ratio, elasticity):
        return np.ones_like(price_ratio * elasticity)

    market = sample_market(country("MLT"), WEEK, family=DemandFamily("indifferent", indifferent))
    rows = market.on_sale
    cheap, dear = (
        market.expected_units(rows, market.week, price, market.stock[rows]) for price in (rows + 1, rows + 9)
    )
    assert (cheap == dear).all()


def test_stores_with_stock_fall_to_0_when_sold_out() -> None:
    stores = stores_with_stock(np.array([0, 1, 50, 1000]), np.array([100, 100, 100, 100]))
    assert stores.tolist() == [0, 1, 50, 100]


def test_seasons_are_named_by_their_launch() -> None:
    def named(day: date) -> str:
        return season_of((day - date(1990, 1, 1)).days // 7)

    assert [named(date(2026, 1, 5)), named(date(2026, 4, 6)), named(date(2026, 9, 7))] == ["AW25", "SS26", "AW26"]
