"""The sample round of all 45 countries, as `make run` plays it, ends with the table that README shows."""

from pathlib import Path

import pytest

from tests.command import command
from tests.readme import README, heading, rows, totals

pytestmark = pytest.mark.timeout(3600)

WEEK = "2026-11-23"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `make run` prints in the week that README names."""
    folder: Path = tmp_path_factory.mktemp("sample round")
    environ = {
        "MARKDOWN_PRICING_LAKE": str(folder / "lake"),
        "MARKDOWN_PRICING_ERP": f"sqlite:///{folder / 'erp.sqlite'}",
        "MARKDOWN_PRICING_START_WEEK": WEEK,
        "MARKDOWN_PRICING_LOG": "off",
        "DAGSTER_HOME": str(folder / "dagster"),
        "COLUMNS": "80",
    }
    made = command("sample", "--lake", str(folder / "lake"), "--week", WEEK, environ=environ)
    assert made.returncode == 0, made.stderr
    priced = command("run", "--workers", "2", environ=environ)
    assert priced.returncode == 0, priced.stderr
    return priced.stdout


def test_the_table_of_the_readme_is_printed(printed: str) -> None:
    """Only the seconds differ from one machine to another."""
    said, shown = rows(printed), rows(README.partition(f"Week {WEEK}")[2])

    assert f"the sample of the week {WEEK}" in README.replace("\n", " ")
    assert heading(printed) == heading(README)
    assert len(shown) >= 3
    for country, row in shown.items():
        assert row[:3] == said[country][:3]
        # A number of threads may move a digit that is rounded.
        now = [_number(cell) for cell in said[country][3:5]]
        assert [_number(cell) for cell in row[3:5]] == pytest.approx(now, abs=0.11, rel=0.01)


def test_the_totals_of_the_readme_are_printed(printed: str) -> None:
    assert totals(printed) == totals(README)


def _number(cell: str) -> float:
    return float(cell.removesuffix(" %").replace(",", ""))
