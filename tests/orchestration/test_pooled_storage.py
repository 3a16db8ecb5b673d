"""Dagster's storage keeps a connection to its database, and survives that it is closed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import yaml
from sqlalchemy import make_url

import markdown_pricing
from markdown_pricing.orchestration.pooled_storage import PooledPostgresStorage
from tests.postgres.dagster_storage import postgres_storage
from tests.postgres.server import PostgresServer
from tests.processes import wait_until

DATA = Path(markdown_pricing.__file__).parent / "data"
MODULE = PooledPostgresStorage.__module__
OTHERS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.fresh_database()


@pytest.fixture
def instance(database: str, postgres: PostgresServer, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster whose dagster.yaml names the storage as those do that we hand out."""
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"storage": postgres_storage(postgres, database)}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


@pytest.fixture
def owner(database: str, postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    """Somebody who looks at the database, and may close others' connections."""
    plain = make_url(database).set(drivername="postgresql", username=postgres.user, password=postgres.password)
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as connection:
        yield connection


def settle_at(number: int, owner: psycopg.Connection) -> list[int]:
    """The processes of the database's other connections, once there are so many: each takes a moment to end."""

    def others() -> list[int]:
        return [pid for (pid,) in owner.execute(OTHERS)]

    wait_until(f"{number} connections are left", lambda: len(others()) == number, 30, others, every_s=0.05)
    return others()


def ask(instance: dg.DagsterInstance) -> None:
    """A question to each of its three parts."""
    assert instance.get_runs() == []
    assert instance.all_asset_keys() == []
    assert list(instance.all_instigator_state()) == []


def test_all_questions_of_a_process_go_over_one_connection(
    instance: dg.DagsterInstance, owner: psycopg.Connection
) -> None:
    ask(instance)
    first = settle_at(1, owner)
    for _ in range(5):
        ask(instance)

    assert settle_at(1, owner) == first


def test_a_connection_that_the_server_has_closed_is_opened_anew(
    instance: dg.DagsterInstance, owner: psycopg.Connection
) -> None:
    """As after a restart of PostgreSQL: the next question is answered, and no run fails."""
    ask(instance)
    owner.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM ({OTHERS}) others")

    ask(instance)


def test_threads_ask_at_the_same_time(instance: dg.DagsterInstance, owner: psycopg.Connection) -> None:
    """What they need beyond the one connection is closed again."""
    with ThreadPoolExecutor(30) as threads:
        for answer in [threads.submit(ask, instance) for _ in range(90)]:
            answer.result()

    settle_at(1, owner)


def test_no_connection_outlives_the_instance(instance: dg.DagsterInstance, owner: psycopg.Connection) -> None:
    """So that a command that has looked something up does not keep an operator from restoring the database."""
    with dg.DagsterInstance.from_ref(instance.get_ref()) as again:
        ask(again)

    settle_at(0, owner)


def test_a_run_in_a_process_of_its_own_has_the_same_storage(
    instance: dg.DagsterInstance, owner: psycopg.Connection
) -> None:
    """Its command line names the instance, from which it is made again."""
    with dg.DagsterInstance.from_ref(instance.get_ref()) as again:
        ask(again)
        ask(again)

        settle_at(1, owner)


@pytest.mark.parametrize("file", ["dagster.metronome.yaml", "dagster.kubernetes.yaml"])
def test_the_files_for_clusters_name_it(file: str) -> None:
    storage = yaml.safe_load((DATA / file).read_text())["storage"]["custom"]

    assert (storage["module"], storage["class"]) == (MODULE, PooledPostgresStorage.__name__)
