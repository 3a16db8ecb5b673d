"""The price response is the customers', not the manager's who marks down what sells slowly."""

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.arrays import IntArray
from markdown_pricing.demand.calendar import calendar_terms
from markdown_pricing.demand.design import Design, DesignRows
from markdown_pricing.demand.pooling import PooledFit, SoldRows, fit_pooled
from markdown_pricing.demand.sold_out import fill_sold_out
from markdown_pricing.demand.terms import PRICE, TO_A_CUT
from markdown_pricing.training_data.features import Panel
from tests.demand.market import market

TRUTH = 2.0


def fitted(history: pd.DataFrame, article: IntArray | None = None) -> PooledFit:
    panel, design = Panel.of(history), Design.of(history)
    rows = DesignRows.of(history, panel, design)
    sold = SoldRows(
        units=rows.units,
        censored=rows.censored,
        in_stock=rows.stock > 0,
        x=rows.terms,
        article=panel.row if article is None else article,
        category=rows.category,
        week=panel.column,
    )
    return fit_pooled(sold, calendar_terms(rows.country, panel.first_week + np.arange(panel.weeks)), design.prior)


@pytest.fixture(scope="module")
def histories() -> list[pd.DataFrame]:
    return [market(seed, articles=400, elasticity=TRUTH)[0] for seed in range(3)]


def elasticity(coefficients: np.ndarray) -> float:
    """What 30 % off the first price answers to."""
    return float(coefficients[: len(TO_A_CUT)] @ TO_A_CUT)


def test_a_pooled_regression_is_fooled(histories) -> None:
    """The trap is real: over all articles, low prices go with low sales."""
    for history in histories:
        open_weeks = history[~history["censored"]]
        ratio = np.log(open_weeks["price"] / open_weeks["list_price"])
        slope = np.polyfit(ratio, np.log(open_weeks["units"] + 0.5), 1)[0]
        assert slope > -0.5


def test_effects_of_articles_find_the_response(histories) -> None:
    """Within a fifth of the truth for the country, on average over seeds.

    What is left is too much response: a markdown follows weeks that were slow by chance, and better ones follow it.
    """
    found = [elasticity(fitted(history).country) for history in histories]
    assert np.mean(found) == pytest.approx(TRUTH, rel=0.2)


def test_without_effects_of_articles_the_response_is_lost(histories) -> None:
    """The handling is what finds it: the same fit with one effect for all articles is far off."""
    found = [elasticity(fitted(history, np.zeros(len(history), dtype=np.int64)).country) for history in histories]
    assert np.mean(found) < 0.6 * TRUTH


def test_a_category_with_little_history_takes_the_countrys_response() -> None:
    """Shrinkage: two articles with an unheard-of response move their category little, three hundred move it far."""
    history, _ = market(seed=3, articles=300, elasticity=TRUTH, spread=0.0)
    odd, _ = market(seed=4, articles=300, elasticity=3.5, spread=0.0)
    odd = odd.assign(category="hats", article_id="odd" + odd["article_id"])
    few = odd[odd["article_id"].isin(odd["article_id"].unique()[:2])]
    responses = []
    for added in (few, odd):
        both = pd.concat([history, added], ignore_index=True)
        fit = fitted(both)
        hats = sorted(both["category"].unique()).index("hats")
        responses.append((elasticity(fit.by_category[hats]), elasticity(fit.country)))
    own_of_few, own_of_many = (own - country for own, country in responses)
    assert own_of_few < 0.6 * own_of_many


def test_without_a_single_markdown_the_prior_stands() -> None:
    history, _ = market(seed=5, articles=60)
    fit = fitted(history.assign(price=history["list_price"]))
    np.testing.assert_allclose(fit.by_category[:, PRICE], Design().prior.mean[PRICE], atol=1e-6)


def test_sold_out_weeks_are_filled_with_the_demand_to_expect_there() -> None:
    """Against a large draw: the mean of negative-binomial demand known to be at least what was sold."""
    mean, dispersion, sold = 8.0, 0.4, 10.0
    size = 1 / dispersion
    drawn = np.random.default_rng(0).negative_binomial(size, size / (size + mean), 400_000)
    units, cut = np.array([sold, 3.0, -2.0]), np.array([True, False, False])
    filled, share = fill_sold_out(units, cut, np.full(3, mean), np.full(3, dispersion))
    assert filled[0] == pytest.approx(drawn[drawn >= sold].mean(), rel=0.01)
    assert filled[1:].tolist() == [3.0, 0.0]
    assert share[0] == pytest.approx((drawn < sold).mean(), abs=0.01)
    assert share[1:].tolist() == [1.0, 1.0]


def test_a_sale_far_beyond_expectation_is_filled_without_breaking() -> None:
    filled, _ = fill_sold_out(np.array([1e6]), np.array([True]), np.array([0.01]), np.array([0.02]))
    assert np.isfinite(filled).all()
    assert filled[0] >= 1e6


def test_the_level_is_not_that_of_the_slow_sellers_alone() -> None:
    """Scarce stock: fast sellers sell out. Filled, their level is near the truth; taken as it is, far below."""
    history, _ = market(seed=6, articles=300, buy=0.5)
    fast = history["article_id"].isin(history.loc[history["stock"] == 0, "article_id"])
    now = history[fast & (history["stock"] > 0)]
    filled, taken = fitted(history), fitted(history.assign(censored=False))
    truth = now["mean"].sum()
    assert filled.fitted[now.index].sum() / truth == pytest.approx(1.0, abs=0.15)
    assert taken.fitted[now.index].sum() < 0.95 * filled.fitted[now.index].sum()
