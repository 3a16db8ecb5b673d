"""Dagster in memory, anew for each file."""

from collections.abc import Iterator

import pytest
from dagster._core.storage.defs_state.base import set_defs_state_storage


@pytest.fixture(autouse=True, scope="module")
def no_instance_of_another_file() -> Iterator[None]:
    """Of two instances that overlap Dagster keeps the first one's storage for later definitions, though it is gone."""
    with set_defs_state_storage(None):
        yield
