"""What one look of the sensor decides, from facts and time alone: no Dagster, no lake, nothing that can fail.

`facts.py` gathers the facts, `automation.py` carries the decision out. A rule about what starts when is written here,
and it reads the facts that are in `situation.py`: nothing else looks at runs, receipts or deliveries a second time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from math import inf

from markdown_pricing.orchestration.situation import (
    Decision,
    Delivery,
    Duration,
    Ending,
    Facts,
    Progress,
    Receipt,
    Run,
    Start,
    State,
)
from markdown_pricing.weeks import due_weeks

DELIVERY_LATE_AFTER = timedelta(hours=24)
"""After its opening, a week whose snapshot is not there is reported as late; chosen with the round's own day."""
ROUND_LIMIT = timedelta(hours=24)
"""A round has one day, counted from its first run."""
SHARED_LIMIT = timedelta(minutes=60)
"""So long the countries wait for what they share, its retries included."""
RETRY_DUE_AFTER = timedelta(minutes=5)
"""Dagster begins a promised retry within seconds; chosen on 2026-11-27 so that a busy machine is no fault."""


def next_round(facts: Facts, progress: Progress) -> Decision:
    """Nothing while a round is under way, else the round of the oldest week that has new data."""
    opened = open_weeks(facts.opened, facts.first_week, facts.now)
    waiting = sorted(opened.keys() - facts.delivered.keys())
    late = [
        week for week in waiting if week not in facts.reported_late and facts.now - opened[week] > DELIVERY_LATE_AFTER
    ]
    remind, not_retried = broken_promises(facts.runs, facts.now)
    facts = replace(facts, runs=[replace(run, state=State.OVER) if run in not_retried else run for run in facts.runs])
    decision = Decision(
        progress,
        open=sorted(opened.keys() - facts.opened.keys()),
        late=late,
        remind=remind,
        not_retried=not_retried,
    )
    of_round = [run for run in facts.runs if progress.round and run.round == progress.round and not run.shared]
    if any(run.unfinished for run in of_round):
        return _wait_or_end(decision, of_round, facts.now)
    return _start_oldest(decision, facts, waiting)


def open_weeks(opened: Mapping[date, datetime], first_week: date, now: datetime) -> dict[date, datetime]:
    """Every week that is open by `now` and since when; those that are due and not yet opened, since now."""
    return {**dict.fromkeys(due_weeks(first_week, now), now), **opened}


def to_price(delivery: Delivery, countries: Iterable[str], receipts: frozenset[Receipt]) -> list[str]:
    """The countries whose ERP rows have not been settled from this very delivery, by whatever started it."""
    return [code for code in countries if Receipt(delivery.week, code, delivery.stamp) not in receipts]


def listed(weeks: Sequence[date]) -> str:
    """The weeks in words; of many, the number and the last three."""
    if not weeks:
        return "no week"
    shown = ", ".join(week.isoformat() for week in weeks[-3:])
    return shown if len(weeks) <= 3 else f"{len(weeks)} weeks, the last of them {shown}"


def broken_promises(runs: Iterable[Run], now: datetime) -> tuple[list[Run], list[Run]]:
    """The failed runs whose promised retry is overdue: first those to remind Dagster of, then those to give up.

    Dagster 1.13 stores a failure before it stores the promise; its daemon, when it reads in between, goes on to the
    next event and never begins the retry. One reminder is enough for that; a promise that outlives it is kept no more.
    """
    late = [run for run in runs if run.state == State.AWAITS_RETRY and run.ended and now - run.ended > RETRY_DUE_AFTER]
    return [run for run in late if not run.reminded_of_it], [run for run in late if run.reminded_of_it]


