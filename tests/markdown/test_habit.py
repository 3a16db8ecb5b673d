"""The fixed ladder from today's price on."""

from markdown_pricing.markdown.rules import Rules
from tests.markdown.seasons import article, monday, plan_of, prices_of


def test_the_habit_takes_its_rungs_at_sixty_and_eighty_percent_of_the_season() -> None:
    """Ten weeks: 30 % off from the seventh, 50 % off from the ninth."""
    ladders, own_plan = plan_of(article({0: 49.99}, launch=0, weeks_left=10))

    assert prices_of(ladders, own_plan.habit.rungs) == 6 * [49.99] + 2 * [34.99] + 2 * [24.99]


def test_the_habit_keeps_the_rules_too() -> None:
    """A blocked move is taken when it is first allowed; no rung below salvage; never up."""
    rules = Rules(no_touch_weeks=frozenset({monday(6)}), weeks_between_markdowns=3)
    ten_weeks = {"launch": 0, "weeks_left": 10}
    ladders, own_plan = plan_of(
        article({0: 49.99}, **ten_weeks),
        article({0: 49.99}, salvage=30.0, **ten_weeks),
        article({0: 29.99}, **ten_weeks),
        rules=rules,
    )

    assert prices_of(ladders, own_plan.habit.rungs, 0) == 7 * [49.99] + 3 * [34.99]
    assert prices_of(ladders, own_plan.habit.rungs, 1) == 7 * [49.99] + 3 * [34.99]
    assert prices_of(ladders, own_plan.habit.rungs, 2) == 8 * [29.99] + 2 * [24.99]


def test_a_habit_that_is_late_catches_up_at_once() -> None:
    """It takes the deepest rung that is due, from today's price on."""
    ladders, own_plan = plan_of(article(launch=-20, weeks_left=3))

    assert prices_of(ladders, own_plan.habit.rungs) == 3 * [24.99]
