"""Other worlds than the plain one: weather that stays, and adverts whose customers stay away the week after."""

from datetime import date

import click
import numpy as np
import pytest

from markdown_pricing.__main__ import cli
from markdown_pricing.countries import read_countries
from markdown_pricing.sample.market import ADVERT_EFFECT, Market
from markdown_pricing.sample.season import sample_market
from markdown_pricing.sample.world import WORLDS


def market_of(world: str) -> Market:
    return sample_market(read_countries()["DEU"], date(2026, 11, 23), articles=40, seed=3, world=WORLDS[world])


@pytest.mark.parametrize(("world", "memory"), [("plain", 0.0), ("lasting_weather", 0.8)])
def test_weather_stays_as_long_as_the_world_says_and_is_no_stronger(world: str, memory: float) -> None:
    """Take out: in Market._weather the weeks before, or the root that holds its variance."""
    market, categories = market_of(world), np.arange(400)
    weeks = np.array([market._weather(categories, market.week + ahead) for ahead in range(20)])
    assert np.corrcoef(weeks[:-1].ravel(), weeks[1:].ravel())[0, 1] == pytest.approx(memory, abs=0.05)
    assert weeks.std() == pytest.approx(1.0, abs=0.05)


def test_an_advert_takes_its_customers_from_the_next_week_where_they_stockpile() -> None:
    """Take out: in Market._surroundings what is in cupboards."""
    plain, stockpiling = market_of("plain"), market_of("stockpiling")
    rows = plain.on_sale
    given = rows, plain.week + 1, plain.price[rows], plain.stock[rows]
    before, after = (market.expected_units(*given) for market in (plain, stockpiling))
    sells, advertised = before > 0, plain._adverts(plain.articles.number[rows], np.array(plain.week)) > 0
    assert (sells & advertised).any()
    np.testing.assert_allclose(after[sells & advertised], (1 - 0.7 * (ADVERT_EFFECT - 1)) * before[sells & advertised])
    np.testing.assert_array_equal(after[~advertised], before[~advertised])


def test_backtest_offers_every_world() -> None:
    world = next(option for option in cli.commands["backtest"].params if option.name == "world")
    assert isinstance(world.type, click.Choice)
    assert list(world.type.choices) == list(WORLDS)
