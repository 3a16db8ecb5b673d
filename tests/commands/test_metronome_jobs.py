"""`markdown-pricing metronome-jobs`: the published way of calling the container, as files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from markdown_pricing import DATA
from markdown_pricing.__main__ import cli
from markdown_pricing.countries import read_countries
from markdown_pricing.metronome.job import check


def write(out: Path, *more: str) -> None:
    arguments = ["metronome-jobs", "--groups", "4", "--image", "pricing:1", "--out", str(out), *more]
    CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)


def test_a_job_is_nobody_elses(tmp_path: Path) -> None:
    """It says where lake, ERP and secrets are, and may hold what an operator has added."""
    write(tmp_path / "jobs")

    assert (tmp_path / "jobs").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "jobs").iterdir()} == {0o600}


def test_every_country_is_in_one_group_in_the_configured_order(tmp_path: Path) -> None:
    write(tmp_path)
    jobs = [json.loads(file.read_text()) for file in sorted(tmp_path.iterdir())]
    groups = [job["run"]["env"]["COUNTRY_GROUP"].split(",") for job in jobs]

    assert [code for group in groups for code in group] == list(read_countries(DATA / "countries.csv"))
    assert {len(group) for group in groups} == {11, 12}
    for job in jobs:
        check(job)


def test_the_password_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hush-hush")
    write(tmp_path, "--secret", "pricing/erp")
    written = next(tmp_path.iterdir()).read_text()

    assert json.loads(written)["run"]["secrets"] == {"db_password": {"source": "pricing/erp"}}
    assert "hush-hush" not in written


def test_an_id_that_the_cluster_would_refuse_is_told(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="/id"):
        write(tmp_path, "--prefix", "Upper_Case")
