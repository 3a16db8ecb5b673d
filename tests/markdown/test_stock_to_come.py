"""Units on their way are stock from the week after the snapshot on, and from then on alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.columns import Recommendations
from markdown_pricing.demand.model import with_what_comes
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.recommendation import recommend
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.markdown.shelf import SHELF_SHARES
from markdown_pricing.markdown.simple_policies import SellThroughRule
from markdown_pricing.markdown.simulation import MarketView
from markdown_pricing.markdown.valuation import evaluate_path
from tests.markdown.exact import value_of_first_moves
from tests.markdown.seasons import (
    CODES,
    DEU,
    MADE_BY,
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


def test_what_is_on_its_way_is_sold_from_the_next_week_on() -> None:
    """Ten units a week for four weeks, and four units today: four are sold this week, and thirty of the twenty-six."""
    ladders = ladders_of(article(stock=4, stock_to_come=22, weeks_left=4))
    keep = evaluate_path(ladders, np.zeros((1, 4), dtype=np.int64), Demand(demand(ladders), np.full(1, 0.0)))

    assert keep.units[0, 0] <= 4
    assert keep.stock[0, :2].tolist() == pytest.approx([4, 26 - keep.units[0, 0]])
    assert keep.units.sum() + keep.leftover[0] == pytest.approx(26)
    assert keep.revenue[0] == pytest.approx(49.99 * keep.units.sum() + 5 * keep.leftover[0])


def test_a_delivery_after_the_last_week_is_left_over() -> None:
    _, own_plan = plan_of(article(stock=4, stock_to_come=22, weeks_left=1))

    assert own_plan.best.leftover[0] == pytest.approx(26 - own_plan.best.units[0, 0])
    assert own_plan.best.stock[0].tolist() == [4]


def test_a_delivery_calls_for_markdowns_that_today_s_stock_does_not() -> None:
    """Sixty units sell by themselves in eight weeks, and four hundred do not, whether they are here or to come."""
    _, own_plan = plan_of(article(stock=60), article(stock=60, stock_to_come=340), article(stock=400))

    alone, with_more, _ = own_plan.best.rungs
    assert alone.max() == 0
    assert with_more.max() > 0
    assert own_plan.best.leftover[1] == pytest.approx(own_plan.best.leftover[2], rel=0.2)


@pytest.mark.parametrize(("power", "error"), [(0.0, 0.02), (0.5, 0.05)])
def test_values_are_nearly_those_of_brute_force(power: float, error: float) -> None:
    """Whole units, negative binomial demand, every state.

    With shelves that empty the programme sells continuously, with or without a delivery.
    """
    random = np.random.default_rng(3)
    stocks, to_come = random.integers(0, 31, 24), random.integers(8, 31, 24)
    stocks[:3] = 0
    made = [
        article(stock=int(now), stock_to_come=int(later), weeks_left=5)
        for now, later in zip(stocks, to_come, strict=True)
    ]
    ladders = ladders_of(*made, rules=FEW_RUNGS)
    units = demand(ladders, (stocks + to_come) / 5 * random.uniform(0.3, 1.4, 24), 1.8)
    shelf = np.tile(np.maximum(SHELF_SHARES, 0.02) ** power, (24, 1))
    value = plan(ladders, foreseen(units, np.full(24, 0.3), shelf)).menu.value

    for row, (now, later) in enumerate(zip(stocks.tolist(), to_come.tolist(), strict=True)):
        left = np.interp(np.arange(now + later + 1) / (now + later), SHELF_SHARES, shelf[row])
        salvage = ladders.season.salvage_price[row]
        truth = value_of_first_moves(ladders.prices[row], units[row], 0.3, salvage, now, left, 2, 2, later)
        known = ~np.isnan(value[row])
        assert known.sum() == (4 if now else 1)
        assert value[row, known] == pytest.approx(truth[known], rel=error)


def test_with_nothing_to_sell_the_price_waits_for_the_delivery() -> None:
    """No markdown this week, one price to choose from, and a plan for what comes."""
    made = recommend_for(article(stock=0, stock_to_come=400, stores=0))
    row, path = made.rows.iloc[0], made.price_path

    assert (row.action, row.reason_code, row.exception_code) == ("keep", "awaits_stock", None)
    assert "400 units will come next week" in row.reason
    assert len(made.options) == 1
    assert row.expected_units == 0
    assert path["expected_stock"].tolist()[:2] == [0, 400]
    assert row.next_markdown_week == monday(1)


def in_one_group(*articles: Mapping[str, Any]) -> Recommendations:
    """The rows of articles that must have one price."""
    snapshot, history = frames(articles)
    snapshot["attr_line"] = "one"
    assortment = Assortment(WEEK, DEU, snapshot, history, RuleBook(Rules(same_price_by="attr_line")), CODES)
    ladders = candidate_prices(snapshot, history, DEU, assortment.book, WEEK)
    return recommend(assortment, ladders, foreseen(demand(ladders), np.full(len(articles), 0.2)), MADE_BY)


def test_an_article_that_awaits_stock_has_its_group_s_price_from_this_week_on() -> None:
    """It would come back at another price than the others else; with nothing to sell it holds their price back not."""
    selling, awaiting = article(stock=400, weeks_left=10), article(stock=0, stock_to_come=400, stores=0, weeks_left=10)

    made = in_one_group(selling, awaiting)

    first, second = made.rows.itertuples()
    assert (first.action, second.action) == ("markdown", "markdown")
    assert first.recommended_price == second.recommended_price
    assert second.reason_code == "markdown_with_group"
    assert second.expected_units == 0
    prices = made.price_path.pivot(index="week", columns="article_id", values="price")
    assert (prices.iloc[:, 0] == prices.iloc[:, 1]).all()
    menus = [own["price"].tolist() for _, own in made.options.groupby("article_id")]
    assert menus[0] == menus[1]
    assert second.recommended_price in menus[1]


def test_a_group_that_awaits_stock_as_a_whole_waits_for_it_and_is_sold_as_one() -> None:
    awaiting = article(stock=0, stock_to_come=400, stores=0, weeks_left=10)

    made = in_one_group(awaiting, awaiting)

    assert made.rows["reason_code"].tolist() == ["awaits_stock", "awaits_stock"]
    assert len(made.options) == 2
    prices = made.price_path.pivot(index="week", columns="article_id", values="price")
    assert (prices.iloc[:, 0] == prices.iloc[:, 1]).all()
    assert prices.iloc[1, 0] < prices.iloc[0, 0]


def test_a_sold_out_article_that_awaits_nothing_stays_out_of_its_group() -> None:
    made = in_one_group(*[article(stock=400, weeks_left=10)] * 2, article(stock=0, weeks_left=10))

    assert made.rows["action"].tolist() == ["markdown", "markdown", "keep"]
    assert made.rows["reason_code"].iloc[2] == "sold_out"


def test_the_old_habit_waits_for_the_delivery_too() -> None:
    """It is due this week, in which a new label would hang on an empty shelf."""
    _, own_plan = plan_of(article(stock=0, stock_to_come=400, launch=-20, weeks_left=6))

    assert own_plan.habit.rungs[0, 0] == 0
    assert own_plan.habit.rungs[0, 1] > 0


def test_this_week_s_demand_is_that_of_today_s_shelves() -> None:
    """A hundred units are a tenth of all that is to be sold, and sell a third as well as all of it would."""
    ladders = ladders_of(article(stock=100, stock_to_come=900), article(stock=1_000))
    shelf = np.tile(np.maximum(SHELF_SHARES, 0.02) ** 0.5, (2, 1))
    own_plan = plan(ladders, foreseen(demand(ladders, elasticity=0.5), np.full(2, 0.2), shelf))
    mean, _, high = own_plan.this_week(ladders.season)

    assert mean / mean[1] == pytest.approx([0.1**0.5, 1], rel=0.02)
    assert high[0] < high[1]
    assert own_plan.best.units[0, 0] == pytest.approx(mean[0], rel=0.02)


def test_sell_through_and_sentence_count_all_that_is_to_be_sold() -> None:
    row = recommend_for(article(stock=40, stock_to_come=560), elasticity=1.2).rows.iloc[0]

    assert row.stock == 40
    assert row.expected_leftover > 40
    assert row.expected_sell_through == pytest.approx(1 - row.expected_leftover / 600)
    assert f"of 600 units ({100 * row.expected_leftover / 600:.0f} %; next week's 560 units counted)" in row.reason
    assert row.expected_units_q90 <= 40


def test_a_left_over_that_is_certain_is_one_of_all_that_is_to_be_sold() -> None:
    """What comes can hide no left-over, and what can be bought only later can't be sold today."""
    rows = recommend_for(article(stock=5), article(stock=5, stock_to_come=50_000)).rows

    assert rows["exception_code"].isna().tolist() == [True, False]
    assert rows["exception_code"].iloc[1] == "certain_leftover"


