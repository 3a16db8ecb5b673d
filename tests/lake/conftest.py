"""Every claim about the lake is tried on a local folder and on a real HDFS."""

import uuid
from pathlib import Path

import pytest

from markdown_pricing.lake import Lake


@pytest.fixture(params=["folder", "hdfs"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """An empty lake."""
    root = str(tmp_path / "lake") if request.param == "folder" else f"{request.getfixturevalue('hdfs')}/{uuid.uuid4()}"
    lake = Lake(root)
    lake.filesystem.makedirs(lake.root)
    return lake


@pytest.fixture
def hdfs_lake(hdfs: str) -> Lake:
    lake = Lake(f"{hdfs}/{uuid.uuid4()}")
    lake.filesystem.makedirs(lake.root)
    return lake
