"""Dagster's home: made once, however many commands are the first to need it, and for nobody but its owner."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import dagster as dg
from sqlalchemy.exc import DBAPIError

from markdown_pricing import DATA
from markdown_pricing.errors import UsageError
from markdown_pricing.process.private import FILE, FOLDER, keep_private, write_private

YAML = DATA / "dagster.yaml"
OF_DAGSTER = ("history", "logs", "schedules", "storage", ".logs_queue", ".nux", ".telemetry")
"""The folders that Dagster makes in its home, where an operator may keep other things, too."""


class UnusableDagsterHome(UsageError):
    def __init__(self, home: Path, why: object) -> None:
        super().__init__(
            f"Dagster's home {home} cannot be used: {why}. Set DAGSTER_HOME to a folder that this user can write, and "
            "that has room."
        )


def make_dagster_home(home: Path) -> None:
    """Make the folder, its dagster.yaml and Dagster's storage where they are missing; what is there stays.

    Raises UnusableDagsterHome.
    """
    try:
        home.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        with _alone(home):
            if not (home / "dagster.yaml").exists():
                write_private(home / "dagster.yaml", YAML.read_text(encoding="utf-8"))
            if not (home / "schedules").exists():
                _make_storage(home)
    except OSError as error:
        raise UnusableDagsterHome(home, error.strerror) from error
    except DBAPIError as error:
        raise UnusableDagsterHome(home, error.orig) from error


def keep_dagster_private(home: Path) -> None:
    """Logs, and what runs have recorded, are for nobody but their owner, whatever the umask is and was."""
    for name in OF_DAGSTER:
        keep_private(home / name)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Whoever comes second waits. On a file system without locks nobody does."""
    with open(home / ".lock", "w", opener=partial(os.open, mode=FILE)) as lock:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_storage(home: Path) -> None:
    """Two processes that open a new storage at once would both make its tables, and one of them would fail."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs_count()
        instance.all_instigator_state()
