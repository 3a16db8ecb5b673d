"""Dagster's SQLite files while runs of this machine go on."""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic.script import ScriptDirectory
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.sql import check_alembic_revision, get_alembic_config

from markdown_pricing.orchestration.local_storage import keep_engines, storage_held_open


def write(file: Path) -> None:
    """Write as Dagster stores an event: over a connection of its own that is closed at once."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS event_logs (event TEXT)")


def test_while_a_run_goes_on_sqlite_does_not_write_each_event_back_into_its_file(tmp_path: Path) -> None:
    """The log stays beside the file, the run's own new one too, and is written back at the run's end."""
    history = tmp_path / "history"
    files = [history / "runs.db", history / "runs/index.db", history / "runs/1234.db"]
    files[1].parent.mkdir(parents=True)
    write(files[1])

    with storage_held_open(tmp_path, "1234"):
        for file in files:
            write(file)
        assert all(file.with_name(f"{file.name}-wal").exists() for file in files)

    assert sorted(history.rglob("*.db*")) == sorted(files)


def test_another_database_than_sqlite_is_left_alone(tmp_path: Path) -> None:
    with storage_held_open(tmp_path, "1234"):
        assert list(tmp_path.iterdir()) == []


def test_what_is_compiled_of_a_statement_is_kept_from_one_event_to_the_next(tmp_path: Path) -> None:
    """SQLAlchemy keeps it with the engine, of which each file has one."""
    keep_engines()
    events, runs = SqliteEventLogStorage(str(tmp_path / "events")), SqliteRunStorage.from_local(str(tmp_path / "runs"))

    for connection in (events.index_connection, lambda: events.run_connection("1234"), runs.connect):
        with connection() as first:
            engine = first.engine
        with connection() as second:
            assert second.engine is engine


def test_dagsters_migrations_are_read_once_for_all_runs(tmp_path: Path) -> None:
    """The events of each run have a file of their own, which says all the same of which version it is."""
    keep_engines()
    events = SqliteEventLogStorage(str(tmp_path / "events"))
    migrations = ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))

    for run in ("1234", "5678"):
        with events.run_connection(run) as connection:
            version, newest = check_alembic_revision(get_alembic_config(sqlite_event_log.__file__), connection)
        assert version == newest == migrations.get_current_head()

    assert ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__)) is migrations
