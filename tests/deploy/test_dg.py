"""Dagster's own command `dg` finds the project and loads it."""

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DG = """
from dagster_dg_cli.cli import cli
for told in (["check", "defs"], ["list", "defs", "--json"]):
    cli.main(told, prog_name="dg", standalone_mode=False)
"""
"""Both commands in one process, because each imports Dagster, which takes seconds."""


def test_dg_checks_and_lists_the_definitions(tmp_path: Path) -> None:
    """`dg check defs` and `dg list defs`, while log lines go to a standard output that `dg` captures."""
    places = {"MARKDOWN_PRICING_LAKE": str(tmp_path / "lake"), "DAGSTER_HOME": str(tmp_path)}
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    ended = subprocess.run(
        [sys.executable, "-c", DG],
        env={**os.environ, **places, "MARKDOWN_PRICING_LOG": "stdout"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    checked, _, listed = ended.stdout.partition("{")
    assert "All definitions loaded successfully." in checked
    assets = {asset["asset_key"] for asset in json.loads("{" + listed)["assets"]}
    assert {"markdown_training_data", "training_data", "demand_model", "markdown_predictions", "erp_refresh"} <= assets
