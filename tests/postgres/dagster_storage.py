"""Dagster's storage in a database of a PostgreSQL server."""

from sqlalchemy import make_url

from markdown_pricing.orchestration.pooled_storage import PooledPostgresStorage
from tests.postgres.server import PostgresServer


def postgres_storage(server: PostgresServer, database: str) -> dict[str, object]:
    """The entry `storage` of a dagster.yaml as in those that we hand out, of the database with that URL."""
    to = make_url(database).set(drivername="postgresql+psycopg2", username=server.user, password=server.password)
    ours = {"module": PooledPostgresStorage.__module__, "class": PooledPostgresStorage.__name__}
    return {"custom": {**ours, "config": {"postgres_url": to.render_as_string(hide_password=False)}}}
