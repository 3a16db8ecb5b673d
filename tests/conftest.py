"""Real parts that several test folders share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hdfs.cluster import MiniHdfs, lacking, mini_hdfs
from tests.postgres.fixtures import postgres as postgres
from tests.real_parts import missing


@pytest.fixture(scope="session")
def hdfs_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniHdfs]:
    """A real HDFS for the whole session; each test keeps to a folder of its own."""
    if why := lacking():
        missing("HDFS", why)
    with mini_hdfs(Path(tmp_path_factory.mktemp("hdfs"))) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def hdfs(hdfs_cluster: MiniHdfs) -> str:
    """The URL of its root, hdfs://localhost:port."""
    return hdfs_cluster.url
