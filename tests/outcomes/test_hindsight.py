"""What prices were worth by a model: the plan's own values, and levels that later sales have told."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.kept_price import worth_of_todays_price
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.policy import levels_of
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.outcomes.hindsight import Then, cost_in_hindsight, cost_of_prices, with_levels_seen, worth_then
from tests.markdown.seasons import DEU, WEEK, article, frames

STOCK = 200


def then(*articles: dict[str, object]) -> Then:
    made = articles or (article({-2: 49.99, -1: 49.99, 0: 49.99}, stock=STOCK),)
    now, before = frames(made)
    return Then(WEEK, DEU, RuleBook(), now, before)


def forecast(articles: pd.DataFrame, weekly: float = 10.0, level_sd: float = 0.4, error: float = 0.3) -> Forecast:
    """Ten units a week at 49.99, at an elasticity of 2."""
    count = len(articles)
    return Forecast(
        "test",
        units=lambda prices, weeks: np.repeat(weekly * (prices[:, :, None] / 49.99) ** -2.0, weeks, axis=2),
        dispersion=np.full(count, 0.2),
        level_sd=lambda weeks: np.full((count, weeks), level_sd),
        elasticity=(np.full(count, 2.0), np.full(count, error)),
    )


def sold(*units: float, price: float = 49.99, stock: float = STOCK, article_id: str = "0000") -> pd.DataFrame:
    """The rows of an article from the week on."""
    weeks = [pd.Timestamp(WEEK + timedelta(weeks=ahead)) for ahead in range(len(units))]
    return pd.DataFrame(
        {"article_id": article_id, "week": weeks, "price": price, "stock": float(stock), "units": units}
    )


def level_of(*seen: float, **given: float) -> tuple[float, float]:
    """The level after these sales, and its standard deviation."""
    articles = then().articles
    told = with_levels_seen(forecast(articles), articles, WEEK, sold(*seen, **given))
    return float(told.at(np.array([[49.99]]), 1).units[0, 0, 0]), float(told.at(np.array([[49.99]]), 1).level_sd[0, 0])


def test_a_price_of_the_menu_is_worth_about_what_the_menu_says() -> None:
    """The programme interpolates between points of stock, which lie elsewhere on a ladder that begins lower."""
    known = then()
    ladders = candidate_prices(known.articles, known.history, DEU, RuleBook(), WEEK)
    menu = plan(ladders, forecast(known.articles)).menu

    for place, price in enumerate(ladders.prices[0]):
        if np.isfinite(menu.value[0, place]):
            worth = worth_then(known, forecast(known.articles), np.array([price]))
            assert worth[0] == pytest.approx(menu.value[0, place], rel=0.02)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(),
        Rules(sell_through_target=0.95, left_over_penalty_pct=50),
        Rules(sell_through_target=0.9, sell_through="hard"),
        Rules(least_gain_pct=5),
        Rules(same_price_by="attr_style"),
    ],
    ids=["plain", "soft target", "hard target", "least gain", "price group"],
)
def test_todays_price_is_worth_to_the_last_bit_what_a_whole_plan_says(rules: Rules) -> None:
    """It is found without the rest of a plan, whatever the rules: costs rest on it."""
    stocks = 50, 250, 400
    known = then(*(article({-2: 49.99, -1: 49.99, 0: 49.99}, stock=stock) for stock in stocks))
    asked = known.articles.assign(attr_style="parka")
    ladders = candidate_prices(asked, known.history, DEU, RuleBook(rules), WEEK)

    worth = worth_of_todays_price(ladders, forecast(asked))

    np.testing.assert_array_equal(worth, plan(ladders, forecast(asked)).menu.value[:, 0])
    assert np.isfinite(worth).all()


def test_a_rise_and_a_price_that_a_rule_forbids_have_a_worth() -> None:
    worths = [float(worth_then(then(), forecast(then().articles), np.array([price]))[0]) for price in (59.99, 49.99)]

    assert worths[0] < worths[1]
    assert np.isfinite(worth_then(then(), forecast(then().articles), np.array([48.99]))).all()


def test_what_sold_tells_the_level_and_makes_it_surer() -> None:
    before = level_of()
    much, little = level_of(20.0, 20.0, 20.0), level_of(2.0, 2.0, 2.0)

    assert before == (10.0, 0.4)
    assert little[0] < 10.0 < much[0] < 20.0
    assert much[1] < 0.4


def test_sales_that_the_stock_limits_are_compared_with_what_could_sell() -> None:
    assert level_of(5.0, stock=5.0)[0] > level_of(5.0)[0]


def test_sales_at_another_price_are_compared_with_what_was_expected_at_it() -> None:
    at_half = 10.0 * 0.5**-2.0

    assert level_of(at_half, price=49.99 / 2)[0] == pytest.approx(10.0, rel=0.02)


def test_weeks_without_a_row_and_other_articles_tell_nothing() -> None:
    articles = then().articles
    told = with_levels_seen(forecast(articles), articles, WEEK, sold(99.0, article_id="another"))

    assert told.at(np.array([[49.99]]), 1).units[0, 0, 0] == 10.0


def test_a_model_that_is_sure_of_its_levels_learns_none() -> None:
    articles = then().articles
    sure = replace(forecast(articles), level_sd=None)

    assert with_levels_seen(sure, articles, WEEK, sold(99.0)) is sure


CUT, KEPT = 34.95, 49.99
EX_ANTE = 100.0


def cost(
    newest: Forecast | None = None, seen: pd.DataFrame | None = None, known: Then | None = None, **given: float
) -> tuple[float, ...]:
    """What it cost with hindsight to keep 49.99 and not to ask 34.95, with its interval; 100.00 by the menu.

    newest : what is known now ; without it what was known in the week, which `given` changes
    """
    found = cost_in_hindsight(
        known or then(),
        lambda some: forecast(some, **given),
        lambda some: newest or forecast(some, **given),
        np.array([CUT]),
        np.array([KEPT]),
        np.array([EX_ANTE]),
        sold() if seen is None else seen,
    )
    return float(found.cost[0]), float(found.low[0]), float(found.high[0])


def test_a_cost_by_the_model_of_the_week_is_the_difference_of_the_worths() -> None:
    known = then()
    worth = [worth_then(known, forecast(known.articles), np.array([price]))[0] for price in (CUT, KEPT)]

    [found] = cost_of_prices(known, forecast, np.array([CUT]), np.array([KEPT]))

    assert found == pytest.approx(worth[0] - worth[1])


def test_who_has_learnt_nothing_since_finds_what_the_menu_said() -> None:
    middle, low, high = cost()

    assert middle == pytest.approx(EX_ANTE)
    assert low < middle < high


def test_on_average_over_what_may_turn_out_hindsight_finds_what_was_expected() -> None:
    """A cost that rose or fell by looking back alone would make the sums of weeks too high or too low."""
    articles = then().articles
    levels = levels_of(np.array([0.4]))[0]

    found = [cost(forecast(articles, weekly=10.0 * level, level_sd=0.0))[0] for level in levels]

    assert np.mean(found) == pytest.approx(EX_ANTE)
    assert np.ptp(found) > EX_ANTE / 2


def test_the_plans_stay_those_of_then() -> None:
    """Four times as much sold as anybody knew for weeks. The next week's advice would have cut the price all the same.

    So to keep it a week gained at most that week's sales at the higher price. One who had known it all would have kept
    it for longer, and nobody gave that advice.
    """
    heavy = then(article({-2: KEPT, -1: KEPT, 0: KEPT}, stock=3 * STOCK))
    much = forecast(heavy.articles, weekly=40.0)
    a_weeks_gain = 40.0 * (KEPT - CUT)

    found, _, _ = cost(much, known=heavy)

    cut, kept = (worth_then(heavy, much, np.array([price]))[0] for price in (CUT, KEPT))
    assert cut - kept < -2 * a_weeks_gain
    assert -a_weeks_gain < found - EX_ANTE < 0


def test_the_interval_is_narrower_the_surer_the_model_is() -> None:
    wide, narrow = cost(), cost(level_sd=0.1, error=0.05)

    assert narrow[2] - narrow[1] < (wide[2] - wide[1]) / 2


def test_when_less_sold_since_it_had_cost_more_to_keep_a_high_price() -> None:
    assert cost(seen=sold(1.0, 1.0, 0.0))[0] > EX_ANTE > cost(seen=sold(25.0, 25.0, 25.0))[0]


def test_what_the_menu_has_no_cost_of_has_none_with_hindsight() -> None:
    prices = np.array([CUT]), np.array([KEPT])

    found = cost_in_hindsight(then(), forecast, forecast, *prices, np.array([np.nan]), sold())

    assert np.isnan([*found.cost, *found.low, *found.high]).all()


def test_an_article_whose_end_is_far_ahead_is_valued_by_itself() -> None:
    both = then(article(stock=100), article(stock=100, weeks_left=150))
    prices = np.array([CUT, CUT]), np.array([KEPT, KEPT])

    found = cost_in_hindsight(both, forecast, forecast, *prices, np.array([EX_ANTE, EX_ANTE]), sold())

    assert np.isfinite(cost_of_prices(both, forecast, *prices)).all()
    assert found.cost == pytest.approx([EX_ANTE, EX_ANTE])


def test_no_articles_have_no_cost() -> None:
    nobody, nothing = then().part(np.zeros(0, dtype=np.int64)), np.zeros(0)

    assert cost_of_prices(nobody, forecast, nothing, nothing).shape == (0,)
    assert cost_in_hindsight(nobody, forecast, forecast, nothing, nothing, nothing, sold()).cost.shape == (0,)