def _wait_or_end(decision: Decision, runs: Sequence[Run], now: datetime) -> Decision:
    """Lets a round go on for its day, counted from its first run; then ends what is left."""
    name = runs[0].round
    unfinished = [run for run in runs if run.unfinished]
    began = min(run.created for run in runs)
    if now - began <= ROUND_LIMIT:
        return replace(decision, says=f"The round {name} is under way: {len(unfinished)} runs unfinished.")
    left = [run for run in unfinished if not run.given_up]
    if not left:
        return replace(decision, says=f"The round {name} has had its day and is being cancelled.")
    countries = ", ".join(sorted({run.country or "?" for run in left}))
    end = Ending(
        week=date.fromisoformat(name.partition("@")[0]),
        runs=left,
        why=f"Cancelled: the round {name} has had its {ROUND_LIMIT}.",
        remark=f"{began.isoformat()}: cancelled {countries}",
    )
    says = f"The round {name} has had its day: cancelled {countries}. They are not retried."
    return replace(decision, end=end, remind=[run for run in decision.remind if run not in left], says=says)


def _start_oldest(decision: Decision, facts: Facts, waiting: Sequence[date]) -> Decision:
    """Starts the oldest delivery that has a country to price; those before it are settled and count as started."""
    progress, arrived = decision.progress, []
    for delivery in facts.deliveries:
        if progress.arrived.get(delivery.week.isoformat()) != delivery.written_ms:
            progress = progress.with_arrived(delivery)
            arrived.append(delivery)
        decision = replace(decision, progress=progress, arrived=tuple(arrived))
        if countries := to_price(delivery, facts.countries, facts.receipts):
            return _start(decision, facts, delivery, countries)
        progress = progress.with_started(delivery)
    awaited = f" Waiting for {listed(waiting)}." if waiting else ""
    return replace(decision, progress=progress, says=f"Every delivered week has been started.{awaited}")


def _start(decision: Decision, facts: Facts, delivery: Delivery, countries: Sequence[str]) -> Decision:
    """First what the countries share; then the countries, with it, or without it when it failed or took too long."""
    runs = [run for run in facts.runs if run.shared and run.round == delivery.round]
    unfinished = [run for run in runs if run.unfinished]
    without = ""
    if delivery.round not in facts.learnt and all(run.state != State.SUCCEEDED for run in runs):
        if not runs:
            # First in the queue: all countries wait for it.
            return replace(decision, start=[Start(delivery, country="", priority=1000)])
        began = min(run.created for run in runs)
        if unfinished and facts.now - began <= SHARED_LIMIT:
            says = f"The round {delivery.round} waits for what the countries share, since {began:%H:%M} UTC."
            return replace(decision, says=says)
        without = f"it took longer than {SHARED_LIMIT}" if unfinished else "its run did not succeed"
        decision = replace(decision, end=_ending_of_shared(delivery, unfinished, without))
    progress = replace(decision.progress.with_started(delivery), round=delivery.round)
    starts = _longest_first(facts.durations, delivery, countries, without)
    return replace(decision, progress=progress, start=starts)


def _ending_of_shared(delivery: Delivery, unfinished: Sequence[Run], why: str) -> Ending | None:
    left = [run for run in unfinished if not run.given_up]
    if not left:
        return None
    return Ending(
        week=delivery.week,
        runs=left,
        why=f"Cancelled: {why}. The countries start without it.",
        remark=f"{delivery.round}: {why}",
        shared=True,
    )


def _longest_first(
    durations: Iterable[Duration], delivery: Delivery, countries: Iterable[str], without_shared: str
) -> list[Start]:
    """One run per country by how long it last took in an earlier week, the longest first.

    A country that was never measured may be the longest of all; several of these go by the size of their files.
    """
    seconds: dict[str, float] = {}
    for run in durations:
        if run.week < delivery.week:
            seconds.setdefault(run.country, run.seconds)
    ordered = sorted(
        countries, key=lambda code: (seconds.get(code, inf), delivery.bytes_by_country.get(code, 0)), reverse=True
    )
    return [
        Start(delivery, country, priority=len(ordered) - place, without_shared=without_shared)
        for place, country in enumerate(ordered)
    ]
