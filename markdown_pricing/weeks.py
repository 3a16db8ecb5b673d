"""Selling weeks: a week is named by its Monday, and a run always works for the week it is given, never today's."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from markdown_pricing.errors import UsageError

HEAD_OFFICE = ZoneInfo("Europe/Berlin")
ONE_WEEK = timedelta(weeks=1)
OPENING_TIME = time(8, 0)
"""A week's round is opened on its Monday at this time, head office."""


class NotAWeek(UsageError):
    def __init__(self, text: object) -> None:
        super().__init__(f"{text} is not a week. A week is named by its Monday, for example 2026-02-09.")


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def parse_week(text: str) -> date:
    """The Monday that `text` names, ISO date; raises NotAWeek.

    >>> parse_week("2026-02-09")
    datetime.date(2026, 2, 9)
    """
    try:
        week = date.fromisoformat(text)
    except ValueError:
        raise NotAWeek(text) from None
    if week.weekday() != 0:
        raise NotAWeek(text)
    return week


def this_week(now: datetime) -> date:
    """The week that has begun at head office; `now` must know its time zone."""
    return monday_of(now.astimezone(HEAD_OFFICE).date())


def opens_at(week: date) -> datetime:
    """Monday 08:00 at head office."""
    return datetime.combine(week, OPENING_TIME, HEAD_OFFICE)


def due_weeks(start: date, now: datetime) -> Iterator[date]:
    """Every week from `start` on whose round should have been opened by `now`, oldest first."""
    week = start
    while opens_at(week) <= now:
        yield week
        week += ONE_WEEK


def weeks_between(earlier: date, later: date) -> int:
    """Whole weeks from one Monday to another; negative when `later` is the earlier one."""
    return (later - earlier).days // 7
