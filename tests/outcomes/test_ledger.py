"""What became of the advice of a week, by the snapshots after it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.columns import OUTCOME_COLUMNS
from markdown_pricing.decisions.decision import Decision
from markdown_pricing.outcomes.ledger import RecommendedWeek, Shown, outcome_rows, wanted_prices
from markdown_pricing.outcomes.menus import Menus
from tests.decisions.test_decision import make

WEEK = date(2026, 2, 9)
NOW = datetime(2026, 2, 16, 9, tzinfo=UTC)
MENU = {49.99: 1000.0, 44.95: 1100.0, 39.95: 1150.0, 34.95: np.nan}
"""Of an article at 49.99, whose recommended price is 39.95; a rule forbids the lowest one."""


def recommended(**changes: Any) -> pd.DataFrame:
    """The row of one article, `A1`."""
    row = {
        "country": "DEU",
        "article_id": "A1",
        "week": WEEK,
        "arm": None,
        "list_price": 49.99,
        "current_price": 49.99,
        "recommended_price": 39.95,
        "expected_units": 12.0,
        "expected_units_q10": 7.0,
        "expected_units_q90": 18.0,
        "stake": 50.0,
        "category": "coats",
        "launch_week": WEEK - timedelta(weeks=5),
        "end_week": WEEK + timedelta(weeks=6),
        "model_version": "test 1",
    }
    return pd.DataFrame([{**row, **changes}])


def options(menu: dict[float, float] = MENU) -> pd.DataFrame:
    rows = [
        {"article_id": "A1", "step": step, "price": price, "value": value}
        for step, (price, value) in enumerate(menu.items())
    ]
    return pd.DataFrame(rows, columns=["article_id", "step", "price", "value"])


def series(value: float | None) -> "pd.Series[float]":
    return pd.Series({} if value is None else {"A1": value}, dtype=float)


def outcome(
    next_price: float | None,
    after: float | None = None,
    *,
    decision: Decision | None = None,
    has_after: bool | None = None,
    wanted_next: float | None = None,
    sold_price: float | None = 49.99,
    menu: dict[float, float] = MENU,
    locked: frozenset[str] = frozenset(),
    **changes: Any,
) -> Any:
    """The outcome of an article whose price in the next snapshot, and in the one after, is given."""
    decided = {"A1": decision} if decision else {}
    week = RecommendedWeek(WEEK, recommended(**changes), options(menu), decided, locked, series(wanted_next))
    shown = Shown(
        next_price=series(next_price),
        has_next=True,
        price_after=series(after),
        has_after=after is not None if has_after is None else has_after,
        sold_price=series(sold_price),
        units=series(10.0),
        stock_end=series(90.0),
    )
    made = outcome_rows(week, shown, "run", NOW)
    assert list(made.columns) == OUTCOME_COLUMNS
    return next(made.itertuples())


def test_a_recommended_price_that_the_next_snapshot_has_was_followed_at_no_cost() -> None:
    row = outcome(39.95)

    assert (row.state, row.followed, row.steps_off, row.cost_ex_ante) == ("applied", True, 0, 0.0)
    assert (row.verdict, row.decided_price) == (None, pytest.approx(np.nan, nan_ok=True))


def test_a_price_within_a_hundredth_and_a_half_of_the_list_price_is_the_same() -> None:
    assert outcome(39.95 + 0.74).followed
    assert not outcome(39.95 + 0.76).followed


def test_a_price_that_stayed_cost_what_the_menu_says() -> None:
    row = outcome(49.99)

    assert (row.followed, row.steps_off, row.cost_ex_ante) == (False, 2, 150.0)


def test_a_price_between_two_rungs_is_valued_between_them() -> None:
    half_way = (44.95 + 49.99) / 2

    assert outcome(half_way).cost_ex_ante == pytest.approx(150 - 50, abs=0.01)


@pytest.mark.parametrize(
    "price",
    [
        pytest.param(34.95, id="forbidden"),
        pytest.param(37.0, id="beside a forbidden one"),
        pytest.param(59.99, id="a rise"),
        pytest.param(19.99, id="below the menu"),
    ],
)
def test_a_price_that_the_menu_does_not_value_has_no_cost(price: float) -> None:
    assert np.isnan(outcome(price).cost_ex_ante)


def test_steps_are_counted_from_the_nearest_price_of_the_menu() -> None:
    assert outcome(45.60).steps_off == 1
    assert outcome(34.95).steps_off == -1
    assert outcome(69.99).steps_off == 3  # a rise counts as one step above today's price


def test_an_advice_without_a_menu_has_neither_cost_nor_steps() -> None:
    row = outcome(49.99, menu={})

    assert np.isnan([row.cost_ex_ante, row.steps_off]).all()
    assert row.state == "open"


def test_a_price_that_is_not_there_yet_is_open_until_the_second_snapshot() -> None:
    assert outcome(49.99).state == "open"
    assert outcome(49.99, 39.95).state == "applied_late"
    assert outcome(49.99, 49.99).state == "not_applied"
    assert outcome(49.99, None, has_after=True).state == "not_applied"


def test_a_price_is_overtaken_when_something_else_was_wanted_by_then() -> None:
    assert outcome(49.99, 49.99, wanted_next=34.95).state == "overtaken"
    assert outcome(49.99, 49.99, wanted_next=39.95).state == "not_applied"


def test_a_late_price_counts_in_its_week_as_not_followed() -> None:
    row = outcome(49.99, 39.95)

    assert (row.followed, row.applied_price, row.cost_ex_ante) == (False, 49.99, 150.0)


def test_an_article_that_no_data_show_is_unknown_and_in_no_sum() -> None:
    row = outcome(None, sold_price=None)

    assert (row.state, row.followed) == ("unknown", None)
    assert np.isnan([row.cost_ex_ante, row.steps_off, row.revenue]).all()


def test_an_article_whose_season_is_over_was_asked_what_its_last_week_shows() -> None:
    assert outcome(None, sold_price=39.95).state == "applied"


def test_a_price_that_changed_in_mid_week_counts_as_the_next_snapshot_has_it() -> None:
    """What the week brought is counted at the price at which it was sold."""
    row = outcome(39.95, sold_price=47.50)

    assert (row.state, row.applied_price, row.revenue) == ("applied", 39.95, 475.0)


def test_the_state_is_that_of_the_decision_and_the_cost_that_of_the_advice() -> None:
    changed = make(verdict="changed", price=Decimal("44.95"), decision_reason="too_deep")

    row = outcome(44.95, decision=changed)

    assert (row.state, row.followed, row.cost_ex_ante) == ("applied", False, 50.0)
    assert (row.verdict, row.decided_price, row.decision_reason) == ("changed", 44.95, "too_deep")


def test_a_locked_price_was_to_be_held_whatever_was_decided() -> None:
    accepted = make(verdict="accepted", price=None, recommended_price=Decimal("39.95"))

    held = outcome(49.99, decision=accepted, locked=frozenset({"A1"}))

    assert (held.state, held.decided_price, held.verdict) == ("applied", 49.99, "accepted")
    assert outcome(39.95, 39.95, decision=accepted, locked=frozenset({"A1"})).state == "not_applied"


@pytest.mark.parametrize("seen", [Decimal("49.99"), Decimal("12.34"), None])
def test_a_rejected_markdown_asks_for_todays_price(seen: Decimal | None) -> None:
    rejected = make(verdict="rejected", price=None, current_price=seen)

    assert outcome(49.99, decision=rejected).state == "applied"
    assert outcome(39.95, 39.95, decision=rejected).state == "not_applied"


@pytest.mark.parametrize(
    ("weeks_lived", "phase"), [(0, "launch"), (3, "launch"), (4, "middle"), (8, "end"), (99, "end")]
)
def test_a_phase_is_a_third_of_the_life(weeks_lived: int, phase: str) -> None:
    launch = WEEK - timedelta(weeks=weeks_lived)

    assert outcome(39.95, launch_week=launch, end_week=launch + timedelta(weeks=11)).phase == phase


def test_a_launch_that_was_not_kept_gives_no_phase() -> None:
    assert outcome(39.95, launch_week=None).phase is None


def test_what_is_wanted_is_the_decided_price_or_else_the_recommended_one() -> None:
    changed = {"A1": make(verdict="changed", price=Decimal("44.95"))}

    assert wanted_prices(recommended(), {}, ())["A1"] == 39.95
    assert wanted_prices(recommended(), changed, ())["A1"] == 44.95
    assert wanted_prices(recommended(), changed, {"A1"})["A1"] == 49.99


def test_a_menu_of_another_article_says_nothing() -> None:
    menus = Menus.of(options(), pd.Series(["A0", "A1"]))

    assert np.isnan(menus.value_of(np.array([49.99, 49.99]))[0])
    assert menus.value_of(np.array([49.99, 49.99]))[1] == 1000.0
