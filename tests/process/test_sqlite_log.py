"""A file of SQLite gets its write-ahead log while others write to it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from markdown_pricing.process.sqlite_log import keep_log_beside


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new.sqlite"


@pytest.fixture
def writer(file: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who writes to the file, which has no such log as yet."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE sales (article TEXT)")
        yield connection


def test_it_waits_for_a_writer(file: Path, writer: sqlite3.Connection) -> None:
    modes: list[str] = []

    def change() -> None:
        with closing(sqlite3.connect(file, timeout=60)) as connection:
            keep_log_beside(connection)
            modes.append(connection.execute("PRAGMA journal_mode").fetchone()[0])

    second = threading.Thread(target=change)
    second.start()
    second.join(0.5)
    assert second.is_alive(), "it should wait for the writer"
    writer.execute("COMMIT")
    second.join(60)

    assert modes == ["wal"]


def test_a_writer_who_takes_too_long_is_an_error(file: Path, writer: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(file, timeout=0)) as connection, pytest.raises(sqlite3.OperationalError, match="lock"):
        keep_log_beside(connection)


def test_what_is_no_database_is_an_error_at_once(file: Path) -> None:
    file.write_text("No database, though long enough to be taken for one." * 100)

    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.DatabaseError, match="not a database"):
        keep_log_beside(connection)
