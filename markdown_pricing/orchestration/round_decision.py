"""What a look of the sensor decides, as values: what `next_round.py` finds out, and `automation.py` carries out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markdown_pricing.orchestration.situation import Delivery, Progress, Refresh, Run


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
class Repeat:
    """A run to ask for that refreshes again, from the predictions on the lake, what the ERP has lost.

    round : a name of its own, as its day counts from now
    """

    lost: Refresh
    round: str
    priority: int


@dataclass(frozen=True)
class Ending:
    """Runs that are canceled and not retried, and why; `remark` is recorded beside the week's data."""

    week: date
    runs: Sequence[Run]
    why: str
    remark: str
    shared: bool = False


@dataclass(frozen=True)
class RoundDecision:
    """What is to be done now.

    open, late  : weeks to be opened, and to be reported as late
    arrived     : deliveries to be recorded, and with them which countries are gone
    remind      : failed runs of whose promised retry Dagster is to be reminded
    not_retried : failed runs whose promised retry is waited for no more
    says        : why nothing is started; empty where something is
    """

    progress: Progress
    open: Sequence[date] = ()
    late: Sequence[date] = ()
    arrived: Sequence[Delivery] = ()
    start: Sequence[Start] = ()
    repeat: Sequence[Repeat] = ()
    end: Ending | None = None
    remind: Sequence[Run] = ()
    not_retried: Sequence[Run] = ()
    says: str = ""
