"""What starts when, as a table of situations: plain values in, a decision out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest

from markdown_pricing.orchestration.next_round import (
    RETRY_DUE_AFTER,
    next_round,
)
from markdown_pricing.orchestration.situation import (
    Delivery,
    Duration,
    Facts,
    Progress,
    Run,
    RunState,
    Settled,
)
from markdown_pricing.weeks import ONE_WEEK
from tests.orchestration.situations import (
    COUNTRIES,
    DELIVERY,
    HOUR,
    MINUTE,
    MONDAY,
    RECEIPTS,
    ROUND,
    STARTED,
    WEEK,
    country,
    facts_of,
)

NOTHING_STARTED = Progress()


def shared(state: RunState, given_up: bool = False) -> Run:
    return Run("s", MONDAY, state, ROUND, str(WEEK), shared=True, given_up=given_up)


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
