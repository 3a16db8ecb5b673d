"""What one look of the sensor decides, from facts and time alone: no Dagster, no lake, nothing that can fail.

`facts.py` gathers the facts, `automation.py` carries the decision out. A rule about what starts when is written here,
and it reads the facts that are in `situation.py`: nothing else looks at runs, receipts or deliveries a second time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from math import inf

from markdown_pricing.orchestration.round_decision import Ending, Repeat, RoundDecision, Start
from markdown_pricing.orchestration.situation import Delivery, Facts, Progress, Refresh, Run, RunState, Settled
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import due_weeks, weeks_between

DELIVERY_LATE_AFTER = timedelta(hours=24)
"""After its opening, a week whose snapshot is not there is reported as late; chosen with the round's own day."""
ROUND_LIMIT = timedelta(hours=24)
"""A round has one day, counted from its first run."""
SHARED_LIMIT = timedelta(minutes=60)
"""How long the countries wait for what they share, its retries included."""
BESIDE_LIMIT = timedelta(hours=1)
"""How long a round waits for runs of its week that it has not started, from when the last of them began or ended.

No country takes as long, so that a run that is left over from a crash does not hold it up; chosen on 2026-11-27.
"""
BESIDE_PAUSE = timedelta(minutes=2)
"""How long the pause may be between two runs of a command that makes one after the other; chosen on 2026-11-27."""
WEEKS_PER_LOOK = 10
"""A look lists the files of at most this many deliveries, so that it ends within its minute. The next look goes on."""
PRIORITIES_PER_WEEK = 1000
"""More than there are countries, so that every run of a newer week goes before all of an older one."""
RETRY_DUE_AFTER = timedelta(minutes=5)
"""Dagster begins a promised retry within seconds; chosen on 2026-11-27 so that a busy machine is no fault."""


def next_round(facts: Facts, progress: Progress) -> RoundDecision:
    """The round of the newest week that has new data; while one is under way, only that of a still newer week."""
    opened = open_weeks(facts.opened, facts.first_week, facts.now)
    waiting = sorted(opened.keys() - facts.delivered.keys())
    late = [
        week for week in waiting if week not in facts.reported_late and facts.now - opened[week] > DELIVERY_LATE_AFTER
    ]
    remind, not_retried = broken_promises(facts.runs, facts.now)
    facts = replace(
        facts, runs=[replace(run, state=RunState.OVER) if run in not_retried else run for run in facts.runs]
    )
    decision = RoundDecision(
        progress,
        open=sorted(opened.keys() - facts.opened.keys()),
        late=late,
        remind=remind,
        not_retried=not_retried,
    )
    under_way = _under_way(facts.runs, progress.rounds)
    if ending := next(filter(None, (_ending(runs, facts.now) for runs in under_way.values())), None):
        return _end(decision, ending)
    if facts.erp_fault:
        return replace(decision, says=f"Nothing is started, as it is not known what the ERP holds. {facts.erp_fault}")
    decision, delivery = _newest_to_price(decision, facts)
    lost = [each for each in lost_by_erp(facts) if progress.lost.get(each.country) != each.run_id]
    next_week = max([*([delivery.week] if delivery else []), *(each.week for each in lost)], default=None)
    if under_way and (next_week is None or str(next_week) <= max(map(week_of_round, under_way))):
        return replace(decision, says=_says(under_way, facts.now))
    decision = replace(decision, progress=replace(decision.progress, rounds=tuple(under_way)))
    if delivery and delivery.week == next_week:
        if beside := _runs_beside(facts, delivery):
            return replace(decision, says=beside)
        return _start(decision, facts, delivery)
    if lost:
        return _repeat(decision, facts, [each for each in lost if each.week == next_week])
    return replace(decision, says=_nothing_to_start(facts, decision.progress, waiting))


def open_weeks(opened: Mapping[date, datetime], first_week: date, now: datetime) -> dict[date, datetime]:
    """Every week that is open by `now` and since when; those that are due and not yet opened, since now."""
    return {**dict.fromkeys(due_weeks(first_week, now), now), **opened}


def not_settled(delivery: Delivery, facts: Facts) -> list[str]:
    """The countries that this delivery holds and for which nothing is settled from it, whatever made it.

    Nothing is started for a country that it lacks: the run could only fail. The ERP is for the newest week; of an older
    one it is enough that its predictions lie on the lake.
    """
    is_newest = delivery.week == facts.newest_delivered
    settled = facts.receipts if is_newest else facts.receipts | facts.archived
    return [
        code
        for code in facts.countries
        if code in delivery.bytes_by_country and Settled(delivery.week, code, delivery.stamp) not in settled
    ]


