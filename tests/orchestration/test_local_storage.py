"""Dagster's SQLite files while runs of this machine go on."""

from pathlib import Path

from alembic.script import ScriptDirectory
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.sql import check_alembic_revision, get_alembic_config
from sqlalchemy import text

from markdown_pricing.orchestration.local_storage import events_held_open, keep_engines


def test_while_a_run_goes_on_sqlite_does_not_write_each_event_back_into_its_file(tmp_path: Path) -> None:
    """The log stays beside the file of the run's events, and is written back at the run's end."""
    keep_engines()
    events = SqliteEventLogStorage(str(tmp_path))
    file = tmp_path / "1234.db"

    with events_held_open("1234"):
        for _ in range(2):
            with events.run_connection("1234") as connection:
                connection.execute(text("DELETE FROM event_logs"))
            assert file.with_name("1234.db-wal").exists()

    assert sorted(tmp_path.glob("1234.db*")) == [file]


def test_all_questions_to_a_file_go_over_one_connection(tmp_path: Path) -> None:
    keep_engines()
    events, runs = SqliteEventLogStorage(str(tmp_path / "events")), SqliteRunStorage.from_local(str(tmp_path / "runs"))

    for connection in (events.index_connection, lambda: events.run_connection("1234"), runs.connect):
        with connection() as first:
            opened = first.connection.driver_connection
        with connection() as second:
            assert second.connection.driver_connection is opened


def test_the_events_of_another_run_have_a_connection_of_their_own(tmp_path: Path) -> None:
    """And a run that is over leaves none behind, whose number would grow with the countries."""
    engines, events = keep_engines(), SqliteEventLogStorage(str(tmp_path))
    before = set(engines)

    for run in ("9012", "3456"):
        with events_held_open(run), events.run_connection(run) as connection:
            assert connection.engine.url.database == str(tmp_path / f"{run}.db")

    assert set(engines) == before


def test_what_is_compiled_of_a_statement_is_kept_from_one_file_to_the_next(tmp_path: Path) -> None:
    keep_engines()
    events, compiled = SqliteEventLogStorage(str(tmp_path)), []

    for connection in (events.index_connection, lambda: events.run_connection("7890")):
        with connection() as opened:
            compiled.append(opened.get_execution_options()["compiled_cache"])

    assert compiled[0] is compiled[1]


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
