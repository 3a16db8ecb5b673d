"""Demand families: different in form, alike in what they promise."""

import numpy as np
import pytest

from markdown_pricing.errors import UsageError
from markdown_pricing.sample.families import FAMILIES, LOGIT_SLOPE, DemandFamily, family_named
from markdown_pricing.sample.market import Market
from markdown_pricing.sample.season import sample_market
from tests.sample.conftest import WEEK, country

RATIOS = np.linspace(0.15, 1.3, 60)
ELASTICITIES = np.array([1.6, 2.4, 3.3])


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> DemandFamily:
    return FAMILIES[request.param]


@pytest.fixture(scope="module")
def played() -> dict[str, Market]:
    return {name: sample_market(country("MLT"), WEEK, family=family) for name, family in FAMILIES.items()}


def test_demand_is_1_at_list_price(family: DemandFamily) -> None:
    one = np.ones(3)
    assert np.allclose(family.response(one, one, ELASTICITIES), 1)


@pytest.mark.parametrize("reference", [0.4, 0.7, 1.0])
def test_demand_falls_in_price_and_never_to_nothing(family: DemandFamily, reference: float) -> None:
    demand = family.response(RATIOS[:, None], np.full((1, 1), reference), ELASTICITIES[None])
    assert demand.shape == (60, 3)
    assert (np.diff(demand, axis=0) < 0).all()
    assert (demand > 0).all()
    assert demand.max() < 1000


def test_a_higher_elasticity_brings_more_customers_at_half_price(family: DemandFamily) -> None:
    half, used_to = np.full(3, 0.5), np.ones(3)
    assert (np.diff(family.response(half, used_to, ELASTICITIES)) > 0).all()


def test_the_logits_slope_at_list_price_is_the_one_stated() -> None:
    step, one = 1e-5, np.ones(3)
    logit = FAMILIES["reference_logit"].response
    slope = (logit(one + step, one, ELASTICITIES) - logit(one - step, one, ELASTICITIES)) / (2 * step)
    assert np.allclose(-slope, LOGIT_SLOPE * ELASTICITIES, rtol=1e-4)


def test_families_differ_by_more_than_their_level() -> None:
    """At equal elasticity no two of them have the same curve, up to a factor in the logarithm."""
    one = np.ones_like(RATIOS)
    logs = [np.log(family.response(RATIOS, one, 2.2 * one)) for family in FAMILIES.values()]
    for index, left in enumerate(logs):
        for right in logs[:index]:
            factor = (left @ right) / (right @ right)
            assert np.abs(left - factor * right).max() > 0.15


def test_a_fresh_markdown_lifts_more_than_an_old_one(played: dict[str, Market]) -> None:
    """At a price asked from now on: less is sold of it each week, until customers are used to it."""
    for name, market in played.items():
        rows = market.on_sale[(market.articles.end[market.on_sale] >= market.week) & fresh(market)]
        price, reference = market.articles.price_list[rows] * 0.6, market.reference[rows]
        family = market.family
        ratio = price / market.articles.price_list[rows]
        lift = [
            family.response(
                ratio, family.reference(price, reference, weeks) / market.articles.price_list[rows],
                market.articles.elasticity[rows],
            ).mean()
            for weeks in range(8)
        ]  # fmt: skip
        faded = name == "reference_logit"
        assert (np.diff(lift) < 0).all() == faded
        assert np.allclose(lift, lift[0]) != faded


def test_expected_units_of_the_weeks_to_come_are_those_of_a_price_asked_from_now_on() -> None:
    """What is expected of next week at a price is next week's expectation once that price was asked this week."""
    market = sample_market(country("MLT"), WEEK, family=FAMILIES["reference_logit"])
    lower = np.round(market.price[market.on_sale] * 0.7) / 100
    after, _ = market.sell(lower)
    rows = np.intersect1d(market.on_sale, after.on_sale)
    stock = after.articles.bought[rows]
    foreseen = market.expected_units(rows, market.week + 1, after.price[rows], stock)
    assert np.allclose(foreseen, after.expected_units(rows, after.week, after.price[rows], stock))


def test_an_unknown_family_is_named_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"'cubic'.*constant_elasticity, reference_logit"):
        family_named("cubic")


def fresh(market: Market) -> np.ndarray:
    """Articles on sale that were never marked down."""
    on_sale = market.on_sale
    return market.price[on_sale] == market.articles.price_list[on_sale]
