"""Dagster's SQLite files on this machine, which it opens and closes again for each of a run's events."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage

from markdown_pricing.process.sqlite_log import keep_log_beside


@contextmanager
def storage_held_open(home: Path, run_id: str) -> Iterator[None]:
    """Keeps the SQLite files open that Dagster opens and closes again for each of a run's events.

    When nobody has it open any more, SQLite writes what was logged back into a file, and waits for the disk to do so.
    """
    history = home / "history"
    with ExitStack() as opened:
        if history.exists():  # else Dagster's storage is another database
            for file in (history / "runs.db", history / "runs/index.db", history / f"runs/{run_id}.db"):
                connection = opened.enter_context(closing(sqlite3.connect(file)))
                keep_log_beside(connection)
                connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # only now is its log open
        yield


@cache
def keep_engines() -> None:
    """Have this process make one engine for each file, and read Dagster's migrations once.

    Dagster makes one for each connection, and SQLAlchemy keeps what it has compiled of a statement with its engine, so
    that it compiled every statement anew. These engines have no pool: nothing stays open in them.
    """
    for storage in (sqlite_event_log, sqlite_run_storage):
        storage.create_engine = _once_for_each(str, storage.create_engine)  # type: ignore[attr-defined]
    # A run's events have a file of their own, whose version is looked up in all migrations that Dagster ever had.
    ScriptDirectory.from_config = _once_for_each(_folder_of, ScriptDirectory.from_config)  # type: ignore[method-assign]


def _once_for_each(name_of: Callable[[Any], str | None], make: Callable[..., Any]) -> Callable[..., Any]:
    """The same as `make`, which is called once for each name of its first argument."""
    made: dict[str | None, Any] = {}

    def once(of: Any, **settings: Any) -> Any:
        if (name := name_of(of)) not in made:
            made[name] = make(of, **settings)
        return made[name]

    return once


def _folder_of(config: Config) -> str | None:
    return config.get_main_option("script_location")
