"""Weeks left and markdowns taken, as the price history tells them."""

from collections.abc import Mapping

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markdown_pricing.markdown.season import NEVER, Season, read_season
from tests.markdown.rule_checker import markdown_weeks
from tests.markdown.seasons import WEEK, article, frames, monday


def season_of(prices: Mapping[int, float], **facts: object) -> Season:
    return read_season(*frames([article(prices, **facts)]), WEEK)


def markdowns(prices: Mapping[int, float], **facts: object) -> tuple[int, int]:
    """Markdowns taken and weeks since the last."""
    season = season_of(prices, **facts)
    return int(season.markdowns_taken[0]), int(season.weeks_since_markdown[0])


@pytest.mark.parametrize(("last_week", "weeks_left"), [(1, 1), (8, 8), (0, 0), (-5, 0)])
def test_this_week_and_the_last_one_both_count(last_week: int, weeks_left: int) -> None:
    """An article whose end_week is this week has one week left; one whose end_week is past has none."""
    assert season_of({-1: 9.99, 0: 9.99}, weeks_left=last_week).weeks_left[0] == weeks_left


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ({-3: 49.99, -2: 39.99, -1: 39.99, 0: 39.99}, (1, 2)),
        ({-2: 49.99, -1: 49.99, 0: 39.99}, (1, 0)),
        ({-6: 49.99, -3: 39.99, -2: 39.99, -1: 39.99, 0: 39.99}, (1, 3)),
        ({-6: 49.99, 0: 39.99}, (1, 1)),
        ({-2: 49.99, 0: 39.99}, (1, 1)),
        ({-5: 39.99, -4: 39.99, 0: 39.99}, (1, 5)),
        ({0: 39.99}, (1, 1)),
        ({-8: 39.99, -7: 39.99, -1: 39.99, 0: 39.99}, (1, 8)),
        ({-8: 49.99, -7: 39.99, -2: 49.99, -1: 34.99, 0: 34.99}, (2, 1)),
        ({-8: 49.99, -7: 49.99, 0: 49.99}, (0, NEVER)),
    ],
    ids=[
        "in the week first sold at the lower price",
        "into the snapshot's week itself",
        "in the later row's week when rows are missing",
        "in the week before when the rows up to the snapshot are missing",
        "in the week before when one row is missing",
        "in a first row after launch that is below list price",
        "in the week before when the snapshot's row is the first",
        "at launch",
        "a fall that was taken back late, and the next one",
        "never",
    ],
)
def test_a_fall_counts_in_the_latest_week_it_can_have_happened(
    prices: Mapping[int, float], expected: tuple[int, int]
) -> None:
    """Launched eight weeks ago at a list price of 49.99."""
    assert markdowns(prices, launch=-8) == expected


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ({-5: 100.0, -4: 99.10, -3: 98.70, -2: 99.60, -1: 99.0, 0: 100.0}, (0, NEVER)),
        ({-5: 100.0, -4: 97.01, 0: 97.01}, (0, NEVER)),
        ({-5: 100.0, -4: 97.0, 0: 97.0}, (1, 4)),
        ({-5: 100.0, -4: 98.5, -3: 97.0, -2: 95.5, -1: 94.0, 0: 92.5}, (2, 1)),
        ({-8: 100.0, -7: 70.0, -6: 70.0, -5: 100.0, 0: 100.0}, (0, NEVER)),
        ({-8: 100.0, -4: 70.0, -1: 70.0, 0: 85.0}, (0, NEVER)),
        ({-8: 100.0, -4: 70.0, -1: 70.0, 0: 84.9}, (1, 4)),
        ({-8: 100.0, -5: 70.0, -1: 70.0, 0: 100.0}, (1, 5)),
        ({-8: 100.0, -6: 80.0, -4: 60.0, -3: 90.0, 0: 90.0}, (0, NEVER)),
        ({-8: 80.0, -7: 80.0, -6: 70.0, -5: 70.0, 0: 70.0}, (2, 6)),
        ({-8: 100.0, -6: 70.0, -5: 110.0, -4: 97.5, 0: 97.5}, (0, NEVER)),
    ],
    ids=[
        "noise of cents",
        "a little less than three points",
        "three points",
        "small falls add up",
        "a promotion",
        "half regained in the snapshot week",
        "less than half regained",
        "regained after five weeks",
        "two falls taken back at once",
        "a first row below the list price, and a fall from there",
        "no price is a reference above the list price",
    ],
)
def test_what_counts_as_a_markdown(prices: Mapping[int, float], expected: tuple[int, int]) -> None:
    """Falls of three points of the list price that stay; launched eight weeks ago at a list price of 100."""
    assert markdowns(prices, list_price=100.0, launch=-8) == expected


