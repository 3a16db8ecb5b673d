"""An article's own level, trend and price response, as the weeks before a decision let it be known."""

import numpy as np

from markdown_pricing.demand.level import OwnEffects, Sales, choose_own_effects, follow_level, likelihood
from markdown_pricing.training_data.features import FloatArray

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


def test_how_unsure_it_says_it_is_is_how_far_off_it_is():
    """Error over stated standard deviation has a mean square near 1, early and late."""
    sales, truth = simulated()
    for week in (1, 5, 12, 19):
        mean, variance = known_before(sales, week)
        assert 0.8 < np.mean((mean - truth[:, week]) ** 2 / variance) < 1.25, week


def test_each_week_of_sales_makes_it_surer():
    sales, _ = simulated()
    sure = [known_before(sales, week)[1].mean() for week in (0, 1, 3, 8)]
    assert sure == sorted(sure, reverse=True)
    assert sure[-1] < 0.1 * sure[0]


def test_a_sold_out_week_is_not_taken_for_its_demand():
    """Half the weeks cut off by stock: the level stays near the truth, and falls below it when they are believed."""
    sales, truth = simulated(stock=20.0)
    believed = Sales(**{**vars(sales), "censored": np.zeros_like(sales.units)})
    bias, naive = (float((known_before(each, 9)[0] - truth[:, 9]).mean()) for each in (sales, believed))
    assert naive < -0.25
    assert abs(bias) < 0.5 * abs(naive)


def test_the_scales_under_which_sales_were_drawn_are_found():
    steady = OwnEffects(level_sd=0.8, trend_sd=0.02, price_sd=0.2, walk_sd=0.01)
    for drawn in (OWN, steady):
        sales, _ = simulated(seed=3, own=drawn)
        start = OwnEffects()
        found = choose_own_effects(sales, np.zeros(ARTICLES), start)
        assert likelihood(sales, np.zeros(ARTICLES), found) > likelihood(sales, np.zeros(ARTICLES), start)
        assert (found.trend_sd > 0.3) == (drawn is OWN)
