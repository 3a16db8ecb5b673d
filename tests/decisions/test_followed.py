"""What decisions mean for the rows of the weeks that follow."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from markdown_pricing.currencies import Changeover
from markdown_pricing.decisions.decision import Decision
from markdown_pricing.decisions.followed import Asked, Followed, follow, in_currency_of, locks_in_short
from tests.decisions.test_decision import make

WEEK = date(2026, 2, 9)
ONE = timedelta(weeks=1)
ACCEPTED = make()
REJECTED = replace(ACCEPTED, verdict="rejected", price=None, stake=Decimal("40.00"))


def asked(*prices: str, first: date = WEEK) -> dict[str, Asked]:
    """An article with list price 19.99 that was asked these prices, a week each."""
    return {
        "A1": Asked(Decimal("19.99"), {first + number * ONE: Decimal(price) for number, price in enumerate(prices)})
    }


def followed(decision: Decision, week: date, articles: dict[str, Asked]) -> Followed:
    return follow([decision], week, articles).articles.get("A1", Followed())


def test_an_accepted_price_that_is_there_needs_no_word() -> None:
    assert followed(ACCEPTED, WEEK + ONE, asked("19.99", "13.95")) == Followed()


def test_an_accepted_price_that_is_not_there_is_not_applied() -> None:
    told = Followed(WEEK, Decimal("13.95"), None, not_applied=True)

    assert followed(ACCEPTED, WEEK + ONE, asked("19.99", "19.99")) == told
    assert followed(ACCEPTED, WEEK + 2 * ONE, asked("19.99", "19.99", "19.99")) == told


def test_a_price_that_was_to_be_kept_and_fell_is_not_applied() -> None:
    """That it was asked in the week of the decision itself says nothing."""
    keep = replace(ACCEPTED, price=Decimal("19.99"), recommended_price=Decimal("19.99"))

    assert followed(keep, WEEK + ONE, asked("19.99", "13.95")).not_applied


def test_on_the_monday_of_the_decision_nothing_is_asked_yet() -> None:
    assert followed(ACCEPTED, WEEK, asked("19.99")) == Followed()


def test_a_price_that_came_late_or_left_again_was_asked() -> None:
    assert followed(ACCEPTED, WEEK + 2 * ONE, asked("19.99", "19.99", "13.95")) == Followed()
    assert followed(ACCEPTED, WEEK + 2 * ONE, asked("19.99", "13.95", "19.99")) == Followed()


def test_a_week_that_no_snapshot_shows_changes_nothing() -> None:
    """Asked is the next snapshot that there is."""
    skipped = {"A1": Asked(Decimal("19.99"), {WEEK + 2 * ONE: Decimal("13.95")})}

    assert followed(ACCEPTED, WEEK + 2 * ONE, skipped) == Followed()


@pytest.mark.parametrize(("price", "is_there"), [("14.24", True), ("14.26", False), ("13.66", True)])
def test_a_price_within_a_point_and_a_half_of_the_list_price_is_the_decided_one(price: str, is_there: bool) -> None:
    """As when it was changed in mid-week and the data give a mean."""
    assert (followed(ACCEPTED, WEEK + ONE, asked("19.99", price)) == Followed()) == is_there


def test_a_changed_price_is_looked_for_and_not_the_recommended_one() -> None:
    changed = replace(ACCEPTED, verdict="changed", price=Decimal("16.95"))

    assert followed(changed, WEEK + ONE, asked("19.99", "16.95")) == Followed()
    assert followed(changed, WEEK + ONE, asked("19.99", "13.95")).not_applied


def test_an_accepted_price_under_a_lock_was_to_be_held_and_is_not_missed() -> None:
    """Neither while the lock holds nor afterwards; that the held price fell all the same is said."""
    locked = replace(ACCEPTED, lock_until=WEEK + 2 * ONE)

    assert followed(locked, WEEK + ONE, asked("19.99", "19.99")) == Followed(locked_until=WEEK + 2 * ONE)
    assert followed(locked, WEEK + 2 * ONE, asked("19.99", "19.99", "19.99")) == Followed()
    fell = followed(locked, WEEK + ONE, asked("19.99", "13.95"))
    assert fell == Followed(WEEK, Decimal("19.99"), None, not_applied=True, locked_until=WEEK + 2 * ONE)


def test_a_rejected_price_keeps_what_was_at_stake() -> None:
    told = followed(REJECTED, WEEK + ONE, asked("19.99", "19.99"))

    assert told == Followed(WEEK, Decimal("19.99"), Decimal("40.00"), rejected=True)


def test_a_lock_counts_on_its_own_monday_and_until_the_one_that_it_names() -> None:
    lock = replace(REJECTED, lock_until=WEEK + 2 * ONE)

    held = [followed(lock, WEEK + ahead * ONE, asked("19.99")).locked_until for ahead in range(3)]

    assert held == [WEEK + 2 * ONE, WEEK + 2 * ONE, None]


def test_a_lock_until_a_day_that_is_no_monday_is_held_until_the_next_one() -> None:
    lock = replace(REJECTED, lock_until=WEEK + ONE + timedelta(days=3))

    held = [followed(lock, WEEK + ahead * ONE, asked("19.99")).locked_until for ahead in range(3)]

    assert held == [WEEK + 2 * ONE, WEEK + 2 * ONE, None]
    assert locks_in_short([lock], WEEK + ONE) == "A1:2026-02-23"


def test_the_newest_decision_counts_and_a_withdrawn_one_does_not() -> None:
    later = replace(REJECTED, decision_id="d2", week=WEEK + ONE)
    withdrawn = replace(later, decision_id="d3", seq=2, verdict="withdrawn")
    shelf, week = asked("19.99", "19.99", "19.99"), WEEK + 2 * ONE

    assert follow([ACCEPTED, later], week, shelf).articles["A1"].rejected
    assert follow([ACCEPTED, later, withdrawn], week, shelf).articles["A1"].not_applied


def test_a_decision_of_a_week_to_come_waits() -> None:
    assert followed(replace(ACCEPTED, week=WEEK + ONE, lock_until=WEEK + 2 * ONE), WEEK, asked("19.99")) == Followed()


def test_a_void_decision_says_why_for_four_weeks() -> None:
    void = replace(ACCEPTED, lock_until=WEEK)
    why = "its lock until 2026-02-09 is over before it begins"

    assert followed(void, WEEK + 3 * ONE, asked("19.99")) == Followed(WEEK, void=why)
    assert followed(void, WEEK + 4 * ONE, asked("19.99")) == Followed()


def test_a_decision_about_an_article_that_is_gone_is_said() -> None:
    found = follow([ACCEPTED], WEEK + ONE, {})

    assert found.articles == {}
    assert found.gone == ("A1: accepted at 13.95 in the week of 2026-02-09, but the article is gone",)
    assert follow([ACCEPTED], WEEK + 4 * ONE, {}).gone == ()


EURO = Changeover("HRV", "EUR", WEEK + 2 * ONE, 7.5345)


def test_money_of_weeks_before_a_change_of_currency_is_in_the_currency_of_the_week() -> None:
    """As history is; a decision of the week of the change is in the new currency already."""
    seen = replace(ACCEPTED, price=Decimal("100.00"), stake=Decimal("753.45"), current_price=Decimal("0.01"))
    after = replace(seen, week=WEEK + 2 * ONE)

    assert in_currency_of(WEEK + ONE, [seen], [EURO]) == (seen,)
    before, of_the_week = in_currency_of(WEEK + 2 * ONE, [seen, after], [EURO])

    assert (before.price, before.stake, before.recommended_price) == (
        Decimal("13.27"),
        Decimal("100.00"),
        Decimal("1.85"),
    )
    assert before.current_price == Decimal("0.01")
    assert of_the_week == after


def test_two_changes_of_currency_count_one_after_the_other() -> None:
    again = replace(EURO, since=WEEK + ONE, factor=2.0)

    [converted] = in_currency_of(WEEK + 2 * ONE, [replace(ACCEPTED, price=Decimal("150.69"))], [again, EURO])

    assert converted.price == Decimal("10.00")


def test_two_rounds_are_told_apart_by_their_locks_alone() -> None:
    lock = replace(REJECTED, lock_until=WEEK + 2 * ONE)

    assert locks_in_short([ACCEPTED], WEEK) == ""
    assert locks_in_short([lock], WEEK) == "A1:2026-02-23"
    assert locks_in_short([replace(lock, decided_at=datetime.now().astimezone())], WEEK) == "A1:2026-02-23"
    assert locks_in_short([lock], WEEK + 2 * ONE) == ""
