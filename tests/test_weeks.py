"""A week is its Monday, and it is due on that Monday at 08:00 in Berlin."""

from datetime import UTC, date, datetime, timedelta

import pytest

from markdown_pricing.weeks import (
    HEAD_OFFICE,
    NotAWeek,
    cron_of_opening,
    due_weeks,
    monday_of,
    parse_week,
    this_week,
    weeks_between,
)

MONDAY = date(2026, 2, 9)


def test_a_week_is_named_by_its_monday() -> None:
    assert parse_week("2026-02-09") == MONDAY
    assert monday_of(date(2026, 2, 15)) == MONDAY


@pytest.mark.parametrize("text", ["2026-02-10", "09.02.2026", "", "latest"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(NotAWeek, match="2026-02-09"):
        parse_week(text)


def test_the_week_begins_at_midnight_in_berlin_not_in_greenwich() -> None:
    assert this_week(datetime(2026, 2, 8, 23, 30, tzinfo=UTC)) == MONDAY


def test_a_week_is_due_from_eight_in_the_morning() -> None:
    one_minute_early = datetime(2026, 2, 9, 6, 59, tzinfo=UTC)
    on_time = datetime(2026, 2, 9, 7, 0, tzinfo=UTC)

    assert list(due_weeks(date(2026, 1, 26), one_minute_early)) == [date(2026, 1, 26), date(2026, 2, 2)]
    assert list(due_weeks(date(2026, 1, 26), on_time))[-1] == MONDAY


def test_eight_in_the_morning_stays_eight_in_summer() -> None:
    assert list(due_weeks(date(2026, 7, 6), datetime(2026, 7, 6, 6, 0, tzinfo=UTC))) == [date(2026, 7, 6)]


def test_weeks_between_counts_backwards_too() -> None:
    assert weeks_between(MONDAY, date(2026, 3, 2)) == 3
    assert weeks_between(date(2026, 3, 2), MONDAY) == -3


def test_schedules_follow_the_opening() -> None:
    assert (cron_of_opening(), cron_of_opening(timedelta(hours=12))) == ("0 8 * * 1", "0 20 * * 1")
    assert HEAD_OFFICE.key == "Europe/Berlin"