def test_a_sell_through_target_counts_what_comes() -> None:
    """Half of today's forty units and of the two hundred to come is to be sold: at full price eighty are."""
    made = article(stock=40, stock_to_come=200)
    free, bound = (
        plan_of(made, rules=Rules(sell_through_target=target, sell_through="hard"), elasticity=0.8)[1]
        for target in (0.0, 0.5)
    )

    assert free.best.leftover[0] > 120
    assert 40 < bound.best.leftover[0] <= 120 + 1e-6


def test_a_price_group_counts_what_comes_of_its_members() -> None:
    """Two coats of one colour, of which one gets a delivery, are planned as if both were one with all of it."""
    made = article(stock=60), article(stock=60, stock_to_come=600)
    snapshot, history = frames(made)
    ladders = candidate_prices(snapshot, history, DEU, RuleBook(), WEEK)
    group = replace(ladders, group=np.zeros(2, dtype=np.int64))
    apart, together = (plan(own, foreseen(demand(own), np.full(2, 0.2))) for own in (ladders, group))

    assert apart.best.rungs[0].max() == 0
    assert together.best.rungs[0].max() > 0
    assert np.array_equal(together.best.rungs[0], together.best.rungs[1])


def test_without_any_units_on_their_way_nothing_changes() -> None:
    """To the last bit, beside articles that have some."""
    made = [article(stock=stock, weeks_left=9) for stock in (3, 80, 400)]
    ladders = ladders_of(*made, article(stock=50, stock_to_come=70, weeks_left=9))
    units, shelf = demand(ladders), np.tile(np.maximum(SHELF_SHARES, 0.02) ** 0.5, (4, 1))
    with_others = plan(ladders, foreseen(units, np.full(4, 0.3), shelf, np.full((4, 9), 0.2)))
    alone = ladders_of(*made)
    without = plan(alone, foreseen(units[:3], np.full(3, 0.3), shelf[:3], np.full((3, 9), 0.2)))

    assert np.array_equal(with_others.menu.value[:3], without.menu.value, equal_nan=True)
    assert np.array_equal(with_others.best.units[:3], without.best.units)


def test_a_model_is_asked_about_all_that_is_to_be_sold() -> None:
    """An article that is sold out today has no empty shelves when its delivery is there."""
    snapshot, _ = frames([article(stock=0, stock_to_come=600), article(stock=30)])

    assert with_what_comes(snapshot)["stock"].tolist() == [600, 30]
    assert snapshot["stock"].tolist() == [0, 30]
    pd.testing.assert_frame_equal(with_what_comes(snapshot[["stock"]]), snapshot[["stock"]])


def test_a_rule_that_looks_at_the_stock_counts_what_comes() -> None:
    """At three units a week sixty are sold in time, and six hundred are not."""
    snapshot, history = frames([article(stock=20), article(stock=20, stock_to_come=580)])
    view = MarketView(WEEK, DEU, snapshot, history, RuleBook(), None)  # type: ignore[arg-type]

    assert (SellThroughRule()(view).prices < 49.99).tolist() == [False, True]
