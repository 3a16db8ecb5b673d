"""Dagster's SQLite files on this machine, which it opens and closes again for each of a run's events.

Only a command's own runs keep them open. Dagster's page follows a run of the code server by the changes of its file,
which is not written to as long as somebody has it open.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from sqlalchemy import Engine, QueuePool, create_engine


class _KeptOpen(QueuePool):
    """Keeps a file open, though Dagster disposes of the file's engine after each question."""

    def dispose(self) -> None:
        """Nothing: Dagster asks again soon."""

    def recreate(self) -> Self:
        return self

    def close(self) -> None:
        """Close the connections that nobody uses just now; the next question opens a new one."""
        super().dispose()


@contextmanager
def events_held_open(run_id: str) -> Iterator[None]:
    """The file of a run's events stays open until the run ends. Those of all runs together stay open beyond it.

    When nobody has a file open any more, SQLite writes what was logged back into it, and waits for the disk to do so.
    """
    engines = keep_engines()
    try:
        yield
    finally:
        for url in [url for url in engines if Path(url).stem == run_id]:
            _close(engines.pop(url))


@cache
def keep_engines() -> dict[str, Engine]:
    """Have this process make one engine for each file, by its URL, and read Dagster's migrations once.

    Dagster makes one for each question. What SQLAlchemy has compiled of a statement is kept for all files.
    """
    engines, compiled = dict[str, Engine](), dict[Any, Any]()

    def kept_open(url: str, **settings: Any) -> Engine:
        if url not in engines:
            settings |= {"poolclass": _KeptOpen, "pool_size": 1, "max_overflow": -1}
            engines[url] = create_engine(url, **settings, execution_options={"compiled_cache": compiled})
        return engines[url]

    for storage in (sqlite_event_log, sqlite_run_storage):
        storage.create_engine = kept_open  # type: ignore[attr-defined]
    # A run's events have a file of their own, whose version is looked up in all migrations that Dagster ever had.
    ScriptDirectory.from_config = _once_for_each_folder(ScriptDirectory.from_config)  # type: ignore[method-assign]
    return engines


def _close(engine: Engine) -> None:
    assert isinstance(engine.pool, _KeptOpen)
    engine.pool.close()


def _once_for_each_folder(read: Callable[[Config], ScriptDirectory]) -> Callable[..., Any]:
    """The same as `read`, which is called once for each folder of migrations."""
    by_folder = dict[str | None, ScriptDirectory]()

    def once(config: Config) -> ScriptDirectory:
        folder = config.get_main_option("script_location")
        if folder not in by_folder:
            by_folder[folder] = read(config)
        return by_folder[folder]

    return once
