"""Dagster's storage in PostgreSQL, over one connection that each process keeps.

Dagster's own storage opens a connection for each question, some 200 in the run of a country. For each of them
PostgreSQL starts a process and asks for the password, which takes more processor time than the questions.
"""

from collections.abc import Mapping
from typing import Any, Self

from dagster._serdes import ConfigurableClassData
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config

KEPT_CONNECTIONS, MORE_AT_A_TIME = 1, -1
"""What threads need beyond one connection is opened, without limit, and closed again at once."""
SILENT_PEER: Mapping[str, int] = {"keepalives_idle": 30, "tcp_user_timeout": 30_000}
"""A server that is silent counts as gone after so many seconds, and milliseconds, as for the ERP.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""


class PooledPostgresStorage(DagsterPostgresStorage):
    """For `storage` of dagster.yaml, as a custom class with the configuration of Dagster's own `postgres`.

    Before each question the connection is tried, and opened anew when the server has closed it.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
        token_provider: Any = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        engine = create_pg_engine(
            postgres_url,
            token_provider,
            isolation_level="AUTOCOMMIT",
            pool_size=KEPT_CONNECTIONS,
            max_overflow=MORE_AT_A_TIME,
            pool_pre_ping=True,
            connect_args=SILENT_PEER,
        )
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = engine
        # Dagster calls it when it is done with the instance.
        self._run_storage.dispose = engine.dispose  # type: ignore[method-assign]

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The storage of a dagster.yaml."""
        return cls(
            pg_url_from_config(config_value),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )
