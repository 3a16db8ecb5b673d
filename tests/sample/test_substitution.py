"""With substitution, the markdowns of a category take customers from its other articles, and from no others."""

from dataclasses import replace

import numpy as np
import pytest

from markdown_pricing.sample.market import Market
from markdown_pricing.sample.season import sample_market
from markdown_pricing.sample.substitution import FROM_NEIGHBOURS, kept_from_neighbours
from markdown_pricing.sample.world import World
from tests.sample.conftest import WEEK, country

CATEGORY = np.array([0, 0, 0, 1])
MEAN = np.array([10.0, 10.0, 20.0, 10.0])


def test_without_a_markdown_nobody_loses_a_customer() -> None:
    assert kept_from_neighbours(CATEGORY, MEAN, MEAN, FROM_NEIGHBOURS).tolist() == [1.0] * 4


def test_a_markdown_takes_its_share_from_its_category_alone() -> None:
    """Of 5 more units half come from the neighbours, less the quarter of the category that is the article itself."""
    at_list = MEAN - np.array([5.0, 0.0, 0.0, 0.0])

    lost = MEAN * (1 - kept_from_neighbours(CATEGORY, MEAN, at_list, 0.5))

    assert lost[0] == lost[3] == 0.0
    assert lost[2] == pytest.approx(2 * lost[1])
    assert lost.sum() == pytest.approx(0.5 * 5 * (1 - 10 / 40))


def test_an_article_keeps_at_least_what_is_not_shared() -> None:
    at_list = np.array([10.0, 0.0, 0.0, 10.0])

    assert (kept_from_neighbours(CATEGORY, MEAN, at_list, 0.6) > 0.4).all()


@pytest.fixture(scope="module")
def market() -> Market:
    return sample_market(country("DEU"), WEEK, articles=60, seed=3, weeks_ahead=1)


def test_the_neighbours_of_a_markdown_sell_less_and_other_categories_the_same(market: Market) -> None:
    rows = market.on_sale
    category, list_price = market.articles.category[rows], market.articles.price_list[rows]
    cut = category == np.bincount(category).argmax()
    cut &= np.cumsum(cut) % 2 == 1
    prices = np.where(cut, 0.5, 1.0) * list_price / 100
    beside = cut.any() & ~cut & (category == category[cut][0])

    alone, together = (replace(market, world=World(share)).sell(prices)[1].units for share in (0.0, FROM_NEIGHBOURS))

    assert together[beside].sum() < alone[beside].sum()
    other = category != category[cut][0]
    assert (together[other] == alone[other]).all()
