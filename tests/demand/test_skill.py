"""How much one forecast counts beside another, and at which horizon."""

import numpy as np
import pytest

from markdown_pricing.demand.around import GroupSums
from markdown_pricing.demand.local_linear import LocalLinear
from markdown_pricing.demand.local_terms import past_mean
from markdown_pricing.demand.skill import GONE, WEIGHTS, best_weight, weights_ahead


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_the_weight_is_the_share_of_the_correction_that_comes_true(share) -> None:
    rng = np.random.default_rng(1)
    base, correction = rng.normal(2, 0.5, 20_000), rng.normal(0, 0.5, 20_000)
    demand = rng.poisson(np.exp(base + share * correction)).astype(np.float64)
    week = np.repeat(np.arange(10), 2_000)
    assert best_weight(demand, base, correction, np.full(20_000, 0.1), week) == pytest.approx(share, abs=0.051)


def test_a_week_in_which_something_large_sold_has_one_vote() -> None:
    """Take out: sum over all rows, and choose once."""
    rng = np.random.default_rng(4)
    week = np.repeat(np.arange(7), 100)
    base, correction = rng.normal(2, 0.5, 700), rng.normal(0, 0.5, 700)
    large = week >= 5  # two weeks in which the correction was wrong, and a thousand times as much sold
    demand = np.where(large, 1_000 * np.exp(base - correction), np.exp(base + 0.5 * correction))
    base = base + np.where(large, np.log(1_000), 0.0)
    assert best_weight(demand, base, correction, np.full(700, 0.01), week) == pytest.approx(0.5, abs=0.051)


def test_no_forecast_stands_alone_and_none_counts_where_nothing_is_known() -> None:
    rng = np.random.default_rng(2)
    base, correction = rng.normal(4, 0.5, 500), rng.normal(0, 0.5, 500)
    dispersion, week = np.full(500, 0.1), np.zeros(500, dtype=np.int64)
    assert best_weight(np.exp(base + 2 * correction), base, correction, dispersion, week) == WEIGHTS[-1] < 1
    assert best_weight(base[:0], base[:0], base[:0], base[:0], week[:0]) == 0.0


def test_weights_fall_with_the_weeks_ahead_and_end() -> None:
    weights = weights_ahead(np.array([0.6, 0.2, 0.4, 0.1]), 15)
    assert (np.diff(weights) <= 0).all()
    assert weights[0] == 0.6
    assert weights[2] == 0.2, "what helps in two weeks has to help in one"
    assert (weights[GONE:] == 0).all()


def test_the_mean_of_the_past_knows_no_week_to_come_and_passes_gaps_over() -> None:
    grid = np.array([[1.0, 3.0, np.nan, 5.0, 9.0]])
    np.testing.assert_allclose(past_mean(grid, 0.5), [[np.nan, 1.0, 2.0, 2.0, 3.5]])


def test_others_are_all_of_the_group_but_the_article_itself() -> None:
    group, week = np.array([0, 0, 0, 1]), np.array([7, 7, 8, 7])
    values = np.array([[1.0], [3.0], [9.0], [4.0]])
    around = GroupSums.of(group, week, values, 2)
    np.testing.assert_allclose(around.others(group, week, values)[:, 0], [3.0, 1.0, np.nan, np.nan])
    np.testing.assert_allclose(around.mean(group, week + 1)[:, 0], [9.0, 9.0, np.nan, np.nan])


def test_categories_and_articles_with_little_to_say_are_like_the_others() -> None:
    """Each article has a coefficient of its own. One that has five rows is believed less than one that has 200."""
    rng = np.random.default_rng(3)
    article = np.repeat(np.arange(40), 200)
    article = np.append(article, np.full(5, 40))
    own = np.append(rng.normal(-2, 0.6, 40), 0.0)
    x = rng.normal(0, 0.3, (len(article), 1))
    y = x[:, 0] * own[article] + rng.normal(0, 0.3, len(article))
    nothing, one = np.zeros(len(article), dtype=np.int64), np.ones(len(article))
    fit = LocalLinear.fit(x, y, one, nothing, 1, article, 1)
    left = y - fit.foretold(x, nothing)
    found = fit.beta[0, 0] + fit.deviations(x, left, one, article, 41)[:, 0]
    assert fit.spread[0] == pytest.approx(0.36, rel=0.5)
    np.testing.assert_allclose(found[:40], own[:40], atol=0.35)
    assert -1.9 < found[40] < -0.1
