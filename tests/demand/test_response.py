"""How sales answer a price: any falling curve, made of pieces."""

import numpy as np
import pytest

from markdown_pricing.backtest.twin import Setting, twin_of
from markdown_pricing.countries import Country
from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.demand.response import KNOTS, LEAST_SLOPE, PIECES, elasticities, pieces_of, used_to
from markdown_pricing.sample.families import FAMILIES

RATIOS = np.log(np.linspace(1.3, 0.1, 50))


def test_the_pieces_add_up_to_the_discount():
    np.testing.assert_allclose(pieces_of(RATIOS).sum(axis=-1), -RATIOS)


def test_one_elasticity_is_a_case_of_it():
    alike = elasticities(np.array(-2.0), np.zeros(1 + PIECES))
    np.testing.assert_allclose(pieces_of(RATIOS) @ alike, -2.0 * RATIOS)


def test_each_piece_has_a_slope_of_its_own():
    slopes = np.arange(1.0, PIECES + 1)
    inside = -(KNOTS + 0.01)
    step = pieces_of(inside - 0.01) @ slopes - pieces_of(inside) @ slopes
    np.testing.assert_allclose(step, 0.01 * slopes)


def test_customers_get_used_to_a_price():
    asked = np.log(np.array([[1.0, 0.5, 0.5, np.nan, 0.5]]))
    used = used_to(asked)[0]
    assert used[0] == used[1] == 0.0
    assert (np.diff(used[1:3]) < 0).all()
    assert used[3] == used[4] > asked[0, 1]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_response_is_found_whatever_its_form(family: str):
    """In markets whose manager marked down what was slow: the lift at each rung, over all articles, within a quarter.

    One elasticity for all rungs is off by more, in most of them.
    """
    twin = twin_of(Setting(family, Country("DEU", "EUR"), articles=60, weeks=1, seed=5))
    articles, history = twin.frames()
    model = LogLinear()
    model.fit(history, twin.week, seed=1)
    fresh = (articles["price"] == articles["list_price"]).to_numpy() & (articles["stock"] > 0).to_numpy()
    off = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    prices = articles[["list_price"]].to_numpy() * (1 - off)
    units = model.forecast(articles, history, twin.week).units(prices, 1)[fresh, :, 0]
    lift = np.exp(np.log(units / units[:, :1]).mean(axis=0))
    market, rows = twin.market, twin.market.on_sale[fresh]
    used = market.reference[rows, None] / market.articles.price_list[rows, None]
    truth = market.family.response(1 - off[None], used, market.articles.elasticity[rows, None])
    true_lift = np.exp(np.log(truth / truth[:, :1]).mean(axis=0))
    assert lift == pytest.approx(true_lift, rel=0.25)


def test_no_rung_sells_less_than_the_one_above_it():
    """However little the sales say: markets of a country that sells next to nothing."""
    for seed in range(2):
        twin = twin_of(Setting("threshold_customers", Country("MLT", "EUR"), articles=8, weeks=1, seed=seed))
        articles, history = twin.frames()
        model = LogLinear()
        model.fit(history, twin.week, seed=1)
        prices = articles[["list_price"]].to_numpy() * np.linspace(1.2, 0.05, 40)
        units = model.forecast(articles, history, twin.week).units(prices, 3)
        steps = np.diff(np.log(units), axis=1)
        assert (steps >= LEAST_SLOPE * -np.diff(np.log(prices), axis=1)[:, :, None] - 1e-9).all()