def test_a_price_that_moves_with_its_list_price_is_no_markdown() -> None:
    """Inflation, or its opposite: only the share of the week's own list price counts."""
    snapshot, history = frames([article({-3: 100.0, -2: 100.0, -1: 90.0, 0: 90.0}, list_price=100.0)])
    history["list_price"], snapshot["list_price"] = [100.0, 120.0, 90.0], 90.0

    assert read_season(snapshot, history, WEEK).markdowns_taken.tolist() == [0]


def test_an_end_far_ahead_is_planned_to_104_weeks() -> None:
    """The shares of the season keep the real end."""
    season = season_of({-1: 9.99, 0: 9.99}, weeks_left=4_000, launch=-8)

    assert (season.weeks_left[0], season.life_weeks[0], season.far_end[0]) == (105, 4_008, True)
    assert not season_of({0: 9.99}, weeks_left=105).far_end[0]


def until(ahead: int, prices: Mapping[int, float]) -> Season:
    """An article whose price of the snapshot week holds until the week `ahead`, at a list price of 50."""
    snapshot, history = frames([article(prices, list_price=50.0)])
    return read_season(snapshot.assign(price_until=pd.Timestamp(monday(ahead))), history, WEEK)


def test_a_temporary_price_goes_back_to_the_last_one_that_counted() -> None:
    season = until(1, {-9: 50.0, -8: 40.0, -1: 40.0, 0: 30.0})

    assert (season.temporary_weeks[0], season.regular_cents[0]) == (2, 4_000)
    assert (season.markdowns_taken[0], season.weeks_since_markdown[0]) == (1, 8)


def test_a_temporary_price_that_lasts_too_long_counts() -> None:
    assert until(3, {-1: 50.0, 0: 30.0}).markdowns_taken.tolist() == [0]
    assert until(4, {-1: 50.0, 0: 30.0}).markdowns_taken.tolist() == [1]


def test_a_temporary_price_that_is_over_is_none() -> None:
    season = until(-1, {-1: 50.0, 0: 30.0})

    assert (season.temporary_weeks[0], season.regular_cents[0]) == (0, 3_000)


def test_prices_are_compared_in_whole_cents() -> None:
    """A difference that no label shows is no markdown."""
    assert markdowns({-2: 39.990000001, -1: 39.99, 0: 39.989999}, list_price=39.99) == (0, NEVER)


def test_articles_do_not_mix() -> None:
    """They mix neither with their neighbours nor with articles that are no longer priced."""
    snapshot, history = frames([article(60.0), article({-1: 30.0, 0: 30.0}, list_price=30.0), article(20.0)])
    season = read_season(snapshot.iloc[[1]].reset_index(drop=True), history, WEEK)

    assert season.markdowns_taken.tolist() == [0]
    assert season.has_history.tolist() == [True]


def test_an_empty_history_is_a_history() -> None:
    """A country's very first week."""
    snapshot, history = frames([article({0: 49.99}), article({0: 39.99})])

    season = read_season(snapshot, history, WEEK)

    assert season.markdowns_taken.tolist() == [0, 1]
    assert season.has_history.tolist() == [False, False]


@settings(max_examples=60)
@given(
    st.lists(
        st.dictionaries(
            st.integers(-10, -1), st.sampled_from([54.99, 49.99, 48.99, 47.99, 44.99, 34.99, 24.99]), max_size=10
        ).flatmap(lambda past: st.sampled_from([49.99, 47.99, 34.99, 24.99]).map(lambda now: {**past, 0: now})),
        min_size=1,
        max_size=20,
    )
)
def test_markdowns_are_those_that_reading_row_by_row_finds(histories: list[dict[int, float]]) -> None:
    """Against a plain reading of the contract, for any gaps, falls and rises."""
    made = [article(prices, launch=-10) for prices in histories]
    season = read_season(*frames(made), WEEK)

    by_hand = [markdown_weeks(own) for own in made]
    assert season.markdowns_taken.tolist() == [len(fell) for fell in by_hand]
    assert season.weeks_since_markdown.tolist() == [-max(fell, default=-NEVER) for fell in by_hand]
