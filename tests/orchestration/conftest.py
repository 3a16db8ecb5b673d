"""Dagster in memory, anew for each file, and the sensor that looks at it."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.storage.defs_state.base import set_defs_state_storage
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage

from markdown_pricing.lake import Lake
from tests.orchestration.looks import Sensor


@pytest.fixture(autouse=True, scope="module")
def no_instance_of_another_file() -> Iterator[None]:
    """Of two instances that overlap Dagster keeps the first one's storage for later definitions, though it is gone."""
    with set_defs_state_storage(None):
        yield


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One in which nothing has happened, with a queue, as in dagster.yaml; its storage is in memory."""
    with dg.DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=LocalArtifactStorage(str(tmp_path)),
        run_storage=InMemoryRunStorage(),
        event_storage=InMemoryEventLogStorage(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=QueuedRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    ) as instance:
        yield instance


@pytest.fixture
def sensor(instance: dg.DagsterInstance, tmp_path: Path) -> Sensor:
    lake = Lake(str(tmp_path / "lake"))
    lake.filesystem.makedirs(lake.root)
    return Sensor(instance, lake)
