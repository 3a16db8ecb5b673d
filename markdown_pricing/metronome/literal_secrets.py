"""Secrets that stand in dagster.yaml as text, which every job would hand on."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._serdes import ConfigurableClassData

from .errors import Final

# Keys, or ends of keys, whose values must come from the environment, because everybody may see a job's arguments.
SECRET_KEYS = ("password", "postgres_url", "mysql_url", "token", "secret", "connection_string")


def refuse_literal_secrets(instance: dg.DagsterInstance) -> None:
    """Raises Final when dagster.yaml holds a secret, because the job's arguments pass it on to the worker."""
    for name, data in instance.get_ref().to_dict().items():
        if isinstance(data, ConfigurableClassData) and (key := literal_secret(data.config_dict)):
            raise Final(f"dagster.yaml, {name}: give `{key}` as {{env: NAME}}; as text it would stand in every job.")


def literal_secret(value: Any) -> str | None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, str) and inner and str(key).endswith(SECRET_KEYS):
                return str(key)
            if inner_key := literal_secret(inner):
                return inner_key
    return None
