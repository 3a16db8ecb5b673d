"""`markdown-pricing backtest`, as a data scientist uses it."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Event

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from markdown_pricing.__main__ import cli
from markdown_pricing.backtest.twin import Setting
from markdown_pricing.commands import backtest as seasons
from markdown_pricing.commands import promote
from markdown_pricing.countries import Country
from markdown_pricing.defaults import COUNTRIES_FILE
from markdown_pricing.errors import UsageError
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.markdown.rules import RuleBook
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


def test_seasons_are_played_and_shown_on_one_page(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    families = ["constant_elasticity", "threshold_customers"]
    # Some articles' seasons begin and end within eight weeks.
    longer = [*SMALL, "--weeks", "8", "--families", ",".join(families), "--models", "log_linear"]
    done = backtest(*longer, "--out", str(out), "--json")
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


def test_real_weeks_are_replayed_from_the_lake(tmp_path: Path) -> None:
    week = date(2025, 3, 3)
    deliver_sample(Lake(str(tmp_path / "lake")), week, [Country("MLT", "EUR")], articles=12, seed=1)
    out = tmp_path / "report.html"
    done = backtest("--lake", str(tmp_path / "lake"), "--weeks", "2", "--models", "log_linear", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "log_linear, 2 weeks" in done.stdout
    assert "plain_boosting, 1 weeks" in done.stdout
    assert "last week" in done.stdout
    assert "plain_boosting forecasts 2 real weeks no worse than log_linear" in done.stdout.replace("\n", " ")
    page = out.read_text(encoding="utf-8")
    assert needs_no_network(page)
    assert all(
        group in page
        for group in ("Against each other", "all sales, one week ahead", "after a cut", "week 13 and later")
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--families", "wishful"], "constant_elasticity"),
        (["--models", "oracle"], "gradient_boosting"),
        (["--countries", "ATL"], "Not configured: ATL"),
    ],
)
def test_unknown_names_are_answered_with_those_that_are_known(arguments: list[str], told: str) -> None:
    done = backtest(*SMALL, *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_breaks_its_contract_in_a_worker_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_an_empty_lake_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    done = backtest("--lake", str(tmp_path / "lake"))
    assert done.returncode == 1
    assert "markdown-pricing sample" in done.stderr


class Stopped(UsageError):
    """Raised before anything is played."""


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Setting]:
    """The seasons that a command would play where NLD is the first of two countries."""
    head, *rows = COUNTRIES_FILE.read_text().splitlines()
    own = [row for row in rows if row.startswith(("NLD", "FRA"))]
    (tmp_path / "countries.csv").write_text("\n".join([head, *own]))
    monkeypatch.setenv("MARKDOWN_PRICING_COUNTRIES", str(tmp_path / "countries.csv"))
    monkeypatch.setenv("MARKDOWN_PRICING_LAKE", str(tmp_path))
    asked: list[Setting] = []

    def stop(plays: list[Setting], *told: object) -> None:
        asked.extend(plays)
        raise Stopped("stop")

    monkeypatch.setattr(seasons, "played_in", stop)
    monkeypatch.setattr(promote, "played_in", stop)
    return asked


def called(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, standalone_mode=False)


@pytest.mark.parametrize("command", [("backtest",), ("promote", "log_linear")])
def test_the_first_configured_country_is_played(asked_for: list[Setting], command: tuple[str, ...]) -> None:
    assert isinstance(called(*command, "--seeds", "1").exception, Stopped)
    assert {play.country.code for play in asked_for} == {"NLD"}


def test_no_table_is_empty_when_no_season_ends(
    asked_for: list[Setting], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Three weeks are too short for an article to begin and to end in them. Forecasts can still be compared."""
    columns = ("wape", "bias", "wape_after_cut", "bias_after_cut", "below_q10", "at_q10", "below_q90", "at_q90")
    scored = dict.fromkeys(columns, 0.5) | {"policy": "log_linear", "seasons": 0, "revenue": 0.0, "seconds_a_week": 1.0}
    scores = pd.DataFrame([{"family": "one", "country": "NLD", "seed": 0, "broken": 0, "unpriced": 0, **scored}])
    monkeypatch.setattr(promote, "_play", lambda *told: scores)

    refused = called("promote", "log_linear", "--weeks", "3").exception
    with pytest.MonkeyPatch.context() as patched:
        lines: list[str] = []
        patched.setattr("builtins.print", lines.append)
        patched.setattr(seasons, "print_table", lambda title, *told: lines.append(title))
        seasons._print_seasons(scores, "what was played", 3)

    sentence = "No article's season begins and ends within 3 weeks, so that no revenue can be compared. Play more weeks"
    assert isinstance(refused, UsageError)
    assert str(refused).startswith(sentence)
    assert lines[1].startswith(sentence)
    assert [line for line in lines if "Revenue" in line or "Lead" in line] == []
    assert "Next week's sales" in lines


def test_a_report_that_is_asked_for_and_has_nothing_to_show_is_said_to_be_missing(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    short = ("--families", "linear_demand", "--models", "log_linear", "--articles", "4", "--weeks", "1", "--seeds", "1")

    done = CliRunner().invoke(cli, ["backtest", *short, "--out", str(report)])

    assert done.exit_code == 0
    assert f"The report {report} is not written, because there is no season to draw." in done.stderr
    assert not report.exists()


def test_a_history_that_is_too_short_to_replay_is_said(tmp_path: Path) -> None:
    week = date(2025, 3, 3)
    deliver_sample(Lake(str(tmp_path)), week, [Country("MLT", "EUR")], articles=4, seed=1)
    file = next((tmp_path / f"markdown_training_data/{week}/country=MLT").glob("part-*.parquet"))
    pq.write_table(pq.read_table(file).filter(pc.field("week") > date(2025, 1, 20)), file)

    done = CliRunner().invoke(cli, ["backtest", "--lake", str(tmp_path)], standalone_mode=False)

    assert "too little history before 2025-03-03 to replay a week of MLT" in done.stderr
    assert isinstance(done.exception, seasons.NothingReplayed)


def test_after_an_error_or_ctrl_c_nobody_waits_for_seasons_that_have_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, begun = Event(), list[str]()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            stopped.set()
            super().shutdown(wait)

    def play(setting: Setting, policy: str, book: RuleBook) -> None:
        begun.append(policy)
        assert policy == "first" or stopped.wait(10)

    monkeypatch.setattr(seasons, "worker_processes", Pool)
    monkeypatch.setattr(seasons, "play_setting", play)
    playing = seasons.played_in(["a market"], ["first", "second", "third", "fourth"], RuleBook(), workers=1)

    next(playing)
    playing.close()

    assert begun in (["first"], ["first", "second"])
