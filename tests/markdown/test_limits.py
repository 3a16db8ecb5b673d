"""What the rules allow, step by step, and that every path that is planned keeps to it."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from markdown_pricing.arrays import rows_of
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.habit import habit_rungs
from markdown_pricing.markdown.limits import Limits, Standing, _held_longest_by_most, deepest_rungs
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.rules import Rules
from markdown_pricing.markdown.task import Task
from markdown_pricing.markdown.valuation import evaluate_path
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


def one(limits: Limits, row: int) -> Limits:
    return rows_of(limits, np.array([row]))


def allowed_paths(limits: Limits, state: Standing | None = None, week: int = 0) -> Iterator[tuple[int, ...]]:
    """Every path of one article that its limits allow, found by stepping through them."""
    state = state or limits.start
    if week == limits.weeks:
        yield ()
        return
    for rung in (int(state.rung[0]), *np.flatnonzero(limits.may_move(state, week)[0])):
        for rest in allowed_paths(limits, limits.after(state, np.array([rung])), week + 1):
            yield (int(rung), *rest)


def random_rules(seed: int) -> Rules:
    random = np.random.default_rng(seed)
    return Rules(
        discounts_pct=(20, 40, 60),
        max_markdowns=int(random.integers(1, 5)),
        weeks_between_markdowns=int(random.integers(1, 4)),
        no_touch_weeks=frozenset(monday(int(ahead)) for ahead in random.choice(6, random.integers(0, 3))),
        full_price_weeks=int(random.choice([0, 0, 3, 20])),
        max_step_pct=float(random.choice([20, 40, 100])),
    )


@pytest.mark.parametrize("seed", range(12))
def test_the_dynamic_programme_has_the_same_rules(seed: int) -> None:
    """Stock that never runs short and certain demand leave no rounding: its path is the best of all that are allowed.

    A rule that it did not have would give a path that is not allowed; one that it had beyond them would cost money.
    """
    random = np.random.default_rng(seed)
    fell = {-3: {-4: 49.99, -3: 39.99, 0: 39.99}, -1: {-2: 49.99, -1: 39.99, 0: 39.99}, 0: {-1: 49.99, 0: 39.99}}
    made = [
        article(prices, stock=40_000, salvage=0.0, weeks_left=int(random.integers(3, 7)))
        for prices in (*fell.values(), *[49.99] * 7)
    ]
    ladders = ladders_of(*made, rules=random_rules(seed))
    takings = random.uniform(5_000, 20_000, (*ladders.cents.shape, ladders.weeks))
    limits = Limits.of(ladders)
    demand = Demand(takings / ladders.prices[:, :, np.newaxis], np.zeros(len(made)))

    planned = Task(ladders, limits, demand).path(np.zeros(len(made)))

    for row in range(len(made)):
        paths = list(allowed_paths(one(limits, row)))
        again = np.full(len(paths), row)
        gains = evaluate_path(rows_of(ladders, again), np.array(paths), rows_of(demand, again)).gain

        assert tuple(planned.rungs[row]) in paths
        assert planned.gain[row] == pytest.approx(gains.max(), abs=5.0)


@pytest.mark.parametrize("seed", range(6))
def test_deepest_path_and_habit_are_paths_that_are_allowed(seed: int) -> None:
    ladders = ladders_of(article(launch=-4, weeks_left=5), article(39.99, weeks_left=5), rules=random_rules(seed))
    limits = Limits.of(ladders)

    for rungs in (deepest_rungs(limits), habit_rungs(ladders, limits)):
        for row in range(2):
            assert tuple(rungs[row]) in set(allowed_paths(one(limits, row)))


def test_a_markdown_takes_one_of_those_left_and_starts_the_interval() -> None:
    limits = Limits.of(ladders_of(article(stock=500), rules=Rules(max_markdowns=2, weeks_between_markdowns=3)))

    moved = limits.after(limits.start, np.array([2]))
    stayed = limits.after(moved, np.array([2]))

    assert (moved.rung[0], moved.left[0], moved.wait[0]) == (2, 1, 2)
    assert (stayed.rung[0], stayed.left[0], stayed.wait[0]) == (2, 1, 1)
    assert not limits.may_move(moved, 1).any()
    assert np.flatnonzero(limits.may_move(limits.after(stayed, np.array([2])), 3)[0]).tolist() == [3, 4, 5, 6, 7]


def test_what_forbids_a_markdown_is_named() -> None:
    rules = Rules(max_markdowns=1, no_touch_weeks=frozenset({monday(0)}))
    limits = Limits.of(ladders_of(article({-1: 49.99, 0: 39.99}), article(weeks_left=0), article(), rules=rules))

    held = limits.holds(limits.start, 0)

    assert {word: flags.tolist() for word, flags in held.items()} == {
        "past_end": [False, True, False],
        "full_price_weeks": [False, False, False],
        "temporary_price": [False, False, False],
        "too_soon": [True, False, False],
        "too_many": [True, False, False],
        "no_touch_week": [True, True, True],
    }


@pytest.mark.parametrize(
    ("launch", "weeks_left", "asked", "held"),
    [(0, 12, 4, 4), (-3, 9, 4, 1), (-4, 8, 4, 0), (0, 8, 4, 2), (2, 14, 4, 6), (2, 14, 0, 0), (0, 2, 4, 0)],
    ids=["launch week", "its fourth week", "its fifth", "a third of eight", "before the launch", "off", "two weeks"],
)
def test_the_first_weeks_are_sold_at_full_price(launch: int, weeks_left: int, asked: int, held: int) -> None:
    """Plan and habit wait, also for a hard sell-through target."""
    rules = Rules(full_price_weeks=asked, sell_through_target=1.0, sell_through="hard")
    made = article(launch=launch, weeks_left=weeks_left, stock=50_000)

    _, own_plan = plan_of(made, rules=rules)

    assert own_plan.limits.full_price.tolist() == [held]
    for path in (own_plan.best, own_plan.habit, own_plan.keep):
        assert path.rungs[0, :held].max(initial=0) == 0
    assert np.flatnonzero(own_plan.best.rungs[0])[0] == held


def test_a_price_group_is_held_while_the_larger_part_of_its_stock_is() -> None:
    assert _held_longest_by_most(np.array([4, 2, 0]), np.array([60, 30, 10])) == 4

    assert _held_longest_by_most(np.array([4, 2, 0]), np.array([40, 30, 30])) == 2
    assert _held_longest_by_most(np.array([4, 0]), np.array([50, 50])) == 0
