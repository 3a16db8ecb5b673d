"""What one look of the sensor decides, from facts and time alone: no Dagster, no lake, nothing that can fail.

`facts.py` gathers the facts, `automation.py` carries the decision out. A rule about what starts when is written here,
and it reads the facts that are here: nothing else looks at runs, receipts or deliveries a second time.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import Enum
from math import inf

from markdown_pricing.weeks import due_weeks

DELIVERY_LATE_AFTER = timedelta(hours=24)
"""After its opening, a week whose snapshot is not there is reported as late; chosen with the round's own day."""
ROUND_LIMIT = timedelta(hours=24)
"""A round has one day, counted from its first run."""
SHARED_LIMIT = timedelta(minutes=60)
"""So long the countries wait for what they share, its retries included."""


class State(Enum):
    """How far a run is."""

    UNDER_WAY = "queued, starting, running or being cancelled"
    AWAITS_RETRY = "failed, and a retry of it is promised that has not begun"
    SUCCEEDED = "succeeded"
    OVER = "ended without success, for good"


@dataclass(frozen=True)
class Run:
    """A run, whatever started it.

    round    : name of the round that it belongs to; empty when no sensor started it
    country  : empty for a run of no single country
    shared   : whether it learns what the countries share
    given_up : whether it has been cancelled for good before
    """

    id: str
    created: datetime
    state: State
    round: str = ""
    week: str = ""
    country: str = ""
    shared: bool = False
    given_up: bool = False

    @property
    def unfinished(self) -> bool:
        """Whether it, or a retry of it, may still write."""
        return self.state in (State.UNDER_WAY, State.AWAITS_RETRY)


@dataclass(frozen=True)
class Delivery:
    """A snapshot that is there as a whole, with the bytes of each country's files.

    written_ms : when `_SUCCESS` was written ; stamp : other for a re-delivered week, see lake/snapshot.py
    """

    week: date
    written_ms: int
    stamp: str
    bytes_by_country: Mapping[str, int]

    @property
    def round(self) -> str:
        """The name of its round."""
        return f"{self.week}@{self.stamp}"


@dataclass(frozen=True)
class Receipt:
    """A recorded refresh of the ERP, or the record that a newer week made it needless, whatever started it."""

    week: date
    country: str
    stamp: str


@dataclass(frozen=True)
class Duration:
    """How long one country's run of a round took that succeeded."""

    week: date
    country: str
    seconds: float


@dataclass(frozen=True)
class Facts:
    """All that a decision rests on.

    countries     : those of the installation
    first_week    : no round is due before it
    opened        : week -> when it was opened
    reported_late : weeks that have been reported as late
    delivered     : week -> when its `_SUCCESS` was written (ms); of the weeks that are open by now, oldest first
    deliveries    : of these, those that have not been started, oldest first, up to the first with a country to price:
                    nothing is decided about later ones before it, and their files are not listed
    receipts      : for these deliveries
    learnt        : names of the rounds for which what the countries share is recorded, for these deliveries
    runs          : all unfinished ones, and all of the round under way and of these deliveries' shared demand
    durations     : newest first; empty where nothing can be started
    """

    now: datetime
    countries: Sequence[str]
    first_week: date
    opened: Mapping[date, datetime] = field(default_factory=dict)
    reported_late: frozenset[date] = frozenset()
    delivered: Mapping[date, int] = field(default_factory=dict)
    deliveries: Sequence[Delivery] = ()
    receipts: frozenset[Receipt] = frozenset()
    learnt: frozenset[str] = frozenset()
    runs: Sequence[Run] = ()
    durations: Sequence[Duration] = ()


@dataclass(frozen=True)
class Progress:
    """The sensor's memory: the delivery (`_SUCCESS`, ms) with which each week was last started, and the round started.

    arrived : the delivery of each week that was last recorded
    Losing it starts nothing twice: run keys and recorded materializations are asked as well.
    """

    started: Mapping[str, int] = field(default_factory=dict)
    round: str | None = None
    arrived: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "Progress":
        return cls(**json.loads(cursor)) if cursor else cls()

    def to_cursor(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    def has_started(self, week: date, written_ms: int) -> bool:
        return self.started.get(week.isoformat()) == written_ms

    def with_started(self, delivery: Delivery) -> "Progress":
        return replace(self, started={**self.started, delivery.week.isoformat(): delivery.written_ms})

    def with_arrived(self, delivery: Delivery) -> "Progress":
        return replace(self, arrived={**self.arrived, delivery.week.isoformat(): delivery.written_ms})


@dataclass(frozen=True)
class Start:
    """A run to ask for: of one country, or, where `country` is empty, of what the countries share.

    priority       : the queue takes the highest first
    without_shared : why the country is priced without what the countries share; empty when it is there
    """

    delivery: Delivery
    country: str
    priority: int
    without_shared: str = ""


@dataclass(frozen=True)
class Ending:
    """Runs that are cancelled and not retried, and why; `remark` is recorded beside the week's data."""

    week: date
    runs: Sequence[Run]
    why: str
    remark: str
    shared: bool = False


@dataclass(frozen=True)
class Decision:
    """What is to be done now.

    open, late : weeks to be opened, and to be reported as late
    arrived    : deliveries to be recorded
    says       : why nothing is started; empty where something is
    """

    progress: Progress
    open: Sequence[date] = ()
    late: Sequence[date] = ()
    arrived: Sequence[Delivery] = ()
    start: Sequence[Start] = ()
    end: Ending | None = None
    says: str = ""


def next_round(facts: Facts, progress: Progress) -> Decision:
    """Nothing while a round is under way, else the round of the oldest week that has new data."""
    opened = open_weeks(facts.opened, facts.first_week, facts.now)
    waiting = sorted(opened.keys() - facts.delivered.keys())
    late = [
        week for week in waiting if week not in facts.reported_late and facts.now - opened[week] > DELIVERY_LATE_AFTER
    ]
    decision = Decision(progress, open=sorted(opened.keys() - facts.opened.keys()), late=late)
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
    return replace(decision, end=end, says=says)


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
