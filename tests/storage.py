"""Dagster's storage: its files before a first run, which are made once in each process, or a PostgreSQL database."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import dagster as dg
from sqlalchemy import make_url

from markdown_pricing.orchestration.pooled_storage import PooledPostgresStorage
from tests.postgres.server import PostgresServer


def make_storage(folder: Path) -> None:
    """Put into `folder` the SQLite files that Dagster would make there when it first opens it."""
    shutil.copytree(_made(), folder, dirs_exist_ok=True)


def postgres_storage(server: PostgresServer, database: str) -> dict[str, object]:
    """The entry `storage` of a dagster.yaml as in those that we hand out, of the database with that URL."""
    to = make_url(database).set(drivername="postgresql+psycopg2", username=server.user, password=server.password)
    ours = {"module": PooledPostgresStorage.__module__, "class": PooledPostgresStorage.__name__}
    return {"custom": {**ours, "config": {"postgres_url": to.render_as_string(hide_password=False)}}}


@cache
def _made() -> Path:
    home = Path(mkdtemp(prefix="dagster-storage-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs_count()
        instance.all_instigator_state()
    return home
