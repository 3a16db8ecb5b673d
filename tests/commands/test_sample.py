"""What `markdown-pricing sample` does, as its user sees it."""

import json
from pathlib import Path

import pandas as pd

from markdown_pricing.weeks import parse_week
from tests.commands.installed import WEEK, Installation


def test_sample_needs_a_lake_and_names_its_week(tmp_path: Path) -> None:
    installation = Installation(tmp_path)

    ended = installation.run(
        "sample", "--lake", str(tmp_path / "new"), "--week", WEEK, "--countries", "MLT", "--articles", "3", "--json"
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["countries"] == ["MLT"]
    assert (tmp_path / "new/markdown_training_data" / WEEK / "_SUCCESS").exists()
    assert installation.run("sample").returncode == 2


def test_a_sample_of_production_size_has_large_and_small_countries(tmp_path: Path) -> None:
    """A country's size is that among all that are configured, whichever are written."""
    installation = Installation(tmp_path)

    ended = installation.run(
        "sample", "--lake", str(installation.lake), "--week", WEEK, "--countries", "DEU,MLT", "--largest", "40"
    )

    assert ended.returncode == 0, ended.stderr
    delivered = {code: pd.read_parquet(installation.parts(code)) for code in ("DEU", "MLT")}
    assert {code: (rows["week"] == parse_week(WEEK)).sum() for code, rows in delivered.items()} == {"DEU": 40, "MLT": 1}
