"""Whatever the stock, the price history, the demand and the rules: no output and no planned path breaks a rule."""

import math
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from markdown_pricing.columns import OPTION_COLUMNS, PATH_COLUMNS, ROW_COLUMNS
from markdown_pricing.countries import CENT_ENDINGS, Country, PriceEnding
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.acceptance import check_every_article_has_a_row, check_new_prices
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.recommendation import recommend
from markdown_pricing.markdown.rules import Override, RuleBook, Rules
from markdown_pricing.markdown.valuation import evaluate_path
from tests.markdown.rule_checker import broken_rules, cents, forbidding_rule, ladder, prices_below
from tests.markdown.seasons import CODES, MADE_BY, WEEK, article, foreseen, frames, monday

ENDINGS = {
    "cents": CENT_ENDINGS,
    "nine": (PriceEnding(900, 1000),),
    "ninety": (PriceEnding(9000, 10000), PriceEnding(9900, 10000)),
}
NULLABLE = {
    "cover_weeks",
    "next_markdown_week",
    "next_markdown_price",
    "elasticity",
    "elasticity_se",
    "change_reason",
    "exception_code",
    "stake",
    "stake_low",
    "stake_high",
    "severity",
    "category",
    "units_last_week",
    "units_4_weeks",
    "lowest_price_30_days",
    "arm",
    "locked_until",
}
HARD_TO_MAKE = [HealthCheck.too_slow, HealthCheck.data_too_large]


@st.composite
def rule_sets(draw: st.DrawFn, budget: float = math.inf) -> Rules:
    discounts = draw(st.sets(st.sampled_from([5, 10, 15, 20, 30, 33.3, 40, 50, 60, 70, 90]), min_size=1))
    weeks = st.integers(0, 12).map(monday)
    return Rules(
        discounts_pct=tuple(sorted(discounts)),
        max_markdowns=draw(st.integers(0, 5)),
        weeks_between_markdowns=draw(st.integers(1, 6)),
        no_touch_weeks=draw(st.frozensets(weeks, max_size=4)),
        full_price_weeks=draw(st.sampled_from([0, 0, 3, 20])),
        max_step_pct=draw(st.sampled_from([100, 100, 10, 20, 35])),
        relabel_cost_per_store=draw(st.sampled_from([0.0, 0.0, 0.5, 20.0])),
        sell_through_target=draw(st.sampled_from([0.0, 0.0, 0.5, 1.0])),
        sell_through=draw(st.sampled_from(["soft", "hard"])),
        left_over_penalty_pct=draw(st.sampled_from([0.0, 20.0, 100.0])),
        least_gain_pct=draw(st.sampled_from([0.0, 0.0, 2.0])),
        markdown_budget=budget,
    )


