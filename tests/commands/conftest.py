"""An installation for each test of the commands, from a delivery that is made once for each file."""

import shutil
from pathlib import Path

import pytest

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.weeks import parse_week
from tests.commands.installed import COUNTRIES, WEEK, WEEK_BEFORE, Installation, share_demand
from tests.quick import deliver
from tests.storage import make_storage


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week of five countries and the week before of two, made once."""
    lake = tmp_path_factory.mktemp("delivered") / "lake"
    for week, countries in ((WEEK_BEFORE, ("AUT", "HUN")), (WEEK, COUNTRIES)):
        deliver(Lake(str(lake)), parse_week(week), countries, articles=6, seed=3)
    share_demand(Lake(str(lake)))
    return lake


@pytest.fixture
def installation(tmp_path: Path, delivered: Path) -> Installation:
    shutil.copytree(delivered, tmp_path / "lake")
    make_storage(tmp_path / "dagster")
    return Installation(tmp_path)
