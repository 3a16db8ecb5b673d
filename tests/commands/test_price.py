"""What `markdown-pricing price` does, as its user sees it."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from markdown_pricing.columns import ROW_COLUMNS
from tests.commands.installed import WEEK, Installation, truncate


def test_price_writes_one_file_and_nothing_else(installation: Installation, tmp_path: Path) -> None:
    """A country that is not configured gets the default rules and a warning; a broken one fails alone."""
    for country in ("DEU", "POL"):
        shutil.rmtree(installation.parts(country))
    installation.parts("AUT").rename(installation.parts("USA"))
    truncate(installation.parts("HUN"))
    out = tmp_path / "prices.parquet"
    before = sorted(tmp_path.rglob("*"))

    ended = installation.run("price", "--lake", str(installation.lake), "--week", WEEK, "--out", str(out))

    assert ended.returncode == 1
    assert "USA is not configured: it is priced under the default rules, as if its prices were euros" in ended.stderr
    assert "HUN: " in ended.stderr
    table = pd.read_parquet(out)
    assert list(table.columns) == ROW_COLUMNS
    assert table["country"].value_counts().to_dict() == {"MLT": 6, "USA": 6}
    assert sorted(tmp_path.rglob("*")) == sorted([*before, out])


@pytest.mark.parametrize(
    ("countries", "code", "says"),
    [
        (" MLT ,MLT", 0, "6 articles of 1 country"),
        ("MLT,USA", 2, "The snapshot of 2026-02-09 has no USA. It holds AUT, DEU, HUN, MLT, POL"),
        ("MLT,", 2, "has an empty place"),
        ("mlt", 2, "'mlt' is not a country"),
    ],
)
def test_the_countries_to_price_are_those_of_the_snapshot(
    installation: Installation, tmp_path: Path, countries: str, code: int, says: str
) -> None:
    """Blanks are none of their names, and what is not there is a mistake of whoever names it."""
    arguments = ["--lake", str(installation.lake), "--week", WEEK, "--out", str(tmp_path / "prices.parquet")]

    ended = installation.run("price", *arguments, "--countries", countries)

    assert (ended.returncode, says in ended.stdout + ended.stderr) == (code, True), ended.stderr


def test_price_finds_the_prices_that_run_refreshes(installation: Installation, tmp_path: Path) -> None:
    installation.run("run", "--countries", "AUT")
    out = tmp_path / "prices.parquet"

    installation.run("price", "--lake", str(installation.lake), "--week", WEEK, "--out", str(out), "--countries", "AUT")

    found = pd.read_parquet(out).set_index("article_id")["recommended_price"]
    assert {article: price for (_, article), price in installation.prices().items()} == {
        article: f"{WEEK} {price}" for article, price in found.items()
    }


def test_price_under_other_rules(installation: Installation, tmp_path: Path) -> None:
    rules, out = tmp_path / "rules.toml", tmp_path / "prices.parquet"
    rules.write_text("[default]\nmax_markdowns = 0\n")
    arguments = ["--lake", str(installation.lake), "--week", WEEK, "--out", str(out), "--countries", "DEU"]

    assert installation.run("price", *arguments, "--rules", str(rules)).returncode == 0
    assert set(pd.read_parquet(out)["action"]) == {"keep"}

    rules.write_text("[default]\nmax_markdowns = -1\nlader = 3\n")
    refused = installation.run("price", *arguments, "--rules", str(rules))
    assert refused.returncode == 2
    assert "max_markdowns" in refused.stderr
    assert "lader" in refused.stderr
