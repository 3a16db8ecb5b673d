"""What all commands have in common, as their user sees it."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from markdown_pricing import __version__
from markdown_pricing.__main__ import cli
from markdown_pricing.defaults import COUNTRIES_FILE
from tests.command import command
from tests.commands.installed import WEEK, Installation

USAGE_ERRORS: Sequence[Sequence[str]] = (
    (),
    ("prices",),
    ("price", "--lake", "nope", "--week", WEEK, "--out", "out.parquet"),
    ("price", "--lake", "s3://nope", "--week", WEEK, "--out", "out.parquet"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "nope/out.parquet"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "/proc/out.parquet"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "."),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--rules", "nope.toml"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--countries", "DE"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--model", "nope"),
    ("run", "--countries", "USA"),
    ("run", "--week", "2026-02-10"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--compare"),
    ("backtest", "--families", "none_of_them"),
    ("backtest", "--lake", "nope"),
    ("backtest", "--lake", ".", "--countries", "DE"),
    ("backtest", "--out", "nope/report.html"),
    ("backtest", "--countries", "USA"),
    ("backtest", "--models", "oracle"),
    ("promote", "log_linear", "--families", "none_of_them"),
    ("promote",),
    ("explain", "DEU", "1", "--lake", "nope"),
    ("explain", "DEU", "1", "--out", "nope/plan.png"),
    ("metronome-jobs", "--groups", "2", "--image", "i", "--out", "nope/jobs"),
    ("sample", "--countries", "MLT"),
    ("sample", "--lake", "lake", "--week", "1970-01-05"),
    ("sample", "--lake", "lake", "--countries", "DEU,"),
    ("shadow", "a", "b"),
    ("shadow", "a", "b", "--week", WEEK),
    ("shadow", "mysql://a", "mysql://b", "--week", WEEK),
    ("shadow", "sqlite+pysqlite:///:memory:", ".", "--week", WEEK),
    ("price", "--lake", "file://data/lake", "--week", WEEK, "--out", "out.parquet"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--countries", "DEU,,AUT"),
    ("serve", "daemon"),
    ("serve", "web-server", "--port", "0"),
)


def test_help_is_whole_on_80_columns_and_the_shell_can_complete_it() -> None:
    """No short text ends in dots; `--version` says which version it is."""
    page = CliRunner().invoke(cli, ["--help"], terminal_width=80).stdout.partition("Commands:")[2]

    assert "..." not in page
    assert all(f"  {name} " in page for name in cli.commands)
    assert CliRunner().invoke(cli, ["--version"], prog_name="markdown-pricing").stdout.split()[-1] == __version__
    asks = {"_MARKDOWN_PRICING_COMPLETE": "bash_complete", "COMP_WORDS": "markdown-pricing pr", "COMP_CWORD": "1"}
    assert command(environ=asks).stdout.split() == ["plain,price", "plain,promote"]


HEAVY = ("dagster", "matplotlib", "mlflow")
MISTAKES = """
import json, sys
from markdown_pricing.__main__ import main
for told in json.loads(sys.argv[1]):
    sys.argv = ["markdown-pricing", *told]
    try:
        main()
    except SystemExit as ended:
        print(json.dumps([told, ended.code, [name for name in HEAVY if name in sys.modules]]))
"""


def test_usage_errors_come_before_anything_heavy_is_imported_or_written(
    installation: Installation, tmp_path: Path
) -> None:
    """Dagster takes seconds to import; one process makes each mistake in turn."""
    program = [sys.executable, "-c", f"HEAVY = {HEAVY}\n{MISTAKES}", json.dumps(USAGE_ERRORS)]
    here = tmp_path / "here"
    here.mkdir()

    ended = subprocess.run(program, env=installation.environment(), capture_output=True, text=True, cwd=here)

    assert [json.loads(line) for line in ended.stdout.splitlines()] == [[[*each], 2, []] for each in USAGE_ERRORS], (
        ended.stderr
    )
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["run", "price", "doctor"])
def test_what_matches_nothing_is_said(installation: Installation, tmp_path: Path, name: str) -> None:
    """A rule for a country that nobody is called, and a setting that nobody reads."""
    rules = tmp_path / "rules.toml"
    rules.write_text('[[override]]\ncountry = "GER"\nmax_markdowns = 0\n')
    of_price = ["--lake", str(installation.lake), "--week", WEEK, "--out", str(tmp_path / "prices.parquet")]
    arguments = {"run": ["--countries", "MLT"], "price": [*of_price, "--countries", "MLT"], "doctor": ["--json"]}[name]

    ended = installation.run(name, *arguments, MARKDOWN_PRICING_RULES=str(rules), MARKDOWN_PRICING_LAKES="/lake")

    said = ended.stdout if name == "doctor" else ended.stderr
    assert "The rules' override 1 holds for nobody: GER is not configured." in said
    assert "MARKDOWN_PRICING_LAKES is no setting, and nobody reads it." in said
    assert ended.returncode == (1 if name == "doctor" else 0)


def test_another_model_is_one_file_and_its_name(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gradient_boosting` and `log_linear` come with the package; package.module:Class is one from outside."""
    (tmp_path / "houses_own.py").write_text(
        "from markdown_pricing.demand.log_linear import LogLinear\nclass HousesOwn(LogLinear):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    ended = installation.run("run", "--countries", "MLT", MARKDOWN_PRICING_MODEL="houses_own:HousesOwn")

    assert ended.returncode == 0, ended.stderr
    with sqlite3.connect(installation.root / "erp.sqlite") as erp:
        versions = erp.execute("SELECT DISTINCT model_version FROM markdown_recommendations").fetchall()
    assert [version.split()[0] for (version,) in versions] == ["houses_own:HousesOwn"]

    unknown = installation.run("run", "--countries", "MLT", MARKDOWN_PRICING_MODEL="oracle")
    assert unknown.returncode == 2
    assert "gradient_boosting, log_linear" in unknown.stderr


def test_a_46th_country_is_one_row(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    default = COUNTRIES_FILE.read_text()
    file.write_text(default + "ISL,Iceland,ISK,90\n")
    shutil.copytree(installation.parts("HUN"), installation.parts("ISL"))

    ended = installation.run("run", "--countries", "ISL", MARKDOWN_PRICING_COUNTRIES=str(file))

    assert ended.returncode == 0, ended.stderr
    assert {country for country, _ in installation.prices()} == {"ISL"}
