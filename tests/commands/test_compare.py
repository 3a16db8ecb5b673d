"""`markdown-pricing price`: what other rules would bring, and what changed since the week before."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from markdown_pricing import delivered
from markdown_pricing.__main__ import cli
from markdown_pricing.columns import Recommendations
from markdown_pricing.errors import UsageError
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.learnt_together import LearntTogether
from markdown_pricing.provenance import provenance
from markdown_pricing.weeks import parse_week
from tests.quick import STEADY, Steady, deliver

WEEK, COUNTRIES = "2026-02-09", ("DEU", "AUT", "HUN")
NO_MARKDOWNS = "[default]\nmax_markdowns = 0\n"

Price = Callable[..., Result]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("compare") / "lake"
    deliver(Lake(str(lake)), parse_week(WEEK), COUNTRIES, articles=6, seed=3)
    return lake


@pytest.fixture(autouse=True, scope="module")
def learnt_once() -> Iterator[None]:
    """What the three countries share is the same in all of these tests, and learning it takes seconds."""
    known: dict[tuple[str, ...], LearntTogether] = {}
    learn = delivered.learn_shared

    def learn_once(week: date, countries: Sequence[str], *given: Any, **named: Any) -> LearntTogether:
        if tuple(countries) not in known:
            known[tuple(countries)] = learn(week, countries, *given, **named)
        return known[tuple(countries)]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delivered, "learn_shared", learn_once)
        yield


@pytest.fixture
def price(lake: Path, tmp_path: Path) -> Price:
    (tmp_path / "none.toml").write_text(NO_MARKDOWNS)

    def run(*arguments: str) -> Result:
        given = ["--lake", str(lake), "--week", WEEK, "--out", str(tmp_path / "out.parquet"), "--model", STEADY]
        return CliRunner().invoke(cli, ["price", *given, *arguments], standalone_mode=False)

    return run


def test_both_sets_of_rules_are_shown_by_country_and_category(price: Price, tmp_path: Path) -> None:
    """The numbers are those of the two runs alone; the file holds the prices under the other rules."""
    rules, picture = ["--rules", str(tmp_path / "none.toml")], tmp_path / "compared.png"

    told = json.loads(price(*rules, "--compare", "--picture", str(picture), "--json").stdout)

    other = pd.read_parquet(tmp_path / "out.parquet")
    price()
    standing = pd.read_parquet(tmp_path / "out.parquet")
    assert list(other.columns) == list(standing.columns)
    assert set(other["action"]) == {"keep"}
    groups = {(group["country"], group["category"]): group for group in told["compared"]}
    for country in COUNTRIES:
        group = groups[country, None]
        for name, rows in (("standing", standing), ("other", other)):
            mine = rows[rows["country"] == country]
            assert group[name]["revenue"] == pytest.approx(mine["expected_revenue"].sum())
            assert group[name]["leftover"] == pytest.approx(mine["expected_leftover"].sum())
            assert group[name]["markdowns"] == (mine["action"] == "markdown").sum()
        parts = [each for (code, category), each in groups.items() if code == country and category]
        assert sum(part["articles"] for part in parts) == 6
        assert sum(part["revenue"]["difference"] for part in parts) == pytest.approx(group["revenue"]["difference"])
    assert groups[None, None]["currency"] == "EUR"
    assert groups[None, None]["articles"] == 12
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_table_has_a_line_for_each(price: Price, tmp_path: Path) -> None:
    page = price("--countries", "HUN", "--rules", str(tmp_path / "none.toml"), "--compare").stdout

    for name in ("HUN, HUF", "knitwear", "Left-over", "none.toml"):
        assert name in page


def test_each_country_s_model_is_fitted_once(price: Price, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, fitted = Steady.fit, []

    def counted(model: Steady, *given: Any, **named: Any) -> None:
        fitted.append(model)
        fit(model, *given, **named)

    monkeypatch.setattr(Steady, "fit", counted)

    rules = ["--rules", str(tmp_path / "none.toml")]
    price("--countries", "AUT", *rules)
    alone = len(fitted)
    price("--countries", "AUT", *rules, "--compare")

    assert len(fitted) == 2 * alone > 0


def test_what_changed_is_told_where_the_week_before_is_known(price: Price, lake: Path, tmp_path: Path) -> None:
    """With how steady the plans are; without it there is nothing to tell, and the prices are the same."""
    with_week_before, out = tmp_path / "lake", tmp_path / "out.parquet"
    shutil.copytree(lake, with_week_before)
    assert "stability" not in json.loads(price("--countries", "HUN", "--json").stdout)
    alone = pd.read_parquet(out)
    before = alone.assign(week=parse_week(WEEK) - timedelta(weeks=1), next_markdown_week=None, action="keep")
    origin = provenance(before["week"].iloc[0], "HUN", "stamp")
    results = Results(Lake(str(with_week_before)), before["week"].iloc[0], "HUN")
    rows = before.assign(recommended_price=alone["current_price"])
    results.recommendations.keep(Recommendations(rows, pd.DataFrame(), pd.DataFrame()), origin)

    told = json.loads(price("--countries", "HUN", "--json", "--lake", str(with_week_before)).stdout)

    beside = pd.read_parquet(out)
    assert beside["change_reason"].notna().all()
    assert beside["recommended_price"].tolist() == alone["recommended_price"].tolist()
    assert told["stability"]["HUN"]["changed"] == (alone["action"] == "markdown").sum()


def test_a_comparison_needs_two_sets_of_rules(price: Price, tmp_path: Path) -> None:
    for arguments in (["--compare"], ["--rules", str(tmp_path / "none.toml"), "--picture", "p.png"]):
        refused = price(*arguments)

        assert isinstance(refused.exception, UsageError)
        assert "--compare" in str(refused.exception)
    assert not (tmp_path / "out.parquet").exists()
