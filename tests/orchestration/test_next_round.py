"""What starts when, as a table of situations: plain values in, a decision out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from markdown_pricing.orchestration.next_round import (
    RETRY_DUE_AFTER,
    lost_by_erp,
    next_round,
    to_price,
    week_of_round,
)
from markdown_pricing.orchestration.situation import (
    Delivery,
    Duration,
    Facts,
    Progress,
    Refresh,
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
NOTHING_STARTED = Progress()
STARTED = Progress({str(WEEK): 5}, (ROUND,), {str(WEEK): 5})


def shared(state: RunState, given_up: bool = False) -> Run:
    return Run("s", MONDAY, state, ROUND, str(WEEK), shared=True, given_up=given_up)


def country(code: str, state: RunState, given_up: bool = False) -> Run:
    return Run(code, MONDAY, state, ROUND, str(WEEK), code, given_up=given_up)


def beside(state: RunState, ended: datetime | None = None) -> Run:
    """A run of the week that no sensor has started."""
    return Run("by command", MONDAY, state, week=str(WEEK), country="DEU", ended=ended)


def promised(ago: timedelta, reminded: bool = False) -> Run:
    """The round's run of DEU, which failed so long ago and is to be retried."""
    return replace(country("DEU", RunState.AWAITS_RETRY), ended=MONDAY - ago, reminded_of_it=reminded)


@dataclass(frozen=True)
class Situation:
    """Facts of a Monday on which the week is open and delivered, and what is then decided.

    starts : country -> why without what is shared; "shared" stands for the run that learns it
    ends   : the runs that are canceled
    """

    name: str
    starts: Mapping[str, str] = field(default_factory=dict)
    says: str = ""
    ends: tuple[str, ...] = ()
    after: timedelta = timedelta()
    progress: Progress = NOTHING_STARTED
    deliveries: tuple[Delivery, ...] = (DELIVERY,)
    receipts: frozenset[Settled] = frozenset()
    learnt: frozenset[str] = frozenset()
    runs: tuple[Run, ...] = ()

    @property
    def facts(self) -> Facts:
        return Facts(
            MONDAY + self.after,
            COUNTRIES,
            WEEK,
            opened={WEEK: MONDAY},
            delivered={delivery.week: delivery.written_ms for delivery in self.deliveries},
            deliveries=() if self.progress.started else self.deliveries,
            receipts=self.receipts,
            learnt=self.learnt,
            runs=self.runs,
        )


