"""What the ERP has lost is refreshed again, by the facts of one look."""

from dataclasses import replace

import pytest

from markdown_pricing.orchestration.next_round import (
    lost_by_erp,
    next_round,
    week_of_round,
)
from markdown_pricing.orchestration.situation import (
    Progress,
    Refresh,
    Run,
    RunState,
)
from markdown_pricing.weeks import ONE_WEEK
from tests.orchestration.situations import DELIVERY, HOUR, MONDAY, RECEIPTS, STARTED, WEEK, facts_of, weeks_delivered

NOON = MONDAY + 4 * HOUR
DONE = Refresh(WEEK, "DEU", "run 1", "hash 1", NOON, "ab")
"""A refresh as its run recorded it."""


@pytest.mark.parametrize(
    ("in_erp", "lost"),
    [
        (DONE, False),
        (None, True),
        (replace(DONE, week=WEEK - ONE_WEEK, run_id="run 0"), True),
        (replace(DONE, week=WEEK + ONE_WEEK, run_id="run 2"), False),
        (replace(DONE, run_id="run 0", at=NOON - HOUR), True),
        (replace(DONE, run_id="run 2", at=NOON + HOUR), False),
        (replace(DONE, content_hash="another"), True),
    ],
    ids=[
        "the receipt agrees",
        "no receipt",
        "the receipt of the week before",
        "a newer week",
        "an earlier run",
        "a later run whose record is missing",
        "other rows under the same run",
    ],
)
def test_what_the_erp_does_not_hold_is_refreshed_again(in_erp: Refresh | None, lost: bool) -> None:
    """What is done is asked of Dagster's record and of the ERP's receipt."""
    facts = facts_of([DELIVERY], receipts=RECEIPTS, recorded={"DEU": DONE}, in_erp={"DEU": in_erp} if in_erp else {})

    decision = next_round(facts, STARTED)

    assert [each.lost for each in decision.repeat] == [DONE] * lost
    assert bool(decision.says) != lost


def test_a_lost_refresh_is_asked_for_once_and_its_round_has_a_day_of_its_own() -> None:
    """A refresh that fails again is left to people; one that is lost anew, under another run, is repeated."""
    facts = facts_of([DELIVERY], receipts=RECEIPTS, recorded={"DEU": DONE})
    first = next_round(facts, STARTED)
    again = replace(DONE, run_id="run 2")

    assert next_round(facts, first.progress).repeat == ()
    assert len(next_round(replace(facts, recorded={"DEU": again}), first.progress).repeat) == 1
    assert first.repeat[0].round not in STARTED.rounds
    assert week_of_round(first.repeat[0].round) == str(WEEK)


def test_a_country_that_is_being_refreshed_has_lost_nothing() -> None:
    """It does not matter what started its run."""
    by_page = Run("by hand", MONDAY, RunState.UNDER_WAY, week=str(WEEK), country="DEU")

    assert lost_by_erp(facts_of([DELIVERY], recorded={"DEU": DONE}, runs=[by_page])) == []


def test_a_new_week_goes_before_what_the_erp_has_lost() -> None:
    """Whose rows it replaces anyway."""
    monday, _ = weeks_delivered(2)

    decision = next_round(facts_of([monday], recorded={"DEU": DONE}), STARTED)

    assert {start.delivery.week for start in decision.start} == {monday.week}
    assert decision.repeat == ()


def test_nothing_is_started_while_it_is_not_known_what_the_erp_holds() -> None:
    facts = facts_of([DELIVERY], recorded={"DEU": DONE}, erp_fault="The ERP at erp.example did not answer.")

    decision = next_round(facts, Progress())

    assert (decision.start, decision.repeat) == ((), ())
    assert "erp.example did not answer" in decision.says
