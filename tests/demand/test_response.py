"""How sales answer a price: any falling curve, made of pieces."""

from dataclasses import replace

import numpy as np
import pytest

from markdown_pricing.backtest.twin import Setting, twin_of
from markdown_pricing.countries import Country
from markdown_pricing.demand.design import dates_of
from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.demand.response import KNOTS, LEAST_SLOPE, PIECES, elasticities, pieces_of, used_to
from markdown_pricing.sample.families import FAMILIES
from markdown_pricing.training_data.features import Age, week_of

RATIOS = np.log(np.linspace(1.3, 0.1, 50))


def test_the_pieces_add_up_to_the_discount() -> None:
    np.testing.assert_allclose(pieces_of(RATIOS).sum(axis=-1), -RATIOS)


def test_one_elasticity_is_a_case_of_it() -> None:
    alike = elasticities(np.array(-2.0), np.zeros(1 + PIECES))
    np.testing.assert_allclose(pieces_of(RATIOS) @ alike, -2.0 * RATIOS)


def test_each_piece_has_a_slope_of_its_own() -> None:
    slopes = np.arange(1.0, PIECES + 1)
    inside = -(KNOTS + 0.01)
    step = pieces_of(inside - 0.01) @ slopes - pieces_of(inside) @ slopes
    np.testing.assert_allclose(step, 0.01 * slopes)


def test_customers_get_used_to_a_price() -> None:
    asked = np.log(np.array([[1.0, 0.5, 0.5, np.nan, 0.5]]))
    used = used_to(asked)[0]
    assert used[0] == used[1] == 0.0
    assert (np.diff(used[1:3]) < 0).all()
    assert used[3] == used[4] > asked[0, 1]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_response_is_found_whatever_its_form(family: str) -> None:
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


def test_no_rung_sells_less_than_the_one_above_it() -> None:
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


def fresh_over_old(family: str, seed: int) -> tuple[float, float]:
    """How many times as much a markdown of 30 % lifts sales when it is fresh as three weeks later: foreseen and true.

    Of the articles that have their first price, as the mean of logs.
    """
    twin = twin_of(Setting(family, Country("DEU", "EUR"), articles=60, weeks=1, seed=seed))
    articles, history = twin.frames()
    model = LogLinear()
    model.fit(history, twin.week, seed=1)
    full = (articles["price"] == articles["list_price"]).to_numpy() & (articles["stock"] > 0).to_numpy()
    prices = articles[["list_price"]].to_numpy() * np.array([1.0, 0.7])
    units = model.forecast(articles, history, twin.week).units(prices, 4)[full]
    lift = np.log(units[:, 1] / units[:, 0]).mean(axis=0)
    market, rows = twin.market, twin.market.on_sale[full]
    list_price, used = market.articles.price_list[rows, None], market.reference[rows, None]
    asked = list_price * np.array([1.0, 0.7])

    def true_lift(week: int) -> float:
        reference = market.family.reference(asked, used, week)
        demand = market.family.response(
            asked / list_price, reference / list_price, market.articles.elasticity[rows, None]
        )
        return float(np.log(demand[:, 1] / demand[:, 0]).mean())

    return float(lift[0] - lift[3]), true_lift(0) - true_lift(3)


def test_a_fresh_markdown_lifts_more_where_customers_get_used_to_prices() -> None:
    """Most of what is true is found; a coefficient that is held near 0 finds less than half of it."""
    foreseen, true = np.mean([fresh_over_old("reference_logit", seed) for seed in range(3, 7)], axis=0)
    assert 0.6 * true < foreseen < 1.2 * true


def test_a_fresh_markdown_lifts_no_more_where_customers_know_only_the_price() -> None:
    foreseen = np.mean([fresh_over_old("constant_elasticity", seed)[0] for seed in range(3, 7)])
    assert abs(foreseen) < 0.03


def test_the_forecast_at_each_price_is_the_mean_of_what_may_be_true_of_an_article() -> None:
    """Its level, trend and response are unsure together: drawn at random, demand has the forecast as its mean."""
    twin = twin_of(Setting("linear_demand", Country("DEU", "EUR"), articles=12, weeks=1, seed=5))
    articles, history = twin.frames()
    model = LogLinear()
    model.fit(history, twin.week, seed=1)
    state = model.state(articles, history, twin.week)
    prices = articles[["list_price"]].to_numpy() * np.array([1.0, 0.7, 0.4, 0.2])
    _, covariance = state.level.before(state.cell)
    rng, every = np.random.default_rng(1), [[0, 1, 2], [1, 3, 4], [2, 4, 5]]
    drawn = np.stack([rng.multivariate_normal(np.zeros(3), one[every], 40_000) for one in covariance])
    _, launch, end = dates_of(articles)
    life_share = Age.of(week_of(twin.week), launch, end).life_share
    ratio = np.log(prices / state.rows.first_price[state.now][:, None])
    unsure = drawn[..., :1] + drawn[..., 1:2] * life_share[:, None, None] + drawn[..., 2:] * ratio[:, None, :]
    certain = replace(state, level=replace(state.level, covariance=0.0 * state.level.covariance, walk_sd=0.0))
    mean, median = (one.forecast("log_linear", one.ahead).units(prices, 1)[..., 0] for one in (state, certain))
    np.testing.assert_allclose(np.log(mean / median), np.log(np.exp(unsure).mean(axis=1)), atol=0.005)