BOTH = {"DEU": "", "AUT": ""}
FAILED = "its run did not succeed"
SLOW = "it took longer than 1:00:00"
SITUATIONS = [
    Situation("nothing is delivered: it waits", says="Waiting for 2026-02-09", deliveries=()),
    Situation("what the countries share comes first", {"shared": ""}),
    Situation("what is shared was learnt by whatever run: the countries start", BOTH, learnt=frozenset({ROUND})),
    Situation("its run has succeeded", BOTH, runs=(shared(RunState.SUCCEEDED),)),
    Situation("its run is under way", says="waits for what the countries share", runs=(shared(RunState.UNDER_WAY),)),
    Situation("its retry is promised", says="waits for what", runs=(shared(RunState.AWAITS_RETRY),)),
    Situation("its run failed for good", dict.fromkeys(COUNTRIES, FAILED), runs=(shared(RunState.OVER),)),
    Situation(
        "its run has had its hour to the minute", says="waits for", after=HOUR, runs=(shared(RunState.UNDER_WAY),)
    ),
    Situation(
        "its run takes too long: it is canceled, the countries start",
        dict.fromkeys(COUNTRIES, SLOW),
        ends=("s",),
        after=HOUR + MINUTE,
        runs=(shared(RunState.UNDER_WAY),),
    ),
    Situation(
        "it was canceled by a look before: it is not canceled twice",
        dict.fromkeys(COUNTRIES, SLOW),
        after=HOUR + MINUTE,
        runs=(shared(RunState.UNDER_WAY, given_up=True),),
    ),
    Situation("every country is settled, by whatever run", says="has been started", receipts=RECEIPTS),
    Situation(
        "one country is settled: the other starts",
        {"AUT": ""},
        receipts=frozenset({Settled(WEEK, "DEU", "ab")}),
        learnt=frozenset({ROUND}),
    ),
    Situation(
        "the delivery holds one country: only that one starts",
        {"AUT": ""},
        deliveries=(replace(DELIVERY, bytes_by_country={"AUT": 10, "XXX": 5}),),
        learnt=frozenset({ROUND}),
    ),
    Situation(
        "the delivery holds no country of the installation: nothing starts",
        says="has been started",
        deliveries=(replace(DELIVERY, bytes_by_country={}),),
    ),
    Situation(
        "a receipt of an earlier delivery settles nothing",
        BOTH,
        receipts=frozenset({Settled(WEEK, "DEU", "an earlier one")}),
        learnt=frozenset({ROUND}),
    ),
    Situation(
        "the round is under way",
        says="1 run unfinished",
        progress=STARTED,
        runs=(country("DEU", RunState.UNDER_WAY), country("AUT", RunState.SUCCEEDED)),
    ),
    Situation(
        "a retry of the round is promised",
        says="1 run unfinished",
        progress=STARTED,
        runs=(country("DEU", RunState.AWAITS_RETRY), country("AUT", RunState.OVER)),
    ),
    Situation(
        "the round has had its day: what is left is canceled",
        says="canceled AUT, DEU. They are not retried",
        ends=("DEU", "AUT"),
        after=24 * HOUR + MINUTE,
        progress=STARTED,
        runs=(country("DEU", RunState.UNDER_WAY), country("AUT", RunState.AWAITS_RETRY)),
    ),
    Situation(
        "and is canceled once",
        says="is being canceled",
        after=24 * HOUR + MINUTE,
        progress=STARTED,
        runs=(country("DEU", RunState.UNDER_WAY, given_up=True),),
    ),
    Situation(
        "a country that failed for good is not started again",
        says="Every delivered week has been started.",
        progress=STARTED,
        runs=(country("DEU", RunState.OVER), country("AUT", RunState.SUCCEEDED)),
    ),
    Situation(
        "the week is being priced from elsewhere: it waits",
        says="under way beside it: DEU.",
        runs=(beside(RunState.UNDER_WAY),),
    ),
    Situation(
        "what the countries share is being learnt elsewhere: it waits",
        says="under way beside it: what the countries share.",
        runs=(replace(beside(RunState.UNDER_WAY), country="", shared=True),),
    ),
    Situation(
        "a run from elsewhere has just ended: the next may follow",
        says="have just ended beside it",
        after=MINUTE,
        runs=(beside(RunState.SUCCEEDED, ended=MONDAY),),
    ),
    Situation(
        "nothing followed: it starts",
        {"shared": ""},
        after=3 * MINUTE,
        runs=(beside(RunState.SUCCEEDED, ended=MONDAY),),
    ),
    Situation(
        "the others from elsewhere go on, though one takes long: it waits",
        says="under way beside it: DEU.",
        after=HOUR + MINUTE,
        runs=(beside(RunState.UNDER_WAY), beside(RunState.SUCCEEDED, ended=MONDAY + 5 * MINUTE)),
    ),
    Situation(
        "a run from elsewhere that has been silent for an hour holds nothing up",
        {"shared": ""},
        after=HOUR + MINUTE,
        runs=(beside(RunState.UNDER_WAY),),
    ),
    Situation(
        "a run of another week holds nothing up",
        {"shared": ""},
        runs=(replace(beside(RunState.UNDER_WAY), week=str(WEEK - ONE_WEEK)),),
    ),
]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_a_situation_has_one_answer(situation: Situation) -> None:
    decision = next_round(situation.facts, situation.progress)

    assert {start.country or "shared": start.without_shared for start in decision.start} == situation.starts
    assert tuple(run.id for run in (decision.end.runs if decision.end else ())) == situation.ends
    assert situation.says in decision.says
    assert bool(decision.says) != bool(decision.start)


@pytest.mark.parametrize(
    ("run", "reminded", "given_up", "says"),
    [
        (promised(RETRY_DUE_AFTER), False, False, "1 run unfinished"),
        (promised(RETRY_DUE_AFTER + MINUTE), True, False, "1 run unfinished"),
        (promised(RETRY_DUE_AFTER, reminded=True), False, False, "1 run unfinished"),
        (promised(RETRY_DUE_AFTER + MINUTE, reminded=True), False, True, "Every delivered week has been started"),
        (replace(promised(HOUR), state=RunState.OVER), False, False, "Every delivered week has been started"),
        (replace(promised(HOUR), state=RunState.UNDER_WAY, ended=None), False, False, "1 run unfinished"),
    ],
    ids=["just failed", "overdue", "just reminded", "reminded in vain", "failed for good", "under way"],
)
def test_a_promised_retry_that_does_not_begin_is_asked_for_once_and_then_given_up(
    run: Run, reminded: bool, given_up: bool, says: str
) -> None:
    """A round, and a later week behind it, does not wait for a day for a run that nobody will start."""
    facts = Facts(MONDAY, COUNTRIES, WEEK, opened={WEEK: MONDAY}, delivered={WEEK: 5}, runs=[run])

    decision = next_round(facts, STARTED)

    assert [each.id for each in decision.remind] == [run.id] * reminded
    assert [each.id for each in decision.not_retried] == [run.id] * given_up
    assert says in decision.says


