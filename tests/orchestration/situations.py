"""Facts of a look, as the tests of the decision put them together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from markdown_pricing.orchestration.situation import (
    Delivery,
    Facts,
    Progress,
    Run,
    RunState,
    Settled,
)
from markdown_pricing.weeks import ONE_WEEK, opens_at

WEEK = date(2026, 2, 9)
MONDAY = opens_at(WEEK)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
COUNTRIES = ("DEU", "AUT")
DELIVERY = Delivery(WEEK, 5, "ab", {"DEU": 20, "AUT": 10})
ROUND = DELIVERY.round
RECEIPTS = frozenset(Settled(WEEK, country, "ab") for country in COUNTRIES)
STARTED = Progress({str(WEEK): 5}, (ROUND,), {str(WEEK): 5})


def country(code: str, state: RunState, given_up: bool = False) -> Run:
    return Run(code, MONDAY, state, ROUND, str(WEEK), code, given_up=given_up)


def weeks_delivered(number: int) -> list[Delivery]:
    """WEEK and so many weeks from it on, newest first."""
    return [replace(DELIVERY, week=WEEK + n * ONE_WEEK) for n in reversed(range(number))]


def facts_of(deliveries: Sequence[Delivery], **more: Any) -> Facts:
    """On the Monday of the newest of these weeks; what the countries share is learnt for each."""
    known: dict[str, Any] = {
        "deliveries": deliveries,
        "learnt": frozenset(each.round for each in deliveries),
        "delivered": {each.week: each.written_ms for each in deliveries},
    }
    return Facts(opens_at(deliveries[0].week), COUNTRIES, WEEK, **known | more)
