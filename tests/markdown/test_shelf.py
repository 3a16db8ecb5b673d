"""A broken assortment sells slower: the plan knows, and clears earlier."""

import numpy as np
import pytest

from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.rules import Rules
from markdown_pricing.markdown.shelf import SHELF_SHARES, Shelf
from markdown_pricing.markdown.valuation import deepest_sales, evaluate_path
from tests.markdown.exact import value_of_first_moves
from tests.markdown.seasons import article, demand, foreseen, ladders_of

RULES = Rules(discounts_pct=(20, 40, 60), max_markdowns=2)


def shelf_of(articles: int, power: float) -> np.ndarray:
    """φ = share ** power, with a little left at the end."""
    return np.tile(np.maximum(SHELF_SHARES, 0.02) ** power, (articles, 1))


def small_stocks(count: int, weeks: int) -> tuple[Ladders, np.ndarray]:
    """Articles of 8 to 40 units, elastic and less so, slow and quick, with their demand."""
    random = np.random.default_rng(3)
    stocks = random.integers(8, 41, count)
    ladders = ladders_of(
        *[article(stock=int(stock), salvage=float(random.choice([1, 8])), weeks_left=weeks) for stock in stocks],
        rules=RULES,
    )
    weekly = stocks / weeks * random.uniform(0.3, 1.4, count)
    units = demand(ladders, weekly, 1.0)
    more_elastic = (ladders.prices[:, :1] / ladders.prices) ** random.uniform(-0.3, 2.0, count)[:, np.newaxis]
    return ladders, units * more_elastic[:, :, np.newaxis]


def shares_of_the_best(ladders: Ladders, units: np.ndarray, power: float) -> np.ndarray:
    """(articles, rungs): what the first week on each rung brings by brute force, over what the best rung brings."""
    shares_by_article = []
    for row in range(len(units)):
        stock = int(ladders.season.stock[row])
        shares = np.arange(stock + 1) / stock
        left = np.interp(shares, SHELF_SHARES, shelf_of(1, power)[0])
        brings = value_of_first_moves(
            ladders.prices[row], units[row], 0.3, ladders.season.salvage_price[row], stock, left, 2, 2
        )
        shares_by_article.append(brings / brings.max())
    return np.array(shares_by_article)


@pytest.mark.parametrize("power", [0.0, 0.3, 0.6])
def test_the_first_price_is_nearly_that_of_brute_force(power: float) -> None:
    """Whole units, negative binomial demand, every state, demand by the stock at the week's start."""
    ladders, units = small_stocks(40, 5)
    dispersion = np.full(40, 0.3)

    chosen = plan(ladders, foreseen(units, dispersion, shelf_of(40, power))).best.rungs[:, 0]

    shares, every = shares_of_the_best(ladders, units, power), np.arange(40)
    reached = shares[every, chosen]
    assert reached.mean() > 0.9995
    assert reached.min() > 0.995
    if power:
        blind = plan(ladders, foreseen(units, dispersion)).best.rungs[:, 0]
        assert shares[every, blind].mean() < reached.mean()


def test_shelves_that_do_not_matter_change_nothing() -> None:
    """To the last bit: demand that is the same at every stock is the plan without shelves."""
    ladders, units = small_stocks(30, 9)
    dispersion = np.full(30, 0.3)

    without, ones = (
        plan(ladders, foreseen(units, dispersion)),
        plan(ladders, foreseen(units, dispersion, np.ones((30, 33)))),
    )

    assert np.array_equal(without.best.rungs, ones.best.rungs)
    assert np.array_equal(without.best.revenue, ones.best.revenue)


@pytest.mark.parametrize("stock", [30, 400])
def test_who_knows_that_empty_shelves_sell_slowly_clears_earlier_and_deeper(stock: int) -> None:
    """Stock that would nearly sell by itself: lower prices, earlier on the average, half the left-over, more money."""
    ladders = ladders_of(*[article(stock=stock, salvage=1.0) for _ in range(40)])
    units, dispersion = demand(ladders, stock / 8 * np.linspace(0.6, 1.1, 40)), np.full(40, 0.3)
    shelf = shelf_of(40, 0.5)

    aware = plan(ladders, foreseen(units, dispersion, shelf)).best
    blind = evaluate_path(
        ladders, plan(ladders, foreseen(units, dispersion)).best.rungs, Demand(units, dispersion, shelf)
    )

    assert aware.rungs[:, 4:].mean() > blind.rungs[:, 4:].mean() + 0.5
    assert first_markdown(aware.rungs).mean() < first_markdown(blind.rungs).mean() - 0.5
    assert aware.leftover.sum() < 0.5 * blind.leftover.sum()
    assert aware.revenue.sum() > 1.03 * blind.revenue.sum()


def first_markdown(rungs: np.ndarray) -> np.ndarray:
    """(articles,): the week, or that after the last."""
    return (np.cumsum(rungs, axis=1) == 0).sum(axis=1)


def test_keep_habit_and_plan_are_all_valued_with_emptying_shelves() -> None:
    """Each sells less than with demand that stock does not touch; so does the deepest path."""
    ladders, units = small_stocks(20, 8)
    dispersion = np.full(20, 0.3)
    shelf = shelf_of(20, 0.5)

    with_shelf, without = plan(ladders, foreseen(units, dispersion, shelf)), plan(ladders, foreseen(units, dispersion))

    for own, plain in ((with_shelf.keep, without.keep), (with_shelf.habit, without.habit)):
        assert (own.leftover > plain.leftover).all()
    deepest = deepest_sales(ladders, with_shelf.limits, Demand(units, dispersion, shelf))
    assert (deepest < deepest_sales(ladders, without.limits, Demand(units, dispersion))).all()


def test_a_week_sells_by_the_stock_at_its_start() -> None:
    """By hand: certain demand of 40 units from 100; φ falls straight from 1 to a half."""
    ladders = ladders_of(article(stock=100, weeks_left=3))
    units = np.full((1, ladders.cents.shape[1], 3), 40.0)
    shelf = 0.5 + 0.5 * SHELF_SHARES[np.newaxis]

    kept = evaluate_path(ladders, np.zeros((1, 3), dtype=np.int64), Demand(units, np.array([0.0]), shelf))

    assert kept.stock[0] == pytest.approx([100, 60, 28], abs=0.3)


def test_a_straight_line_of_shelves_moves_the_stock_exactly_along_the_diagonals() -> None:
    """The demand it takes from any stock s to s less one week's sales is the same."""
    shelf = Shelf.of(0.25 + 0.75 * SHELF_SHARES[np.newaxis])
    week = float(shelf.week_of(np.array([[0.2]]))[0, 0])

    for share in (1.0, 0.7, 0.4):
        start = np.array([share])
        after = start - 0.2 * shelf.demand_left(start)
        assert shelf.needed_for(start) - shelf.needed_for(after) == pytest.approx(week, rel=2e-3)


def test_the_grid_is_even_in_demand_and_ends_at_nothing_and_all() -> None:
    """It is so even where the last pieces hardly sell."""
    for power in (0.0, 0.5, 2.0):
        shelf = Shelf.of(shelf_of(2, power))
        grid = shelf.even_stock(21, shelf.needed[:, -1])
        assert grid[:, 0] == pytest.approx(0)
        assert grid[:, -1] == pytest.approx(1)
        assert (np.diff(grid, axis=1) > 0).all()
        needed = np.array([shelf.needed_for(grid[:, point]) for point in range(21)])
        assert np.diff(needed[:, 0]) == pytest.approx(shelf.needed[0, -1] / 20)
