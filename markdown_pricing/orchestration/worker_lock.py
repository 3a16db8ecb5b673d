"""A run's process holds a lock for as long as it lives, whatever ends it: so a run whose process is gone is known.

The kernel gives the lock back with the process. Nothing has to be written while the run goes on, no clock is compared,
and a process that is merely slow still holds it. The files lie in DAGSTER_HOME, which the daemon shares.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from markdown_pricing.process import private

FOLDER = "workers"
FORGOTTEN_AFTER_S = 7 * 86_400
"""A week after its process has died nobody asks about a run any more: its day was over long before."""


@contextmanager
def held_by_this_process(dagster_home: Path, run_id: str) -> Iterator[None]:
    """Hold the run's lock in the `with` block. After it the file is gone, and the run does not count as lost."""
    file = _file(dagster_home, run_id)
    file.parent.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
    unlocked = file.with_name(f".{run_id}.{os.getpid()}")
    with open(unlocked, "w", opener=partial(os.open, mode=private.FILE)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Under its name only now: a file there that nobody has locked means that its process is dead.
        unlocked.rename(file)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def is_lost(dagster_home: Path, run_id: str) -> bool:
    """Whether a process has held the run's lock and is gone without giving it back.

    Of a run that has never held it, as of one that works elsewhere, nothing is known: it is not lost.
    """
    try:
        with _file(dagster_home, run_id).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True


def remove_forgotten(dagster_home: Path) -> None:
    """Remove the files of runs whose process was lost long ago."""
    oldest = time.time() - FORGOTTEN_AFTER_S
    for file in (dagster_home / FOLDER).glob("*"):
        if file.stat().st_mtime < oldest and is_lost(dagster_home, file.name):
            file.unlink(missing_ok=True)


def _file(dagster_home: Path, run_id: str) -> Path:
    return dagster_home / FOLDER / run_id
