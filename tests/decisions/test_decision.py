"""Which decision counts, which is void, and what is odd, in rows that nobody has checked."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from markdown_pricing.decisions.decision import Decision, in_force, last_numbers, locks, newest, read, remarks, why_void

WEEK = date(2026, 2, 9)
NOW = datetime(2026, 2, 9, 9, 30, tzinfo=UTC)
ROW: dict[str, str | None] = {
    "decision_id": "d1",
    "country": "DEU",
    "article_id": "A1",
    "week": "2026-02-09",
    "seq": "1",
    "verdict": "accepted",
    "price": "13.950000001",
    "lock_until": None,
    "recommended_price": "13.95",
    "current_price": "19.99",
    "stake": None,
    "run_id": "run-1",
    "decision_reason": None,
    "note": None,
    "decided_by": "anna",
    "source": "erp",
    "batch_id": None,
    "decided_at": "2026-02-09 10:15:00+01",
}
REASONS = {"other": "The note says what."}


def make(**changes: object) -> Decision:
    return replace(Decision.of(ROW), **changes)  # type: ignore[arg-type]


def test_a_row_is_read_from_its_texts() -> None:
    decision = make()

    assert (decision.week, decision.seq, decision.price) == (WEEK, 1, Decimal("13.95"))
    assert decision.decided_at == datetime(2026, 2, 9, 9, 15, tzinfo=UTC)


def test_a_time_without_a_zone_is_in_utc() -> None:
    """As SQLite's own functions write it."""
    assert Decision.of({**ROW, "decided_at": "2026-02-09 09:15:00"}) == make()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("week", "next Monday"),
        ("week", "infinity"),
        ("week", None),
        ("seq", "1.5"),
        ("price", "NaN"),
        ("price", "1e400000000"),
        ("decided_at", "this morning"),
        ("decided_by", None),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_costs_no_other(column: str, value: str | None) -> None:
    found = read([{**ROW, column: value}, {**ROW, "decision_id": "d2"}])

    assert [each.decision_id for each in found.decisions] == ["d2"]
    [fault] = found.unreadable
    assert fault.startswith("d1: ")
    assert column in fault


def test_the_number_of_a_row_that_cannot_be_read_is_taken_all_the_same() -> None:
    """Else whoever decides next would be refused for ever."""
    odd = {**ROW, "seq": "4", "decided_at": "today"}

    assert last_numbers([odd, ROW, {**ROW, "week": "soon"}, {**ROW, "seq": "many"}]) == {make().about: 4}


def test_the_highest_number_counts_whatever_the_times_say() -> None:
    first, second = make(decided_at=NOW), make(decision_id="d2", seq=2, decided_at=NOW - timedelta(days=9))

    assert newest([second, first]) == {first.about: second}


def test_a_withdrawn_decision_is_in_force_no_longer() -> None:
    withdrawn = make(decision_id="d2", seq=2, verdict="withdrawn")

    assert in_force([make(), withdrawn, make(article_id="A2")]) == [make(article_id="A2")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"price": None}, None),
        ({"verdict": "rejected", "price": None, "current_price": None}, None),
        ({"price": None, "recommended_price": None}, "it does not say at which price"),
        ({"verdict": "changed", "price": Decimal(0)}, "it does not say at which price"),
        ({"verdict": "agreed"}, "there is no verdict 'agreed'"),
        ({"week": WEEK + timedelta(1)}, "its week, 2026-02-10, is no Monday"),
        ({"lock_until": WEEK}, "its lock until 2026-02-09 is over before it begins"),
        ({"lock_until": WEEK - timedelta(days=1)}, "its lock until 2026-02-08 is over before it begins"),
        ({"lock_until": WEEK + timedelta(days=2)}, None),
        ({"lock_until": WEEK + timedelta(weeks=1)}, None),
    ],
)
def test_a_decision_that_cannot_be_followed_is_void(changes: dict[str, object], why: str | None) -> None:
    assert why_void(make(**changes)) == why


def test_a_lock_holds_until_its_monday() -> None:
    lock = make(lock_until=WEEK + timedelta(weeks=2))

    held = [bool(locks([lock], WEEK + timedelta(weeks=ahead))) for ahead in (-1, 0, 1, 2)]

    assert held == [False, True, True, False]


@pytest.mark.parametrize(
    ("until", "monday"),
    [
        ("2026-02-23", date(2026, 2, 23)),
        ("2026-02-24", date(2026, 3, 2)),
        ("2026-03-01", date(2026, 3, 2)),
        ("9999-12-31", date(2199, 12, 30)),
    ],
)
def test_a_lock_whose_day_is_no_monday_holds_until_the_next_one(until: str, monday: date) -> None:
    """As whoever wrote the day reads it: the price is never free before it."""
    lock = make(lock_until=date.fromisoformat(until))

    assert lock.locked_until == monday
    assert locks([lock], monday - timedelta(weeks=1)) == {"A1": lock}
    assert locks([lock], monday) == {}
    assert lock.says == f"accepted at 13.95, locked until {monday}"


def test_a_later_decision_lifts_a_lock_only_by_one_of_its_own() -> None:
    week = timedelta(weeks=1)
    long = make(lock_until=WEEK + 5 * week)
    without, shorter = make(week=WEEK + week), make(week=WEEK + week, lock_until=WEEK + 2 * week)

    assert locks([long, without], WEEK + 2 * week) == {"A1": long}
    assert locks([long, shorter], WEEK + 2 * week) == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"decision_reason": "other"}, []),
        ({"decision_reason": "whim"}, ["its reason 'whim' is not in the list"]),
        ({"verdict": "changed"}, ["it gives no reason"]),
        ({"decided_at": NOW + timedelta(hours=1)}, ["its time, 2026-02-09T10:30:00+00:00, lies in the future"]),
        ({"lock_until": date(2026, 2, 24)}, ["its lock until 2026-02-24 is held until 2026-03-02"]),
        ({"seq": 3}, ["no decision has the number 2 before it"]),
        ({"seq": 2**62}, ["no decision has the number 2 before it"]),
    ],
)
def test_what_is_odd_is_said_of_a_decision_that_counts_all_the_same(
    changes: dict[str, object], said: list[str]
) -> None:
    first = [make(decision_id="d0")] if changes.get("seq") else []
    decision = make(**changes)

    assert remarks([*first, decision], REASONS, NOW).get("d1", []) == said
    assert in_force([*first, decision]) == [decision]
