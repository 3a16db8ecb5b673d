"""The launcher is lifted out: copied into an empty project it works as it does here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster._config import process_config

from markdown_pricing.metronome import MetronomeRunLauncher

PROJECT = Path(__file__).parents[2]


def test_it_and_its_tests_pass_in_an_empty_project(tmp_path: Path) -> None:
    for part in ("markdown_pricing/metronome", "tests/metronome", "tests/doubles"):
        shutil.copytree(PROJECT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("tests/processes.py", "tests/storage.py"):
        shutil.copy(PROJECT / file, tmp_path / file)
    pytest_of_all = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", "tests"]
    # Each is imported; of those that start workers some are run.
    chosen = "test_job or test_health or test_dcos or one_job_that_is_gone or canceled_while_it_runs and test_launcher"
    for arguments in (["--collect-only"], ["-k", chosen]):
        done = subprocess.run(
            [*pytest_of_all, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_that_we_hand_out_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    handed_out = yaml.safe_load((PROJECT / "markdown_pricing/data/dagster.metronome.yaml").read_text())
    for name in re.findall(r"'env': '(\w+)'", str(handed_out)):
        monkeypatch.setenv(name, "given")
    result = process_config(MetronomeRunLauncher.config_type(), handed_out["run_launcher"]["config"])

    assert result.success, result.errors
