"""The stake of a decision: the value against the other direction, with a range from the level and the response."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.markdown.planning import Plan, plan
from markdown_pricing.markdown.rules import Rules
from tests.markdown.seasons import article, demand, foreseen, ladders_of, monday, recommend_for

MANY = 40


def planned(level_sd: float | None, response_error: float | None = None, rules: Rules | None = None) -> Plan:
    """Articles of any stock, whose level and price response are so unsure."""
    random = np.random.default_rng(6)
    stocks = random.integers(60, 500, MANY)
    ladders = ladders_of(*[article(stock=int(stock), weeks_left=8) for stock in stocks], rules=rules or Rules())
    units = demand(ladders, stocks / 8 * random.uniform(0.1, 1.1, MANY), 2.0)
    unsure = None if level_sd is None else np.full((MANY, ladders.weeks), level_sd)
    forecast = foreseen(units, np.full(MANY, 0.2), level_sd=unsure)
    if response_error is not None:
        forecast = replace(forecast, elasticity=(np.full(MANY, 2.0), np.full(MANY, response_error)))
    return plan(ladders, forecast)


def test_the_stake_is_the_lead_over_the_best_answer_in_the_other_direction() -> None:
    """To a markdown that is keeping the price this week; to a kept price it is the best markdown now."""
    own = planned(0.2)
    value, chosen = own.menu.value, own.menu.chosen
    marked_down = chosen > 0

    assert 0 < marked_down.sum() < MANY
    in_force = value[np.arange(MANY), chosen]
    assert own.stake.value[marked_down] == pytest.approx((in_force - value[:, 0])[marked_down])
    waits = in_force - np.nanmax(value[:, 1:], axis=1)
    assert own.stake.value[~marked_down] == pytest.approx(np.maximum(waits, 0)[~marked_down])


def test_what_was_held_back_leaves_nothing_at_stake() -> None:
    """The range then reaches below 0."""
    own = planned(0.2, rules=Rules(least_gain_pct=5.0))

    assert own.too_little_gain.any()
    assert (own.stake.value[own.too_little_gain] == 0).all()
    assert (own.stake.low[own.too_little_gain] < 0).all()


def test_a_price_that_cannot_change_has_no_stake() -> None:
    rows = recommend_for(article(stock=400), article(stock=0), rules=Rules(max_markdowns=0)).rows

    assert rows[["stake", "stake_low", "stake_high"]].isna().all(axis=None)


def test_the_range_is_wider_where_the_level_or_the_response_is_less_sure() -> None:
    sure, unsure = planned(0.1, 0.1), planned(0.3, 0.1)
    doubtful = planned(0.1, 0.8)
    width = [np.nanmean(own.stake.high - own.stake.low) for own in (sure, unsure, doubtful)]

    assert width[0] < min(width[1], width[2])
    for own in (sure, unsure, doubtful):
        assert (own.stake.low <= own.stake.high).all()


def test_units_that_are_taken_for_certain_have_no_range() -> None:
    """A model that does not say how unsure it is can give none."""
    own = planned(None, 0.5)

    assert not np.isnan(own.stake.value).any()
    assert np.isnan(own.stake.low).all()
    assert np.isnan(own.stake.high).all()


def test_a_row_has_what_a_buyer_needs_beside_the_price() -> None:
    """What was delivered, and what the weeks before say; the snapshot's own price is none of them."""
    made = article({-7: 19.99, -5: 39.99, -3: 44.99, -2: 44.99, -1: 44.99, 0: 34.99}, stock=400, stores=12)
    row, new = recommend_for(made, article({0: 49.99}, launch=0)).rows.itertuples()

    assert (row.category, row.season, row.launch_week) == ("coats", "winter", monday(-8))
    assert (row.stores, row.salvage_price) == (12, 5.0)
    assert (row.units_last_week, row.units_4_weeks) == (3.0, 9.0)
    assert row.lowest_price_30_days == 39.99
    assert row.markdowns_taken > 0
    assert pd.isna([new.units_last_week, new.units_4_weeks, new.lowest_price_30_days]).all()


def test_exceptions_have_a_severity() -> None:
    """A sold-out article needs nobody; one without an exception has none."""
    rows = recommend_for(article(stock=0), article(stock=50_000), article(stock=60)).rows

    assert rows["exception_code"].tolist()[:2] == ["sold_out", "certain_leftover"]
    assert rows["severity"].tolist()[:2] == ["info", "act"]
    assert pd.isna(rows["severity"].iloc[2])