def test_the_retry_of_a_run_that_no_sensor_started_is_asked_for_too() -> None:
    """As of a backfill's run whose launch timed out: the backfill would wait for it for ever."""
    of_backfill = Run("b", MONDAY, RunState.AWAITS_RETRY, week=str(WEEK), country="DEU", ended=MONDAY - HOUR)

    assert next_round(Facts(MONDAY, COUNTRIES, WEEK, runs=[of_backfill]), Progress()).remind == [of_backfill]


def test_the_same_facts_give_the_same_decision() -> None:
    """It neither looks at anything else nor changes what it is given."""
    facts = SITUATIONS[1].facts

    assert next_round(facts, Progress()) == next_round(facts, Progress())


def test_once_carried_out_it_is_not_decided_again() -> None:
    """The progress that a decision leaves knows the round, the delivery and its arrival."""
    facts = replace(SITUATIONS[1].facts, learnt=frozenset({ROUND}))

    decision = next_round(facts, Progress())

    assert decision.arrived == (DELIVERY,)
    assert decision.progress == STARTED
    assert next_round(facts, STARTED).arrived == ()


def test_a_country_that_is_gone_is_recorded_once_with_its_delivery_and_not_started() -> None:
    """Not at the looks after that, and again with another delivery that lacks it."""
    lacking = replace(DELIVERY, bytes_by_country={"AUT": 10}, gone=("DEU",))
    facts = facts_of([lacking])

    first = next_round(facts, Progress())

    assert [delivery.gone for delivery in first.arrived] == [("DEU",)]
    assert [start.country for start in first.start] == ["AUT"]
    assert next_round(facts, first.progress).arrived == ()
    again = replace(lacking, written_ms=6, stamp="cd")
    assert next_round(facts_of([again]), first.progress).arrived == (again,)


def test_while_the_countries_wait_the_delivery_has_arrived_and_not_started() -> None:
    decision = next_round(SITUATIONS[1].facts, Progress())

    assert decision.progress == Progress(arrived={str(WEEK): 5})


@pytest.mark.parametrize(("after", "late"), [(24 * HOUR, []), (24 * HOUR + MINUTE, [WEEK])])
def test_a_week_is_late_when_it_is_not_there_a_day_after_its_opening(after: timedelta, late: list[date]) -> None:
    facts = Facts(MONDAY + after, COUNTRIES, WEEK, opened={WEEK: MONDAY})

    assert next_round(facts, Progress()).late == late
    assert next_round(replace(facts, reported_late=frozenset(late)), Progress()).late == []


@pytest.mark.parametrize(("now", "opened"), [(MONDAY - MINUTE, []), (MONDAY + ONE_WEEK, [WEEK, WEEK + ONE_WEEK])])
def test_every_due_week_is_opened(now: datetime, opened: list[date]) -> None:
    assert next_round(Facts(now, COUNTRIES, WEEK), Progress()).open == opened


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


def under_way(delivery: Delivery, code: str = "DEU") -> Run:
    """A country's run of the week's round, created on its Monday."""
    began = opens_at(delivery.week)
    return Run(code, began, RunState.UNDER_WAY, delivery.round, str(delivery.week), code)


def test_the_newest_delivery_with_a_country_to_price_is_started() -> None:
    """The current week comes first, however many are missed; what is settled counts as started; older ones wait."""
    settled, next_one, last = weeks_delivered(3)
    receipts = frozenset(Settled(settled.week, country, "ab") for country in COUNTRIES)

    first = next_round(facts_of([settled, next_one, last]), Progress())
    second = next_round(facts_of([settled, next_one, last], receipts=receipts), Progress())

    assert {start.delivery.week for start in first.start} == {settled.week}
    assert {start.delivery.week for start in second.start} == {next_one.week}
    assert second.progress.started == {str(settled.week): 5, str(next_one.week): 5}


def test_of_an_older_week_it_is_enough_that_its_predictions_lie_on_the_lake() -> None:
    """As with an empty Dagster database; of the newest week the ERP has to hold the rows."""
    newest, older, oldest = weeks_delivered(3)
    archived = frozenset(Settled(each.week, country, "ab") for each in (newest, older) for country in COUNTRIES)
    receipts = frozenset(Settled(newest.week, country, "ab") for country in COUNTRIES)
    facts = facts_of([newest, older, oldest], archived=archived)

    assert {start.delivery.week for start in next_round(facts, Progress()).start} == {newest.week}
    decision = next_round(replace(facts, receipts=receipts), Progress())
    assert {start.delivery.week for start in decision.start} == {oldest.week}