def lost_by_erp(facts: Facts) -> list[Refresh]:
    """The recorded refreshes that the ERP does not know, as after its restore from a backup.

    None of a country with a run under way, which may be about to write.
    """
    busy = {run.country for run in facts.runs if run.unfinished}
    return [
        recorded
        for recorded in facts.recorded.values()
        if recorded.country not in busy and not holds(facts.in_erp.get(recorded.country), recorded)
    ]


def holds(in_erp: Refresh | None, recorded: Refresh) -> bool:
    """Whether the ERP has this refresh, or one that came after it, whoever recorded that."""
    if in_erp is None or in_erp.week != recorded.week:
        return in_erp is not None and in_erp.week > recorded.week
    if in_erp.run_id == recorded.run_id:
        return in_erp.content_hash == recorded.content_hash
    return in_erp.at > recorded.at


def weeks_in_words(weeks: Sequence[date]) -> str:
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
    late = [
        run for run in runs if run.state == RunState.AWAITS_RETRY and run.ended and now - run.ended > RETRY_DUE_AFTER
    ]
    return [run for run in late if not run.reminded_of_it], [run for run in late if run.reminded_of_it]


def week_of_round(name: str) -> str:
    """The week, as an ISO date, that a round is for."""
    return name.partition("@")[0]


def _under_way(runs: Sequence[Run], rounds: Sequence[str]) -> dict[str, list[Run]]:
    """The runs of each of these rounds that is not over."""
    by_round = {name: [run for run in runs if run.round == name and not run.shared] for name in rounds}
    return {name: runs for name, runs in by_round.items() if any(run.unfinished for run in runs)}


def _began(runs: Sequence[Run]) -> datetime:
    return min(run.created for run in runs)


def _says(under_way: Mapping[str, Sequence[Run]], now: datetime) -> str:
    return " ".join(
        f"The round {name} has had its day and is being canceled."
        if now - _began(runs) > ROUND_LIMIT
        else f"The round {name} is under way: {counted(sum(run.unfinished for run in runs), 'run')} unfinished."
        for name, runs in under_way.items()
    )


def _ending(runs: Sequence[Run], now: datetime) -> Ending | None:
    """What is left of a round that has had its day, counted from its first run; None when nothing is to be ended."""
    left = [run for run in runs if run.unfinished and not run.given_up]
    began = _began(runs)
    if not left or now - began <= ROUND_LIMIT:
        return None
    name = left[0].round
    return Ending(
        week=date.fromisoformat(week_of_round(name)),
        runs=left,
        why=f"Canceled: the round {name} has had its {ROUND_LIMIT}.",
        remark=f"{began.isoformat()}: canceled {_countries(left)}",
    )


def _end(decision: RoundDecision, ending: Ending) -> RoundDecision:
    says = (
        f"The round {ending.runs[0].round} has had its day: canceled {_countries(ending.runs)}. They are not retried."
    )
    remind = [run for run in decision.remind if run not in ending.runs]
    return replace(decision, end=ending, remind=remind, says=says)


def _countries(runs: Sequence[Run]) -> str:
    return ", ".join(sorted({run.country or "?" for run in runs}))


def _newest_to_price(decision: RoundDecision, facts: Facts) -> tuple[RoundDecision, Delivery | None]:
    """The newest delivery that has a country to price; newer ones are settled and count as started."""
    progress, arrived = decision.progress, []
    for delivery in facts.deliveries:
        if not progress.has_arrived(delivery.week, delivery.written_ms):
            progress = progress.with_arrived(delivery)
            arrived.append(delivery)
        decision = replace(decision, progress=progress, arrived=tuple(arrived))
        if not_settled(delivery, facts):
            return decision, delivery
        progress = progress.with_started(delivery)
    return replace(decision, progress=progress), None


def _nothing_to_start(facts: Facts, progress: Progress, waiting: Sequence[date]) -> str:
    left = [week for week, written_ms in facts.delivered.items() if not progress.has_started(week, written_ms)]
    if left:
        return f"All is there of {weeks_in_words([each.week for each in facts.deliveries])}. The next look goes on."
    awaited = f" Waiting for {weeks_in_words(waiting)}." if waiting else ""
    if facts.early:
        early = f"Delivered early, to be started from their own Monday on: {weeks_in_words(facts.early)}."
        return f"Every open week that is delivered has been started. {early}{awaited}"
    return f"Every delivered week has been started.{awaited}"


