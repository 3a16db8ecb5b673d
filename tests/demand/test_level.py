"""An article's own level, trend and price response, as the weeks before a decision let it be known."""

from dataclasses import astuple

import numpy as np
import pytest

from markdown_pricing.arrays import FloatArray
from markdown_pricing.demand.level import OwnEffects, Sales, choose_own_effects, follow_level, likelihood
from tests.demand import plain_level

ARTICLES, WEEKS, DISPERSION = 400, 20, 0.15
OWN = OwnEffects(level_sd=0.8, trend_sd=0.5, price_sd=0.2, walk_sd=0.05)
MEAN_LOG = 3.0


def simulated(seed: int = 0, own: OwnEffects = OWN, stock: float = 1e6) -> tuple[Sales, FloatArray]:
    """Articles drawn from `own`, marked down in the middle of their life; their true deviation at list price."""
    rng = np.random.default_rng(seed)
    life_share = np.broadcast_to(np.arange(WEEKS) / WEEKS, (ARTICLES, WEEKS))
    price = np.where(life_share < 0.5, 0.0, np.log(0.7))
    level = rng.normal(0, own.level_sd, (ARTICLES, 1))
    level = level + np.cumsum(rng.normal(0, own.walk_sd, (ARTICLES, WEEKS)), axis=1)
    level = level + rng.normal(0, own.trend_sd, (ARTICLES, 1)) * life_share
    mean = np.exp(MEAN_LOG + level + rng.normal(0, own.price_sd, (ARTICLES, 1)) * price)
    demand = rng.negative_binomial(1 / DISPERSION, 1 / (1 + DISPERSION * mean)).astype(float)
    units = np.minimum(demand, stock)
    sales = Sales(
        units=units,
        stock=np.full_like(units, stock),
        censored=(units >= stock).astype(float),
        curve=np.full_like(units, MEAN_LOG),
        life_share=np.asarray(life_share, dtype=float),
        price=price,
        dispersion=np.full(ARTICLES, DISPERSION),
    )
    return sales, level


def known_before(sales: Sales, week: int) -> tuple[FloatArray, FloatArray]:
    level = follow_level(sales, np.zeros(ARTICLES), OWN)
    cell = np.arange(ARTICLES), np.full(ARTICLES, week)
    return level.at(cell, sales.life_share[:, week], np.zeros(ARTICLES))


def test_how_unsure_it_says_it_is_is_how_far_off_it_is() -> None:
    """Error over stated standard deviation has a mean square near 1, early and late."""
    sales, truth = simulated()
    for week in (1, 5, 12, 19):
        mean, variance = known_before(sales, week)
        assert 0.8 < np.mean((mean - truth[:, week]) ** 2 / variance) < 1.25, week


def test_each_week_of_sales_makes_it_surer() -> None:
    sales, _ = simulated()
    sure = [known_before(sales, week)[1].mean() for week in (0, 1, 3, 8)]
    assert sure == sorted(sure, reverse=True)
    assert sure[-1] < 0.1 * sure[0]


def test_a_sold_out_week_is_not_taken_for_its_demand() -> None:
    """Half the weeks cut off by stock: the level stays near the truth, and falls below it when they are believed."""
    sales, truth = simulated(stock=20.0)
    believed = Sales(**{**vars(sales), "censored": np.zeros_like(sales.units)})
    bias, naive = (float((known_before(each, 9)[0] - truth[:, 9]).mean()) for each in (sales, believed))
    assert naive < -0.25
    assert abs(bias) < 0.5 * abs(naive)


def test_the_scales_under_which_sales_were_drawn_are_found() -> None:
    steady = OwnEffects(level_sd=0.8, trend_sd=0.02, price_sd=0.2, walk_sd=0.01)
    for drawn in (OWN, steady):
        sales, _ = simulated(seed=3, own=drawn)
        start = OwnEffects()
        found = choose_own_effects(sales, np.zeros(ARTICLES), start)
        assert likelihood(sales, np.zeros(ARTICLES), found) > likelihood(sales, np.zeros(ARTICLES), start)
        assert (found.trend_sd > 0.3) == (drawn is OWN)


def lives_of_all_kinds(articles: int = 60, weeks: int = 45, seed: int = 0) -> Sales:
    """Articles that come and go, with weeks that have no row, weeks without stock, weeks sold out and returns."""
    rng, week = np.random.default_rng(seed), np.arange(weeks)
    launch, life = rng.integers(-10, weeks + 3, (articles, 1)), rng.integers(1, 30, (articles, 1))
    offered = (week >= launch) & (week < launch + life) & (rng.random((articles, weeks)) > 0.1)
    stock = np.where(rng.random((articles, weeks)) > 0.1, rng.integers(1, 60, (articles, weeks)), 0.0)
    demand = rng.poisson(np.exp(rng.normal(2, 1, (articles, 1)) + rng.normal(0, 0.4, (articles, weeks))))
    values = {
        "units": np.minimum(demand, stock) - 3.0 * (rng.random((articles, weeks)) < 0.02),
        "stock": stock,
        "censored": (demand >= stock).astype(float),
        "curve": rng.normal(2, 0.3, (articles, weeks)),
        "life_share": np.clip((week - launch) / life, 0, 1),
        "price": np.where(rng.random((articles, weeks)) < 0.3, -0.3, 0.0),
    }
    grids = {name: np.where(offered, grid, np.nan) for name, grid in values.items()}
    return Sales(**grids, dispersion=rng.uniform(0.05, 2.0, articles))


@pytest.mark.parametrize("sure_of_the_guess", [True, False])
def test_what_is_known_before_each_week_is_what_the_filter_is_defined_to_know(sure_of_the_guess) -> None:
    sales, rng = lives_of_all_kinds(), np.random.default_rng(1)
    articles, weeks = sales.units.shape
    guess, guess_sd = rng.normal(0, 0.5, articles), None if sure_of_the_guess else rng.uniform(0.2, 1.5, articles)
    mean, covariance, _ = plain_level.followed(sales, guess, OWN, guess_sd)
    everywhere = tuple(each.ravel() for each in np.indices((articles, weeks + 1)))
    known = follow_level(sales, guess, OWN, guess_sd).before(everywhere)
    np.testing.assert_allclose(known[0].reshape(mean.shape), mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(known[1].reshape(covariance.shape), covariance, rtol=0, atol=1e-12)


def test_the_likelihood_is_the_one_that_the_filter_is_defined_to_have() -> None:
    sales = lives_of_all_kinds()
    guess = np.zeros(len(sales.units))
    assert likelihood(sales, guess, OWN) == pytest.approx(plain_level.followed(sales, guess, OWN)[2], rel=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_scales_that_are_chosen_at_once_are_those_that_are_chosen_one_after_the_other(seed) -> None:
    sales = lives_of_all_kinds(seed=seed)
    guess = np.zeros(len(sales.units))
    chosen, plain = (choose(sales, guess, OWN) for choose in (choose_own_effects, plain_level.chosen))
    assert astuple(chosen) == pytest.approx(astuple(plain), rel=1e-12)


def test_articles_that_were_never_on_sale_are_known_by_their_guess() -> None:
    nothing = {name: np.full((3, 4), np.nan) for name in ("units", "stock", "censored", "curve", "life_share", "price")}
    level = follow_level(Sales(**nothing, dispersion=np.ones(3)), np.array([1.0, 2.0, 3.0]), OWN)
    mean, covariance = level.before((np.arange(3), np.full(3, 4)))
    assert mean[:, 0].tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_allclose(covariance[:, 0], OWN.level_sd**2)
