"""The moments at which a worker is killed."""

import itertools
import os
import signal
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from sqlalchemy import Connection, Engine, event

from markdown_pricing.lake import Lake

BOUNDARIES = (DagsterEventType.STEP_START, DagsterEventType.STEP_SUCCESS)
ENDS_WITHIN_S = 120.0


@dataclass(frozen=True)
class Moment:
    """A moment in which a worker is killed."""

    def arm(self, instance: dg.DagsterInstance, run_id: str, lake: Lake) -> None:
        """Prepare the kill in the worker, before its run begins."""

    def kill(self, worker: BaseProcess) -> bool:
        """Waits until the worker is killed or has ended; whether it was killed."""
        worker.join(ENDS_WITHIN_S)
        return worker.exitcode == -signal.SIGKILL


@dataclass(frozen=True)
class AfterEvent(Moment):
    """Right after so many step events, each the beginning or the end of a step, were recorded."""

    number: int

    def arm(self, instance: dg.DagsterInstance, run_id: str, lake: Lake) -> None:
        seen = itertools.count(1)

        def look(entry: dg.EventLogEntry) -> None:
            if entry.dagster_event and entry.dagster_event.event_type in BOUNDARIES and next(seen) == self.number:
                _die()

        instance.add_event_listener(run_id, look)


@dataclass(frozen=True)
class InAPublish(Moment):
    """The moment in which a file is written and not yet renamed."""

    number: int

    def arm(self, instance: dg.DagsterInstance, run_id: str, lake: Lake) -> None:
        rename, seen = lake.filesystem.mv, itertools.count(1)

        def rename_or_die(*arguments: Any, **options: Any) -> None:
            if next(seen) == self.number:
                _die()
            rename(*arguments, **options)

        lake.filesystem.mv = rename_or_die

    def __str__(self) -> str:
        return "in a publish, between writing and renaming"


@dataclass(frozen=True)
class AtTheCommit(Moment):
    """When all rows of the refresh are written: just before their commit, or just after."""

    after: bool

    def arm(self, instance: dg.DagsterInstance, run_id: str, lake: Lake) -> None:
        written: set[int] = set()

        @event.listens_for(Engine, "before_cursor_execute")
        def look(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("INSERT INTO markdown_refreshes"):
                written.add(id(connection))

        @event.listens_for(Engine, "commit")
        def commit(connection: Connection) -> None:
            if id(connection) in written:
                if self.after:
                    driver = connection.connection.driver_connection
                    assert driver is not None
                    driver.commit()
                _die()

    def __str__(self) -> str:
        return f"just {'after' if self.after else 'before'} the refresh's commit"


@dataclass(frozen=True)
class AtRandom(Moment):
    """A moment so many seconds after the worker's start."""

    seconds: float

    def kill(self, worker: BaseProcess) -> bool:
        worker.join(self.seconds)
        worker.kill()
        worker.join()
        return worker.exitcode == -signal.SIGKILL

    def __str__(self) -> str:
        return "at random"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