def _runs_beside(facts: Facts, delivery: Delivery) -> str:
    """Why the round waits for runs of its week that it has not started; empty when it need not.

    `markdown-pricing run` begins one after the other, so that for a moment none of them may be under way.
    """
    runs = [run for run in facts.runs if run.week == str(delivery.week) and not run.round]
    if not runs:
        return ""
    silent = facts.now - max(run.ended or run.created for run in runs)
    unfinished = [run for run in runs if run.unfinished]
    if unfinished and silent <= BESIDE_LIMIT:
        shown = _countries(unfinished) if all(run.country for run in unfinished) else "what the countries share"
        return f"The round {delivery.round} waits for runs of its week that are under way beside it: {shown}."
    if silent <= BESIDE_PAUSE:
        return f"The round {delivery.round} waits whether the runs go on that have just ended beside it."
    return ""


def _start(decision: RoundDecision, facts: Facts, delivery: Delivery) -> RoundDecision:
    """First what the countries share; then the countries, with it, or without it when it failed or took too long."""
    runs = [run for run in facts.runs if run.shared and run.round == delivery.round]
    unfinished = [run for run in runs if run.unfinished]
    without = ""
    if delivery.round not in facts.learnt and all(run.state != RunState.SUCCEEDED for run in runs):
        if not runs:
            # First in the queue: all countries wait for it.
            first = _least_priority(delivery.week, facts) + PRIORITIES_PER_WEEK - 1
            return replace(decision, start=[Start(delivery, country="", priority=first)])
        began = min(run.created for run in runs)
        if unfinished and facts.now - began <= SHARED_LIMIT:
            says = f"The round {delivery.round} waits for what the countries share, since {began:%H:%M} UTC."
            return replace(decision, says=says)
        without = f"it took longer than {SHARED_LIMIT}" if unfinished else "its run did not succeed"
        decision = replace(decision, end=_ending_of_shared(delivery, unfinished, without))
    progress = decision.progress.with_started(delivery)
    progress = replace(progress, rounds=(*progress.rounds, delivery.round))
    return replace(decision, progress=progress, start=_longest_first(facts, delivery, without))


def _repeat(decision: RoundDecision, facts: Facts, lost: Sequence[Refresh]) -> RoundDecision:
    """Refreshes what the ERP has lost, each country once for each refresh that is lost."""
    name = f"{lost[0].week}@{lost[0].stamp} again {facts.now:%Y-%m-%dT%H:%M}"
    rounds = (*decision.progress.rounds, name)
    asked = {**decision.progress.lost, **{each.country: each.run_id for each in lost}}
    priority = _least_priority(lost[0].week, facts)
    return replace(
        decision,
        progress=replace(decision.progress, rounds=rounds, lost=asked),
        repeat=[Repeat(each, name, priority) for each in lost],
    )


def _least_priority(week: date, facts: Facts) -> int:
    return PRIORITIES_PER_WEEK * weeks_between(facts.first_week, week)


def _ending_of_shared(delivery: Delivery, unfinished: Sequence[Run], why: str) -> Ending | None:
    left = [run for run in unfinished if not run.given_up]
    if not left:
        return None
    return Ending(
        week=delivery.week,
        runs=left,
        why=f"Canceled: {why}. The countries start without it.",
        remark=f"{delivery.round}: {why}",
        shared=True,
    )


def _longest_first(facts: Facts, delivery: Delivery, without_shared: str) -> list[Start]:
    """One run per country by how long it last took in an earlier week, the longest first.

    A country that was never measured may be the longest of all; several of these go by the size of their files.
    """
    seconds: dict[str, float] = {}
    for run in facts.durations:
        if run.week < delivery.week:
            seconds.setdefault(run.country, run.seconds)
    ordered = sorted(
        not_settled(delivery, facts),
        key=lambda code: (seconds.get(code, inf), delivery.bytes_by_country[code]),
        reverse=True,
    )
    return [
        Start(delivery, country, _least_priority(delivery.week, facts) + len(ordered) - place, without_shared)
        for place, country in enumerate(ordered)
    ]
