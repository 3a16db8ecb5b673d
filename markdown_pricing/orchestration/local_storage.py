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
from sqlalchemy import Engine

from markdown_pricing.sqlite_log import keep_log_beside


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
        storage.create_engine = _once_for_each_file(storage.create_engine)  # type: ignore[attr-defined]
    # A run's events have a file of their own, whose version is looked up in all migrations that Dagster ever had.
    ScriptDirectory.from_config = _once_for_each_folder(ScriptDirectory.from_config)  # type: ignore[assignment,method-assign]


def _once_for_each_file(create_engine: Callable[..., Engine]) -> Callable[..., Engine]:
    made: dict[str, Engine] = {}

    def engine(url: str, **settings: Any) -> Engine:
        if url not in made:
            made[url] = create_engine(url, **settings)
        return made[url]

    return engine


def _once_for_each_folder(read: Callable[[Config], ScriptDirectory]) -> Callable[[Config], ScriptDirectory]:
    found: dict[str | None, ScriptDirectory] = {}

    def migrations(config: Config) -> ScriptDirectory:
        folder = config.get_main_option("script_location")
        if folder not in found:
            found[folder] = read(config)
        return found[folder]

    return migrations
