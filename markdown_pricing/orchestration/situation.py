"""What a look of the sensor knows, as values: no Dagster, no lake, nothing that can fail.

`facts.py` fills in what is known, `next_round.py` makes a decision of it, `automation.py` carries the decision out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime
from enum import Enum


class RunState(Enum):
    """How far a run is."""

    UNDER_WAY = "queued, starting, running or being canceled"
    AWAITS_RETRY = "failed, and a retry of it is promised that has not begun"
    SUCCEEDED = "succeeded"
    OVER = "ended without success, for good"


@dataclass(frozen=True)
class Run:
    """A run, whatever started it.

    round          : name of the round that it belongs to; empty when no sensor started it
    country        : empty for a run of no single country
    shared         : whether it learns what the countries share
    given_up       : whether it has been canceled for good before
    ended          : None while it is under way
    reminded_of_it : whether Dagster has been reminded of the retry that it promised
    """

    id: str
    created: datetime
    state: RunState
    round: str = ""
    week: str = ""
    country: str = ""
    shared: bool = False
    given_up: bool = False
    ended: datetime | None = None
    reminded_of_it: bool = False

    @property
    def unfinished(self) -> bool:
        """Whether it, or a retry of it, may still write."""
        return self.state in (RunState.UNDER_WAY, RunState.AWAITS_RETRY)


@dataclass(frozen=True)
class Delivery:
    """A snapshot that is there as a whole, with the bytes of each country's files.

    written_ms : when `_SUCCESS` was written
    stamp      : other for a re-delivered week, see lake/snapshot.py
    gone       : countries that it lacks and the delivered week before it held; empty once its arrival is recorded
    """

    week: date
    written_ms: int
    stamp: str
    bytes_by_country: Mapping[str, int]
    gone: Sequence[str] = ()

    @property
    def round(self) -> str:
        """The name of its round."""
        return f"{self.week}@{self.stamp}"


@dataclass(frozen=True)
class Settled:
    """A recorded refresh of the ERP, or the record that a newer week made it needless, whatever started it."""

    week: date
    country: str
    stamp: str


@dataclass(frozen=True)
class Refresh:
    """A refresh of a country's rows, as its run recorded it or as the ERP's own receipt has it; `at`: when it was.

    stamp     : of the delivery; empty in a receipt, which does not know it
    made_from : the version of what the rows were to be made from; empty in a receipt
    """

    week: date
    country: str
    run_id: str
    content_hash: str
    at: datetime
    stamp: str = ""
    made_from: str = ""


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
    delivered     : week -> when its `_SUCCESS` was written (ms); of the weeks that are open by now
    early         : weeks that are delivered and not open yet, oldest first
    deliveries    : of these, those that have not been started, newest first, up to the first with a country to price
                    and a limited number: nothing is decided about those behind it, and their files are not listed
    receipts      : for these deliveries
    archived      : as receipts, for predictions that lie on the lake, made from these deliveries
    learnt        : names of the rounds for which what the countries share is recorded, for these deliveries
    runs          : all unfinished ones, all of the rounds under way and of these deliveries' shared demand, and of
                    their weeks what has ended just now
    durations     : newest first; empty where nothing can be started
    recorded      : each country's refresh of the newest week of which one is recorded
    in_erp        : each country's newest refresh by the ERP's receipts
    erp_fault     : why the ERP did not answer; empty when it did
    """

    now: datetime
    countries: Sequence[str]
    first_week: date
    opened: Mapping[date, datetime] = field(default_factory=dict)
    reported_late: frozenset[date] = frozenset()
    delivered: Mapping[date, int] = field(default_factory=dict)
    deliveries: Sequence[Delivery] = ()
    receipts: frozenset[Settled] = frozenset()
    archived: frozenset[Settled] = frozenset()
    learnt: frozenset[str] = frozenset()
    runs: Sequence[Run] = ()
    durations: Sequence[Duration] = ()
    recorded: Mapping[str, Refresh] = field(default_factory=dict)
    in_erp: Mapping[str, Refresh] = field(default_factory=dict)
    erp_fault: str = ""
    early: Sequence[date] = ()

    @property
    def newest_delivered(self) -> date:
        """The week that the ERP is for. Raises ValueError when no open week is delivered."""
        return max(self.delivered)


@dataclass(frozen=True)
class Progress:
    """The sensor's memory: the delivery (`_SUCCESS`, ms) with which each week was last started.

    rounds  : those that were started, the newest last; a round that is over may stand here until the next one starts
    arrived : the delivery of each week that was last recorded
    lost    : country -> the run whose refresh the ERP had lost when a repeat of it was last asked for
    Losing it starts nothing twice: run keys and recorded materializations are asked as well.
    """

    started: Mapping[str, int] = field(default_factory=dict)
    rounds: Sequence[str] = ()
    arrived: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "Progress":
        kept = json.loads(cursor) if cursor else {}
        for name in _DELIVERIES & kept.keys():
            kept[name] = {week: _milliseconds(at) for week, at in kept[name].items()}
        return cls(**{each.name: kept[each.name] for each in fields(cls) if each.name in kept})

    def to_cursor(self) -> str:
        """The memory as JSON. People read it on Dagster's page, so its times are dates and no milliseconds."""
        kept = asdict(self)
        for name in _DELIVERIES:
            kept[name] = {week: _time(written_ms) for week, written_ms in kept[name].items()}
        return json.dumps(kept, sort_keys=True)

    def has_started(self, week: date, written_ms: int) -> bool:
        return self.started.get(week.isoformat()) == written_ms

    def has_arrived(self, week: date, written_ms: int) -> bool:
        return self.arrived.get(week.isoformat()) == written_ms

    def with_started(self, delivery: Delivery) -> "Progress":
        return replace(self, started={**self.started, delivery.week.isoformat(): delivery.written_ms})

    def with_arrived(self, delivery: Delivery) -> "Progress":
        return replace(self, arrived={**self.arrived, delivery.week.isoformat(): delivery.written_ms})


_DELIVERIES = {"started", "arrived"}
"""The parts of Progress that hold when deliveries were written."""


def _time(written_ms: int) -> str:
    return datetime.fromtimestamp(written_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _milliseconds(at: str | int) -> int:
    # A cursor of the version before has milliseconds.
    return at if isinstance(at, int) else round(datetime.fromisoformat(at).timestamp() * 1000)