def test_predictions_of_an_earlier_delivery_of_an_older_week_are_not_enough() -> None:
    _, older = weeks_delivered(2)
    archived = frozenset(Settled(older.week, country, "an earlier one") for country in COUNTRIES)

    assert to_price(older, facts_of(weeks_delivered(2), archived=archived)) == list(COUNTRIES)


def test_a_new_monday_goes_before_what_is_being_caught_up() -> None:
    """Its round starts beside the other one, and each of its runs stands before all of the other's in the queue."""
    monday, older, oldest = weeks_delivered(3)
    catching_up = next_round(facts_of([older, oldest]), Progress())
    queued = [replace(under_way(older, each.country), created=opens_at(monday.week)) for each in catching_up.start]

    decision = next_round(facts_of([monday, oldest], runs=queued), catching_up.progress)

    assert {start.delivery.week for start in decision.start} == {monday.week}
    assert min(start.priority for start in decision.start) > max(start.priority for start in catching_up.start)
    assert decision.progress.rounds == (older.round, monday.round)


def test_what_the_countries_share_of_a_new_monday_goes_before_what_is_being_caught_up() -> None:
    monday, older = weeks_delivered(2)
    catching_up = Progress(rounds=(older.round,))
    queued = [replace(under_way(older), created=opens_at(monday.week))]

    [start] = next_round(facts_of([monday], runs=queued, learnt=frozenset()), catching_up).start

    assert (start.delivery.week, start.country) == (monday.week, "")
    assert start.priority > _longest_priority(older)


def test_a_missed_week_waits_for_the_round_under_way() -> None:
    """A week that is delivered anew while its round is under way waits, too."""
    current, older = weeks_delivered(2)
    again = replace(current, written_ms=6, stamp="cd")

    for delivery in (older, again):
        facts = replace(facts_of([delivery], runs=[under_way(current)]), now=opens_at(current.week))
        decision = next_round(facts, Progress(rounds=(current.round,)))
        assert (decision.start, "1 run unfinished" in decision.says) == ((), True)


def test_two_rounds_have_a_day_each() -> None:
    """That of the week caught up ends; that of the Monday, begun later, goes on."""
    monday, older = weeks_delivered(2)
    began = opens_at(monday.week)
    caught_up = replace(under_way(older), created=began - 20 * HOUR)
    runs = [caught_up, under_way(monday)]
    facts = replace(facts_of([monday, older], runs=runs), now=began + 5 * HOUR)

    decision = next_round(facts, Progress(rounds=(older.round, monday.round)))

    assert decision.end
    assert decision.end.runs == [caught_up]


def test_a_look_that_leaves_weeks_for_the_next_one_says_so() -> None:
    """After years without a record their predictions are found by and by."""
    newest, older, oldest = weeks_delivered(3)
    settled = frozenset(Settled(each.week, country, "ab") for each in (newest, older) for country in COUNTRIES)
    delivered = {each.week: 5 for each in (newest, older, oldest)}

    decision = next_round(facts_of([newest, older], receipts=settled, delivered=delivered), Progress())

    assert decision.says == "All is there of 2026-02-23, 2026-02-16. The next look goes on."


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


def _longest_priority(delivery: Delivery) -> int:
    return max(start.priority for start in next_round(facts_of([delivery]), Progress()).start)


def test_the_longest_run_of_an_earlier_week_starts_first() -> None:
    """The newest of each country counts, none of this week or a later one; who was never timed goes before all."""
    delivery = replace(DELIVERY, bytes_by_country={"DEU": 1, "AUT": 2, "POL": 3, "ITA": 4})
    before = WEEK - ONE_WEEK
    facts = Facts(
        MONDAY,
        ("DEU", "AUT", "POL", "ITA"),
        WEEK,
        delivered={WEEK: 5},
        deliveries=(delivery,),
        learnt=frozenset({ROUND}),
        durations=(
            Duration(WEEK, "POL", 900),
            Duration(before, "DEU", 5),
            Duration(before, "AUT", 9),
            Duration(before - ONE_WEEK, "DEU", 99),
        ),
    )

    started = next_round(facts, Progress()).start

    assert [(start.country, start.priority) for start in started] == [("ITA", 4), ("POL", 3), ("AUT", 2), ("DEU", 1)]
