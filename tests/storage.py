"""Dagster's storage before its first run, made once in each process and copied: making it costs most of a second."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import dagster as dg


def make_storage(folder: Path) -> None:
    """Put into `folder` the SQLite files that Dagster would make there when it first opens it."""
    shutil.copytree(_made(), folder, dirs_exist_ok=True)


@cache
def _made() -> Path:
    home = Path(mkdtemp(prefix="dagster-storage-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs_count()
        instance.all_instigator_state()
    return home
