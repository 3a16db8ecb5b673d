"""Selling weeks. A week is named by its Monday, and a run always works for the week that it is given, never today's."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from markdown_pricing.errors import UsageError

HEAD_OFFICE = ZoneInfo("Europe/Berlin")
ONE_WEEK = timedelta(weeks=1)
CLOCKS_MAY_DIFFER = timedelta(minutes=2)
"""How far the clocks of two machines may be apart before a time counts as lying in the future."""
OPENING_TIME = time(8, 0)
"""The time on its Monday, at head office, at which a week's round is opened."""


class NotAWeek(UsageError):
    def __init__(self, text: object) -> None:
        super().__init__(f"{text} is not a week. A week is named by its Monday, for example 2026-02-09.")


def monday_of(day: date) -> date:
    """The Monday of the week in which `day` is."""
    return day - timedelta(days=day.weekday())


def parse_week(text: str) -> date:
    """The Monday that `text` names as an ISO date. Raises NotAWeek.

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
    """The week that has begun at head office. `now` must have a time zone."""
    return monday_of(now.astimezone(HEAD_OFFICE).date())


def opens_at(week: date) -> datetime:
    """When the round of `week` is opened: on its Monday at 08:00 at head office."""
    return datetime.combine(week, OPENING_TIME, HEAD_OFFICE)


def cron_of_opening(later: timedelta = timedelta()) -> str:
    """The cron line of every week's opening, or of a time so much later, for a clock at head office.

    >>> cron_of_opening()
    '0 8 * * 1'
    """
    at = datetime.combine(date(2020, 1, 6), OPENING_TIME) + later  # any Monday
    return f"{at.minute} {at.hour} * * {at.isoweekday()}"


def due_weeks(start: date, now: datetime) -> Iterator[date]:
    """Every week from `start` on whose round should be open by `now`, oldest first."""
    week = start
    while opens_at(week) <= now:
        yield week
        week += ONE_WEEK


def weeks_between(earlier: date, later: date) -> int:
    """How many whole weeks lie between two Mondays; negative when `later` is the earlier one."""
    return (later - earlier).days // 7
