"""docs/your-data.md leads from a data frame to an explained price, as it stands there."""

import re
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from markdown_pricing.commands.delivery import delivery_findings
from markdown_pricing.countries import read_countries
from markdown_pricing.installation.finding import Finding
from markdown_pricing.lake.filesystem import Lake
from tests.command import command
from tests.quick import STEADY

PAGE = (Path(__file__).parents[2] / "docs/your-data.md").read_text()
BLOCKS = re.findall(r"^```(python)?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language]
WEEK = date(2026, 11, 23)

Changed = Callable[[pa.Table], pa.Table]


def test_the_page_works_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of it in its order; only the demand model is a quick one."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    environ, told = {"MARKDOWN_PRICING_MODEL": STEADY, "MARKDOWN_PRICING_LOG": "off"}, dict[str, str]()
    for language, text in BLOCKS:
        if language:
            exec(text, names)
            continue
        for line in text.replace("$PWD", str(tmp_path)).splitlines():
            words = shlex.split(line)
            if words[0] == "export":
                name, _, value = words[1].partition("=")
                environ[name] = value
                continue
            ended = command(*words[1:], environ=environ)
            assert (words[0], ended.returncode) == ("markdown-pricing", 0), line + ended.stdout + ended.stderr
            told[words[1]] = ended.stdout

    assert "12 articles to price, 60 weeks of history. Nothing is odd." in told["doctor"]
    assert "12 articles of 1 country in prices.parquet." in told["price"]
    assert len(pd.read_parquet("prices.parquet")) == 12
    assert "coat-03, week of 2026-11-23" in told["explain"]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's own delivery."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for text in PYTHON[:3]:
        exec(text, names)
    return tmp_path / "my-lake"


def change(lake: Path, changed: Changed) -> None:
    file = lake / f"markdown_training_data/{WEEK}/country=DEU/part-0.parquet"
    pq.write_table(changed(pq.read_table(file)), file)


def findings(lake: Path) -> dict[str, Finding]:
    return {finding.what: finding for finding in delivery_findings(Lake(str(lake)), None, read_countries())}


def negative_and_untyped(table: pa.Table) -> pa.Table:
    table = table.set_column(table.column_names.index("stock"), "stock", pc.negate(table["stock"]))
    return table.set_column(table.column_names.index("price"), "price", table["price"].cast(pa.string()))


def test_all_faults_of_a_country_stand_in_its_one_line(lake: Path) -> None:
    change(lake, negative_and_untyped)

    found = findings(lake)["DEU"]

    assert not found.ok
    assert "price is string, expected float64" in found.says
    assert "stock negative: 732" in found.says


@pytest.mark.parametrize(
    ("changed", "odd"),
    [
        (lambda rows: rows.filter(pc.field("week") >= date(2026, 10, 19)), "needs 8 weeks of history"),
        (
            lambda rows: rows.filter((pc.field("week") < WEEK) | (pc.field("article_id") != "coat-01")),
            "1 article had stock and an end week to come, and no row in this week",
        ),
        (
            lambda rows: rows.filter((pc.field("week") == WEEK) | (pc.field("article_id") != "coat-01")),
            "1 article with no earlier week",
        ),
    ],
    ids=["short history", "vanished", "new"],
)
def test_what_is_odd_can_be_priced_and_is_said(lake: Path, changed: Changed, odd: str) -> None:
    change(lake, changed)

    found = findings(lake)["DEU"]

    assert found.ok
    assert odd in found.says


def test_a_country_that_is_not_configured_is_said(lake: Path) -> None:
    snapshot = lake / f"markdown_training_data/{WEEK}"
    (snapshot / "country=DEU").rename(snapshot / "country=XXX")

    assert "the country is not configured" in findings(lake)["XXX"].says


def test_columns_that_cannot_be_used_and_those_that_nobody_reads_are_all_listed(lake: Path) -> None:
    """However many there are: a slip in a name is found in the list."""

    def with_odd_columns(rows: pa.Table) -> pa.Table:
        for number in range(7):
            rows = rows.append_column(f"attr_{number}", pa.array([[number]] * len(rows)))
        return rows.append_column("atr_color", pa.array(["red"] * len(rows)))

    change(lake, with_odd_columns)

    says = findings(lake)["DEU"].says

    assert [f"the column 'attr_{number}' is left out: its type is list" in says for number in range(7)] == [True] * 7
    assert "columns that nobody reads: atr_color" in says


def test_what_lies_beside_the_countries_is_named(lake: Path) -> None:
    """A folder whose name is almost a country's is not read."""
    snapshot = lake / f"markdown_training_data/{WEEK}"
    (snapshot / "country=Aut").mkdir()

    found = findings(lake)["Beside the countries"]

    assert (found.ok, found.says.partition(":")[0]) == (False, "country=Aut")


def test_a_delivery_without_its_success_file_is_to_do(lake: Path) -> None:
    (lake / f"markdown_training_data/{WEEK}/_SUCCESS").unlink()

    [finding] = findings(lake).values()

    assert not finding.ok
    assert "_SUCCESS last" in finding.says


def test_what_is_planned_and_on_its_way_stands_in_the_country_s_line(lake: Path) -> None:
    """So that whoever delivers it sees that it was read; what cannot be used of it is odd."""
    change(lake, lambda rows: rows.append_column("attr_leaflet", pa.array([0.0] * rows.num_rows)))
    change(lake, lambda rows: rows.append_column("stock_to_come", pa.array([9] * rows.num_rows, pa.int32())))
    folder = lake / f"markdown_training_data/{WEEK}/country=DEU/_planned"
    folder.mkdir()
    week = pa.array([date(2026, 12, 14), date(2026, 12, 15)])
    plan = pa.table({"category": ["coats"] * 2, "week": week, "attr_leaflet": [1.0] * 2})
    pq.write_table(plan, folder / "part-0.parquet")

    says = findings(lake)["DEU"].says

    assert "stock to come for 12 articles, planned up to 2026-12-14: attr_leaflet of 12 articles. Odd: " in says
    assert "1 row for a day that is no Monday, for example category coats, week 2026-12-15" in says
