"""A pool is limited in the first look of Dagster's queue, too."""

from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter

import markdown_pricing
from markdown_pricing.orchestration.names import LEDGER_POOL, POOL
from markdown_pricing.orchestration.pools import limit_pools
from tests.postgres.dagster_storage import postgres_storage
from tests.postgres.server import PostgresServer

DAGSTER_YAML = Path(markdown_pricing.__file__).parent / "data/dagster.yaml"
LIMIT = 2
"""That of the file."""


@pytest.fixture(params=["sqlite", "postgres"])
def instance(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    """A new Dagster, which has never had a run, with its own storage and with that of production."""
    config = yaml.safe_load(DAGSTER_YAML.read_text())
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        config["storage"] = postgres_storage(server, server.fresh_database())
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


@dg.op(pool=POOL)
def price() -> None:
    """A run of a country."""


@dg.job
def country() -> None:
    price()


def started_in_a_look(instance: dg.DagsterInstance, waiting: int) -> int:
    """How many of the waiting runs Dagster's queue starts when it looks at them, counted as its daemon does."""
    runs = [instance.create_run_for_job(country) for _ in range(waiting)]
    storage = instance.event_log_storage
    counter = GlobalOpConcurrencyLimitsCounter(
        instance,
        runs,
        in_progress_run_records=[],
        concurrency_keys=storage.get_concurrency_keys(),
        pool_limits=storage.get_pool_limits(),
        pool_granularity=instance.get_concurrency_config().pool_config.pool_granularity,
    )
    started = 0
    for run in runs:
        if not counter.is_blocked(run):
            counter.update_counters_with_launched_item(run)
            started += 1
    return started


def test_a_first_round_is_limited_as_any_other(instance: dg.DagsterInstance) -> None:
    """45 countries would start at once on a new database, whose queue has seen no run of the pool."""
    limit_pools(instance)

    assert started_in_a_look(instance, waiting=5) == LIMIT


def test_by_itself_dagster_limits_no_pool_in_its_first_look(instance: dg.DagsterInstance) -> None:
    """When this fails, an upgrade of Dagster has made limit_pools needless."""
    assert started_in_a_look(instance, waiting=5) == 5
    assert started_in_a_look(instance, waiting=5) == LIMIT


def test_a_limit_that_an_operator_has_set_stays(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots(POOL, 7)

    limit_pools(instance)

    limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    assert limits == {POOL: 7, LEDGER_POOL: LIMIT}


def test_pools_that_another_process_has_limited_meanwhile_are_no_fault(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL refuses the second row of a pool, and with it all that the same transaction would do next."""
    limit_pools(instance)
    storage = instance.event_log_storage
    looks = chain([set[str]()], repeat(storage.get_concurrency_keys()))
    monkeypatch.setattr(storage, "get_concurrency_keys", lambda: next(looks))

    limit_pools(instance)

    assert {pool.name: pool.limit for pool in storage.get_pool_limits()} == {POOL: LIMIT, LEDGER_POOL: LIMIT}
