"""An SQLite file's write-ahead log, with which readers can read while a writer writes."""

import sqlite3


def keep_log_beside(connection: sqlite3.Connection) -> None:
    """Give the file a write-ahead log, which it keeps, waiting for a writer as long as the connection's timeout allows.

    SQLite itself doesn't wait here for another writer: it gives up at once with "database is locked". It does wait when
    a transaction begins, so that an empty one is begun to wait with. Raises sqlite3.OperationalError when the writer
    takes too long.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # the lowest byte is the kind
                raise
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