@st.composite
def articles_of_a_country(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Histories with gaps, falls, rises and prices off the ladder; any stock, salvage and season."""
    made = []
    for _ in range(draw(st.integers(1, 12))):
        list_price = draw(st.sampled_from([0.95, 4.99, 19.99, 49.95, 60.0, 123.45, 4990.0, 15990.0]))
        parts = [1.0, 1.0, 0.9, 0.8, 0.7, 0.613, 0.5, 0.3, 0.05, 1.2]
        launch = draw(st.integers(-12, 0))
        seen = draw(st.sets(st.integers(launch, -1))) if launch < 0 else set()
        rungs = ladder(cents(list_price), Rules().discounts_pct, CENT_ENDINGS)
        off_ladder = [max(round(list_price * part, 2), 0.01) for part in parts]
        price = st.one_of(st.sampled_from(off_ladder), st.sampled_from([rung / 100 for rung in rungs]))
        steady = draw(st.booleans())
        first = draw(price)
        made.append(
            article(
                {week: first if steady else draw(price) for week in sorted(seen | {0})},
                list_price=list_price,
                launch=launch,
                weeks_left=draw(st.one_of(st.integers(0, 12), st.integers(0, 12), st.integers(13, 60))),
                stock=draw(st.sampled_from([0, 1, 2, 7, 50, 400, 20_000])),
                salvage=round(list_price * draw(st.sampled_from([0.0, 0.1, 0.299, 0.5, 0.97, 1.5])), 3),
                category=draw(st.sampled_from(["coats", "dresses"])),
                stores=draw(st.integers(0, 300)),
            )
        )
    return made


any_country = given(
    made=articles_of_a_country(),
    two_rules=st.sampled_from([math.inf, math.inf, 0.0, 500.0]).flatmap(
        lambda budget: st.tuples(rule_sets(budget), rule_sets(budget))
    ),
    endings=st.sampled_from(sorted(ENDINGS)),
    seed=st.integers(0, 2**32 - 1),
    level=st.sampled_from([0.0, 0.3, 10.0, 3000.0]),
)


@settings(max_examples=25, suppress_health_check=HARD_TO_MAKE)
@any_country
def test_no_output_and_no_planned_path_breaks_a_rule(**case: Any) -> None:
    assert_no_rule_is_broken(**case)


@settings(max_examples=400, suppress_health_check=HARD_TO_MAKE)
@any_country
def test_no_output_and_no_planned_path_breaks_a_rule_in_hundreds_of_countries(**case: Any) -> None:
    assert_no_rule_is_broken(**case)


def assert_no_rule_is_broken(
    made: list[dict[str, Any]], two_rules: tuple[Rules, Rules], endings: str, seed: int, level: float
) -> None:
    """Rules, whole numbers of rows, identities between the columns, and the menu of this week's prices."""
    default, dresses = two_rules
    snapshot, history = frames(made)
    country = Country("HUN", price_endings=ENDINGS[endings])
    book = RuleBook(default, (Override(None, "dresses", dict(vars(dresses))),))
    ladders = candidate_prices(snapshot, history, country, book, WEEK)
    random = np.random.default_rng(seed)
    units = level * random.gamma(1, 1, (*ladders.cents.shape, ladders.weeks)) * random.integers(0, 2, ladders.weeks)
    dispersion = random.choice([0.0, 0.2, 3.0], len(made))
    forecast = foreseen(np.sort(units, axis=1), dispersion)

    found = recommend(Assortment(WEEK, country, snapshot, history, book, CODES), ladders, forecast, MADE_BY)

    rows, path = found.rows, found.price_path
    assert list(rows.columns) == ROW_COLUMNS
    assert list(path.columns) == PATH_COLUMNS
    assert list(found.options.columns) == OPTION_COLUMNS
    assert rows["article_id"].tolist() == snapshot["article_id"].tolist()
    assert not rows.drop(columns=list(NULLABLE)).isna().any(axis=None)
    assert not path.isna().any(axis=None)
    for own, row, salvage in zip(made, rows.itertuples(), snapshot["salvage_price"], strict=True):
        rules = dresses if own["category"] == "dresses" else default
        planned = path[path["article_id"] == row.article_id]
        priced = list(zip(planned["week"], planned["price"], strict=True))
        assert list(broken_rules(own, priced, WEEK, rules, country.price_endings)) == []
        _check_row(row, planned, own)
        _check_money(row, planned, salvage)
        menu = found.options[found.options["article_id"] == row.article_id]
        _check_menu(menu, row, own, rules, country.price_endings)
    assert check_new_prices(rows, snapshot, country, book) == []
    assert check_every_article_has_a_row(rows, snapshot) == []
    habit = np.take_along_axis(ladders.prices, plan(ladders, forecast).habit.rungs, axis=1)
    for own, prices in zip(made, habit, strict=True):
        rules = dresses if own["category"] == "dresses" else default
        priced = [(monday(ahead), price) for ahead, price in enumerate(prices[: max(own["weeks_left"], 1)])]
        assert list(broken_rules(own, priced, WEEK, rules, country.price_endings)) == []


def _check_row(row: Any, planned: pd.DataFrame, own: dict[str, Any]) -> None:
    assert row.current_price == own["prices"][0]
    assert row.recommended_price == planned["price"].iloc[0]
    assert (row.action == "markdown") == (row.recommended_price < row.current_price)
    assert 0 <= row.markdown_pct <= 100
    assert row.expected_units == planned["expected_units"].iloc[0]
    assert 0 <= row.expected_units <= row.stock
    assert 0 <= row.expected_units_q10 <= row.expected_units_q90 <= row.stock
    assert row.expected_units_q10 % 1 == row.expected_units_q90 % 1 == 0
    assert pd.isna(row.cover_weeks) == (row.expected_units <= 1e-6)
    later = planned[planned["price"].diff() < 0]
    assert row.next_markdown_week == (later["week"].iloc[0] if len(later) else None)
    assert np.array_equal(row.next_markdown_price, later["price"].iloc[0] if len(later) else np.nan, equal_nan=True)
    assert row.reason.endswith(".")
    assert row.reason.count("\n") == 0


def _check_menu(menu: pd.DataFrame, row: Any, own: dict[str, Any], rules: Rules, endings: Any) -> None:
    """Each price once, from today's down; a value or the rule that forbids it; and none is worth more than the best."""
    listed = [cents(price) for price in menu["price"]]
    has_choice = own["stock"] > 0 and own["weeks_left"] > 0
    assert listed == [cents(row.current_price), *(prices_below(own, rules, endings) if has_choice else [])]
    assert menu["step"].tolist() == list(range(len(menu)))
    in_force = menu[menu["price"] == row.recommended_price].iloc[0]
    for option, price in zip(menu.itertuples(), listed, strict=True):
        forbidden = forbidding_rule(own, price, WEEK, rules) if option.step else None
        assert pd.isna(option.value) == pd.isna(option.expected_revenue) == (forbidden is not None)
        if forbidden:
            assert option.rule == forbidden
        assert np.isclose(option.value_loss, in_force.value - option.value, atol=0.006, equal_nan=True)
    assert pd.isna(in_force.rule)
    assert (in_force.value_loss, in_force.expected_units) == (0.0, row.expected_units)
    assert (in_force.expected_leftover, in_force.expected_revenue) == (row.expected_leftover, row.expected_revenue)
    assert in_force.next_markdown_week == row.next_markdown_week
    tolerance = 0.02 + 1e-6 * row.current_price * row.stock
    may_be_asked, has_value = menu["rule"].isna(), menu["value"].notna()
    assert (menu.loc[may_be_asked, "value_loss"] >= -tolerance).all()
    assert (menu.loc[has_value & ~may_be_asked, "value_loss"] < 0).all()
    others = menu[(menu["step"] > 0) if row.action == "keep" else (menu["step"] == 0)]
    if others["value"].notna().any():
        assert row.stake >= 0
        assert np.isclose(row.stake, max(in_force.value - others["value"].max(), 0), atol=0.011)
    else:
        assert pd.isna(row.stake)
    options = {"least_gain"} if rules.least_gain_pct else set()
    options |= {"budget"} if rules.markdown_budget < math.inf else set()
    assert set(menu.loc[has_value & ~may_be_asked, "rule"]) <= options


def _check_money(row: Any, planned: pd.DataFrame, salvage: float) -> None:
    assert np.isclose(row.expected_leftover, row.stock - planned["expected_units"].sum(), atol=1e-6)
    assert (planned["expected_units"] >= 0).all()
    assert (planned["expected_units"] <= planned["expected_stock"]).all()
    assert np.allclose(planned["expected_stock"], row.stock - planned["expected_units"].shift(fill_value=0).cumsum())
    earned = (planned["price"] * planned["expected_units"]).sum() + salvage * row.expected_leftover
    assert abs(row.expected_revenue - earned) <= 0.005 + 1e-9 * earned
    sold = 1 - row.expected_leftover / row.stock if row.stock else 1.0
    assert np.isclose(row.expected_sell_through, sold)


def test_the_same_input_gives_the_same_output() -> None:
    """No hidden chance: the frames are equal to the last bit, and an article's row does not depend on the others'."""
    made = [article(stock=stock, salvage=stock / 50) for stock in range(20, 400, 7)]
    ladders = candidate_prices(*frames(made), Country("DEU"), RuleBook(), WEEK)
    units = np.sort(np.random.default_rng(5).gamma(2, 4, (*ladders.cents.shape, ladders.weeks)), axis=1)
    dispersion = np.full(len(made), 0.3)

    first, again = plan(ladders, foreseen(units, dispersion)), plan(ladders, foreseen(units, dispersion))

    assert np.array_equal(first.best.rungs, again.best.rungs)
    assert np.array_equal(first.best.revenue, again.best.revenue)
    alone = candidate_prices(*frames(made[30:31]), Country("DEU"), RuleBook(), WEEK)
    own = plan(alone, foreseen(units[30:31, : alone.cents.shape[1]], dispersion[:1]))
    assert np.array_equal(own.best.rungs[0], first.best.rungs[30])


def test_every_path_is_valued_by_one_and_the_same_evaluator() -> None:
    """Plan, keep and habit differ in their prices only."""
    made = [article(stock=stock) for stock in (20, 90, 300)]
    ladders = candidate_prices(*frames(made), Country("DEU"), RuleBook(), WEEK)
    units = np.full((*ladders.cents.shape, ladders.weeks), 9.0)
    own = plan(ladders, foreseen(units, np.full(3, 0.2)))

    for valued in (own.best, own.keep, own.habit):
        assert np.array_equal(
            evaluate_path(ladders, valued.rungs, Demand(units, np.full(3, 0.2))).revenue, valued.revenue
        )
