"""Today's price asked this week: the plan that follows it is the plan's own, and can be valued by another forecast."""

import numpy as np
import pytest

from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.kept_price import keep_todays_price, worth_by_level
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.rules import RuleBook, Rules
from tests.markdown.seasons import DEU, WEEK, article, frames

STOCKS = 20, 40, 300, 800


def ladders_under(rules: Rules) -> Ladders:
    articles, history = frames([article({-2: 49.99, -1: 49.99, 0: 49.99}, stock=stock) for stock in STOCKS])
    return candidate_prices(articles.assign(attr_style="parka"), history, DEU, RuleBook(rules), WEEK)


def sells(weekly: float, level_sd: float | None = None) -> Forecast:
    return Forecast(
        "test",
        units=lambda prices, weeks: np.repeat(weekly * (prices[:, :, None] / 49.99) ** -2.0, weeks, axis=2),
        dispersion=0.2,
        level_sd=None if level_sd is None else lambda weeks: np.full((len(STOCKS), weeks), level_sd),
    )


@pytest.mark.parametrize(
    "rules",
    [
        Rules(no_touch_weeks=(WEEK,)),
        Rules(no_touch_weeks=(WEEK,), sell_through_target=0.9, sell_through="hard"),
        Rules(no_touch_weeks=(WEEK,), same_price_by="attr_style"),
    ],
    ids=["plain", "hard target", "price group"],
)
def test_in_a_week_without_markdowns_the_plan_after_todays_price_is_the_planned_path(rules: Rules) -> None:
    ladders = ladders_under(rules)
    planned = plan(ladders, sells(10.0, 0.4)).best

    kept = keep_todays_price(ladders, sells(10.0, 0.4))

    assert (planned.rungs[:, 0] == 0).all()
    assert (planned.rungs > 0).any()
    np.testing.assert_array_equal(kept.rungs, planned.rungs)


def test_a_plan_brings_what_its_path_is_expected_to_bring() -> None:
    ladders, rules = ladders_under(Rules()), Rules(relabel_cost_per_store=0.5)
    with_labels = ladders_under(rules)
    kept, sure = keep_todays_price(with_labels, sells(10.0)), sells(10.0)

    [worth] = worth_by_level(with_labels, kept, sure).T
    [without_labels] = worth_by_level(ladders, kept, sure).T

    markdowns = (np.diff(kept.rungs, axis=1) > 0).sum(axis=1)
    assert markdowns.any()
    np.testing.assert_allclose(without_labels - worth, markdowns * with_labels.label_cost)


def test_the_same_plan_brings_more_where_more_is_sold_and_less_at_each_lower_level() -> None:
    ladders = ladders_under(Rules())
    kept = keep_todays_price(ladders, sells(10.0, 0.4))

    by_level = worth_by_level(ladders, kept, sells(10.0, 0.4))

    assert by_level.shape == (len(STOCKS), 3)
    assert (np.diff(by_level, axis=1) > -1e-9).all()
    assert (worth_by_level(ladders, kept, sells(20.0, 0.4)).mean(axis=1) >= by_level.mean(axis=1) - 1e-9).all()


def test_units_left_beyond_a_target_cost_the_plan_what_it_took_them_to_cost() -> None:
    ladders = ladders_under(Rules(sell_through_target=0.99, left_over_penalty_pct=50))
    kept = keep_todays_price(ladders, sells(10.0))
    assert kept.penalty[-1] == pytest.approx(0.5 * 49.99)

    [worth] = worth_by_level(ladders, kept, sells(1.0)).T
    [without] = worth_by_level(ladders_under(Rules()), kept, sells(1.0)).T

    assert worth[-1] < without[-1] - 0.5 * 49.99 * 400
