"""What each rule holds back in a planned path."""

from itertools import pairwise

import numpy as np
import pytest

from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.rules import Rules
from tests.markdown.seasons import article, foreseen, ladders_of, monday, plan_of, prices_of


@pytest.mark.parametrize(("fell", "first_allowed"), [(-3, 0), (-2, 0), (-1, 1), (0, 2)])
def test_the_interval_counts_from_the_last_markdown_in_the_history(fell: int, first_allowed: int) -> None:
    """Two weeks: first sold lower in week t, the next in week t + 2 at the earliest."""
    before = dict.fromkeys(range(-8, fell), 49.99)
    after = dict.fromkeys(range(fell, 1), 44.99)

    _, own_plan = plan_of(article(before | after, stock=2_000))

    assert np.flatnonzero(own_plan.best.rungs[0])[0] == first_allowed


def test_markdowns_are_as_far_apart_as_the_rules_say() -> None:
    """Each week sells a rung lower than the last, and the first one most: a step a week would be best."""
    for weeks in (1, 2, 3):
        ladders = ladders_of(article(stock=5_000), rules=Rules(weeks_between_markdowns=weeks, max_markdowns=3))
        sells = np.arange(len(ladders.prices[0]))[:, np.newaxis] > np.arange(ladders.weeks)
        weekly = np.where(np.arange(ladders.weeks) == 0, 2_000.0, 100.0)
        path = plan(ladders, foreseen((weekly * sells)[np.newaxis], np.array([0.0]))).best.rungs[0]
        falls = np.flatnonzero(np.diff(path, prepend=0))
        assert len(falls) == 3
        assert (np.diff(falls) >= weeks).all()


def test_no_markdown_is_planned_into_a_no_touch_week() -> None:
    """It comes as soon as the weeks are over."""
    _, own_plan = plan_of(article(stock=2_000), rules=Rules(no_touch_weeks=frozenset({monday(0), monday(1)})))

    assert np.flatnonzero(own_plan.best.rungs[0])[0] == 2


def test_a_single_step_is_no_larger_than_the_rules_allow() -> None:
    """Twenty points of the list price at a time, to the whole point."""
    ladders, own_plan = plan_of(article(stock=2_000), rules=Rules(max_step_pct=20))

    path = [49.99, *prices_of(ladders, own_plan.best.rungs)]
    assert path[-1] < 25
    assert max(a - b for a, b in pairwise(path)) <= 0.205 * 49.99
