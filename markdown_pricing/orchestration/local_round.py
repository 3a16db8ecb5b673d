"""A round on this machine without a server: each country is a run of its own, in one of N worker processes.

The command itself runs nothing, so that no country can take it along. It chooses the id of each run before the run
starts. By that id it finds and marks the run of a process that died: its country is tried once more in a fresh process.
"""

import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from types import TracebackType
from typing import Any
from uuid import uuid4

import dagster as dg

from markdown_pricing.errors import PricingError
from markdown_pricing.orchestration.local_runs import learn_shared_demand, make_snapshot, price_country
from markdown_pricing.orchestration.lost_runs import (
    Places,
    record_failure,
    record_interruption,
    record_stopping,
    what_was_done,
)
from markdown_pricing.orchestration.outcome import FAILED, RunOutcome
from markdown_pricing.orchestration.pools import limit_pools
from markdown_pricing.process.threads import limit_threads
from markdown_pricing.process.workers import SECONDS_TO_END, Note, Raised, Worker, WorkerDied, heard, on_a_stop

LOOK_UP_S = 1.0
"""How often the command, while it waits, asks whether it was told to stop."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Attempt:
    """A run to be made by a worker, as `work(*about, run_id, repeats)`.

    country : empty for a run of no single country
    grace_s : how long it may take to end what it has started; without, it may be killed at any moment without harm
    repeats : the id of the run that it repeats, whose process died; None for a first attempt
    """

    work: Callable[..., Any]
    about: tuple[Any, ...]
    country: str = ""
    grace_s: float = 0.0
    repeats: str | None = None
    run_id: str = field(default_factory=lambda: str(uuid4()))
    began: float = field(default_factory=time.monotonic)

    def again(self) -> "Attempt":
        return replace(self, repeats=self.run_id, run_id=str(uuid4()))


class LocalRound:
    """The runs of one week, as long as the `with` block lasts. DAGSTER_HOME names the instance that records them.

    recovered : countries that turned out to be done when the block was left, though their runs were under way
    """

    def __init__(self, week: date, workers: int, places: Places) -> None:
        self.recovered: list[RunOutcome] = []
        self._week, self._workers, self._places = week, workers, places
        self._free: list[Worker] = []
        self._under_way: dict[Worker, Attempt] = {}
        self._is_told_to_stop: Callable[[], bool] = lambda: False

    def __enter__(self) -> "LocalRound":
        # Whatever their number: else a country's last digits would hang on who is priced beside it.
        limit_threads(self._workers)
        self._is_told_to_stop = on_a_stop()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is KeyboardInterrupt:
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, signal.SIG_IGN)  # it is ending already
        for worker in self._free:
            worker.end()
        if self._under_way:
            with dg.DagsterInstance.get() as instance:
                # All are ended before any is asked after: the others would go on meanwhile.
                for worker, attempt in self._under_way.items():
                    if attempt.grace_s:
                        record_stopping(instance, attempt.run_id)
                    worker.end(attempt.grace_s)
                left = self._under_way.values()
                self.recovered = [done for attempt in left if (done := self._interrupted(instance, attempt))]
        self._free, self._under_way = [], {}

    def make_snapshot(self) -> str:
        """Make the week's snapshot. Returns why that failed, an empty text when it did not."""
        # Spark is a process of its own, which would go on.
        return self._one(Attempt(make_snapshot, (self._week,), grace_s=SECONDS_TO_END), lambda _: None)

    def learn_shared_demand(self, tell: Tell) -> str:
        """Learn what the countries share, from as many at a time as there are workers; `tell` hears of each.

        Returns why it failed, an empty text when it did not.
        """
        return self._one(Attempt(learn_shared_demand, (self._week, self._workers)), tell)

    def price(self, countries: Sequence[str]) -> Iterator[RunOutcome]:
        """Price `countries` in the order given, as many at a time as there are workers. Yields each when it is done."""
        with dg.DagsterInstance.get() as instance:
            limit_pools(instance)
        attempts = [Attempt(price_country, (self._week, country), country) for country in countries]
        yield from self._answers(attempts, self._workers, lambda _: None)

    def _one(self, attempt: Attempt, tell: Tell) -> str:
        return str(next(iter(self._answers([attempt], 1, tell))))

    def _answers(self, attempts: Iterable[Attempt], at_a_time: int, tell: Tell) -> Iterator[Any]:
        """What the attempts return. Whose process dies comes once more, after the others: it may be short of memory."""
        waiting = deque(attempts)
        while waiting or self._under_way:
            while waiting and len(self._under_way) < at_a_time:
                self._begin(waiting.popleft())
            for worker in heard(self._under_way, LOOK_UP_S):
                attempt = self._under_way[worker]
                try:
                    message = worker.receive()
                except WorkerDied as died:
                    worker.end()
                    del self._under_way[worker]
                    answer = self._lost(attempt, str(died))
                    if isinstance(answer, Attempt):
                        waiting.append(answer)
                    else:
                        yield answer
                    continue
                if isinstance(message, Note):
                    tell(message.text)
                    continue
                self._free.append(worker)
                del self._under_way[worker]
                yield self._failed(attempt, message.message) if isinstance(message, Raised) else message.value
            if self._is_told_to_stop():
                raise KeyboardInterrupt

    def _begin(self, attempt: Attempt) -> None:
        worker = self._free.pop() if self._free else Worker(self._workers)
        attempt = replace(attempt, began=time.monotonic())
        self._under_way[worker] = attempt
        worker.begin(attempt.work, *attempt.about, attempt.run_id, attempt.repeats)

    def _lost(self, attempt: Attempt, why: str) -> Attempt | RunOutcome | str:
        """What becomes of an attempt whose process died: what it had done, or a second attempt, or a failure."""
        with dg.DagsterInstance.get() as instance:
            try:
                if done := self._done(instance, attempt):
                    return done
                holds = "The ERP keeps the rows that it had."
            except PricingError as error:
                holds = f"What the ERP holds is not known. {error}"
            if attempt.repeats is None:
                again = attempt.again()
                record_failure(instance, attempt.run_id, why, repeated_by=again.run_id)
                return again
            why = f"{why}, as in the attempt before"
            record_failure(instance, attempt.run_id, why)
        return self._failed(attempt, f"{why[0].upper()}{why[1:]}." + (f" {holds}" if attempt.country else ""))

    def _interrupted(self, instance: dg.DagsterInstance, attempt: Attempt) -> RunOutcome | None:
        with suppress(PricingError):
            if done := self._done(instance, attempt):
                return done
        record_interruption(instance, attempt.run_id)
        return None

    def _done(self, instance: dg.DagsterInstance, attempt: Attempt) -> RunOutcome | None:
        if not attempt.country:
            return None
        seconds = time.monotonic() - attempt.began
        return what_was_done(instance, self._places, self._week, attempt.country, attempt.run_id, seconds)

    def _failed(self, attempt: Attempt, why: str) -> RunOutcome | str:
        if not attempt.country:
            return why
        return RunOutcome(attempt.country, FAILED, attempt.run_id, time.monotonic() - attempt.began, why)
