"""What each price of this week is worth: near the truth by brute force, learning counted, and the choice follows it."""

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.countries import Country
from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.menu import NO_PRICE
from markdown_pricing.markdown.planning import Plan, plan
from markdown_pricing.markdown.rules import RuleBook, Rules
from tests.markdown.exact import value_of_first_moves
from tests.markdown.seasons import (
    WEEK,
    article,
    demand,
    foreseen,
    frames,
    ladders_of,
    monday,
    plan_of,
    recommend_for,
)

FEW_RUNGS = Rules(discounts_pct=(20, 40, 60), max_markdowns=2)
MANY = 60


def unsure_articles(level_sd: float | None) -> tuple[Plan, np.ndarray]:
    """Young articles of any stock, whose level is so unsure; their plan and their stock."""
    random = np.random.default_rng(5)
    stocks = random.integers(60, 500, MANY)
    made = [article(stock=int(stock), weeks_left=10) for stock in stocks]
    ladders = ladders_of(*made, rules=Rules(least_gain_pct=0))
    unsure = None if level_sd is None else np.full((MANY, ladders.weeks), level_sd)
    units = demand(ladders, stocks / 10 * random.uniform(0.05, 1.0, MANY))
    return plan(ladders, foreseen(units, np.full(MANY, 0.2), level_sd=unsure)), stocks


def test_values_are_nearly_those_of_brute_force() -> None:
    """Whole units, negative binomial demand, every state; a price is lost for so much as it truly loses."""
    random = np.random.default_rng(3)
    stocks = random.integers(8, 41, 20)
    ladders = ladders_of(*[article(stock=int(stock), weeks_left=5) for stock in stocks], rules=FEW_RUNGS)
    units = demand(ladders, stocks / 5 * random.uniform(0.3, 1.4, 20), 1.8)
    value = plan(ladders, foreseen(units, np.full(20, 0.3))).menu.value

    for row, stock in enumerate(stocks):
        salvage, every_stock = ladders.season.salvage_price[row], np.ones(stock + 1)
        truth = value_of_first_moves(ladders.prices[row], units[row], 0.3, salvage, int(stock), every_stock, 2, 2)
        assert value[row] == pytest.approx(truth, rel=0.02)
        assert value[row] - value[row].max() == pytest.approx(truth - truth.max(), abs=0.015 * truth.max())


def test_the_recommended_price_has_the_highest_value_when_levels_are_unsure() -> None:
    own, stocks = unsure_articles(0.3)
    chosen = own.menu.value[np.arange(MANY), own.menu.chosen]

    assert (np.nanmax(own.menu.value, axis=1) - chosen <= 0.01 + 1e-6 * 49.99 * stocks).all()
    assert np.array_equal(own.menu.chosen, own.best.rungs[:, 0])
    assert own.menu.value == pytest.approx(own.menu.by_level.mean(axis=2), nan_ok=True)
    assert 0 < np.count_nonzero(own.menu.chosen) < MANY


def test_waiting_is_worth_what_sales_teach() -> None:
    """Where levels are unsure some articles wait, although the open path of a markdown now shows more revenue."""
    own, _ = unsure_articles(0.3)
    sure, _ = unsure_articles(None)
    revenue = own.menu.expected.revenue
    waits = own.menu.chosen == 0
    beaten_on_paper = waits & (np.nanmax(revenue[:, 1:], axis=1) > revenue[:, 0] + 1)

    assert beaten_on_paper.any()
    assert np.count_nonzero(own.menu.chosen) < np.count_nonzero(sure.menu.chosen)


def test_paths_after_a_price_begin_with_it_and_are_those_of_the_rows() -> None:
    """The next markdown comes after this week, at a lower price; the recommended price has the plan's own path."""
    found = recommend_for(*[article(stock=stock, weeks_left=10) for stock in (60, 150, 300, 600)])
    menu = found.options.merge(found.rows[["article_id", "recommended_price", "expected_leftover"]], on="article_id")
    later = menu[menu["next_markdown_week"].notna()]

    assert len(later) > 4
    assert (later["next_markdown_week"] > WEEK).all()
    assert (later["next_markdown_price"] < later["price"]).all()
    in_force = menu[menu["price"] == menu["recommended_price"]]
    assert in_force["expected_leftover_x"].tolist() == found.rows["expected_leftover"].tolist()
    assert in_force["next_markdown_week"].tolist() == found.rows["next_markdown_week"].tolist()


@pytest.mark.parametrize(
    ("own", "value"),
    [
        (article(stock=0), 0.0),
        (article(stock=70, salvage=5.5, weeks_left=0), 385.0),
    ],
    ids=["sold out", "past its end"],
)
def test_what_has_no_price_to_ask_has_one_row(own: dict[str, object], value: float) -> None:
    options = recommend_for(own).options

    assert options[["price", "step", "value", "value_loss"]].values.tolist() == [[49.99, 0, value, 0.0]]
    assert options["rule"].isna().all()


@pytest.mark.parametrize("column", ["price_until", "set_aside"])
def test_a_price_that_is_fixed_has_one_row(column: str) -> None:
    """It is temporary, or the article's data is at fault."""
    snapshot, history = frames([article({-1: 49.99, 0: 34.99}, stock=400)])
    snapshot[column] = {"price_until": pd.Timestamp(monday(1)), "set_aside": "its stock is below 0"}[column]
    ladders = candidate_prices(snapshot, history, Country("DEU"), RuleBook(), WEEK)

    forecast = Forecast("test", lambda prices, weeks: np.full((*prices.shape, weeks), 5.0), 0.2)
    menu = plan(ladders, forecast).menu

    assert menu.cents[menu.cents != NO_PRICE].tolist() == [3499]
    assert menu.value[0, 0] > 0


def test_an_article_whose_price_may_never_change_is_worth_what_it_brings() -> None:
    """Beside the rule that forbids each lower rung."""
    _, own = plan_of(article(stock=400), rules=Rules(max_markdowns=0))

    assert own.menu.value[0, 0] == own.keep.revenue[0]
    assert own.menu.rule[0].tolist() == [None, *["too_many"] * 7]


def test_rungs_below_salvage_are_named() -> None:
    """They are no candidates of the plan."""
    options = recommend_for(article(stock=400, salvage=22.0)).options

    below = options[options["price"] < 22.0]
    assert set(below["rule"]) == {"below_salvage"}
    assert len(below) == 2
    assert options[options["price"] >= 22.0]["value"].notna().all()
