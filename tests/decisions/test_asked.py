"""What the shops should ask: a decision counts before the recommendation, and a lock before both."""

from decimal import Decimal
from typing import Any

import pytest

from markdown_pricing.decisions.asked import ToAsk, price_to_ask, prices_to_ask
from markdown_pricing.weeks import ONE_WEEK
from tests.decisions.test_decision import WEEK, make

NOW, ADVISED, OTHER = Decimal("19.99"), Decimal("13.95"), Decimal("16.95")


def asked(*decisions: Any) -> ToAsk:
    return prices_to_ask(decisions, WEEK, {"A000000": NOW}, {"A000000": ADVISED})["A000000"]


def about(verdict: str, **changes: Any) -> Any:
    seen = {"recommended_price": ADVISED, "current_price": NOW, "price": None, "lock_until": None, "week": WEEK}
    return make(article_id="A000000", verdict=verdict, **{**seen, **changes})


def test_where_nobody_decided_the_advice_is_taken() -> None:
    assert asked() == ToAsk(ADVISED, False)
    assert prices_to_ask([], WEEK, {"A1": NOW}, {}) == {"A1": ToAsk(NOW, False)}


@pytest.mark.parametrize(
    ("decision", "price"),
    [
        (about("accepted"), ADVISED),
        (about("changed", price=OTHER), OTHER),
        (about("rejected"), NOW),
        (about("rejected", current_price=None), NOW),
        (about("rejected", current_price=Decimal("0.01")), NOW),
    ],
)
def test_a_decision_counts_before_the_advice(decision: Any, price: Decimal) -> None:
    assert asked(decision) == ToAsk(price, True)


@pytest.mark.parametrize(
    "decision",
    [
        about("withdrawn"),
        about("changed"),
        about("changed", price=OTHER, week=WEEK - ONE_WEEK),
        about("changed", price=OTHER, week=WEEK + ONE_WEEK),
    ],
    ids=["withdrawn", "void", "of an earlier week", "of a later week"],
)
def test_the_advice_is_taken_where_no_decision_about_the_week_counts(decision: Any) -> None:
    assert asked(decision) == ToAsk(ADVISED, False)


@pytest.mark.parametrize("week", [WEEK, WEEK - ONE_WEEK])
def test_a_locked_price_is_held_whatever_was_decided(week: Any) -> None:
    """By a lock of this week or an earlier one, until its Monday."""
    assert asked(about("accepted", week=week, lock_until=WEEK + ONE_WEEK)) == ToAsk(NOW, True)


def test_a_price_that_is_not_known_is_not_made_up() -> None:
    """As that of a week which no data show any more."""
    assert price_to_ask(about("rejected"), False, None) is None
    assert price_to_ask(about("accepted"), True, None) is None
    assert price_to_ask(about("accepted"), False, None) == ADVISED


def test_a_lock_that_is_over_holds_nothing() -> None:
    assert asked(about("rejected", week=WEEK - ONE_WEEK, lock_until=WEEK)) == ToAsk(ADVISED, False)
