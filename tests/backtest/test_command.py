"""`markdown-pricing backtest`, as a data scientist uses it."""

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from markdown_pricing.countries import Country
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.sample.deliver import deliver_sample

SMALL = ["--countries", "MLT", "--articles", "10", "--weeks", "3", "--seeds", "1", "--workers", "2"]


def backtest(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "markdown_pricing", "backtest", *arguments], capture_output=True, text=True, check=False
    )


def needs_no_network(page: str) -> bool:
    """No script, style, font or picture from elsewhere; names of XML dialects are no addresses."""
    asked = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", page)
    return all(at.startswith("#") for at in asked) and "<script" not in page and "@import" not in page


def test_seasons_are_played_and_shown_on_one_page(tmp_path: Path):
    out = tmp_path / "report.html"
    families = ["constant_elasticity", "threshold_customers"]
    done = backtest(*SMALL, "--families", ",".join(families), "--models", "log_linear", "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)["scores"]
    assert {(row["family"], row["policy"]) for row in scores} == {
        (family, policy)
        for family in families
        for policy in ["hold", "fixed_ladder", "tuned_rule", "plain_boosting", "log_linear", "planner"]
    }
    assert all(row["broken"] == row["unpriced"] == 0 for row in scores)
    page = out.read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert all(word in page for word in [*families, "log_linear", "over tuned_rule", "MLT"])
    assert needs_no_network(page)
    assert "Playing seasons 12/12" in done.stderr


def test_real_weeks_are_replayed_from_the_lake(tmp_path: Path):
    week = date(2025, 3, 3)
    deliver_sample(Lake(str(tmp_path / "lake")), week, [Country("MLT", "EUR")], articles=12, seed=1)
    out = tmp_path / "report.html"
    done = backtest("--lake", str(tmp_path / "lake"), "--weeks", "2", "--models", "log_linear", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "log_linear, 2 weeks" in done.stdout
    assert "plain_boosting, 1 weeks" in done.stdout
    assert "last week" in done.stdout
    assert needs_no_network(out.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--families", "wishful"], "constant_elasticity"),
        (["--models", "oracle"], "gradient_boosting"),
        (["--countries", "ATL"], "Not configured: ATL"),
    ],
)
def test_unknown_names_are_answered_with_those_that_are_known(arguments: list[str], told: str):
    done = backtest(*SMALL, *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_breaks_its_contract_in_a_worker_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The fault crosses from the process that plays to the command, with all that it says."""
    (tmp_path / "gloom.py").write_text(
        "from tests.demand.odd_models import WithOtherUnits\n"
        "class Gloom(WithOtherUnits):\n"
        "    def made_of(self, units, prices):\n"
        "        return units - 1e9\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = backtest(*SMALL, "--families", "linear_demand", "--models", "gloom:Gloom")
    assert done.returncode == 1
    assert "Gloom broke its contract" in done.stderr
    assert "below 0" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_lake_says_what_to_do(tmp_path: Path):
    (tmp_path / "lake").mkdir()
    done = backtest("--lake", str(tmp_path / "lake"))
    assert done.returncode == 1
    assert "markdown-pricing sample" in done.stderr
