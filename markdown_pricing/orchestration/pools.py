"""The limits of the pools, which hold from the first run on."""

import dagster as dg
from sqlalchemy.exc import DBAPIError

from markdown_pricing.orchestration.names import LEDGER_POOL, POOL


def limit_pools(instance: dg.DagsterInstance) -> None:
    """Give each pool that has no limit yet the default one of dagster.yaml; without a default there is none.

    Dagster does so only when it first looks at waiting runs of the pool, and that very look starts all of them: on a
    new database the first round would run as a whole at once.
    """
    storage = instance.event_log_storage
    for pool in sorted({POOL, LEDGER_POOL} - storage.get_concurrency_keys()):
        try:
            storage.initialize_concurrency_limit_to_default(pool)
        except DBAPIError:  # so it ends on PostgreSQL when another process was first
            if pool not in storage.get_concurrency_keys():
                raise
