"""What matches nothing is said: rules for nobody, countries that are not configured, settings that nobody reads."""

import re
from datetime import date
from pathlib import Path

import pytest

from markdown_pricing.countries import Countries, read_countries
from markdown_pricing.defaults import CURRENCIES_FILE
from markdown_pricing.installation.unmatched import matches_nothing, not_configured, unknown_settings
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, find_snapshot
from markdown_pricing.markdown.rules import rules_in
from tests.quick import deliver, sold

WEEK = date(2026, 2, 9)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two countries are delivered."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    deliver(lake, WEEK, ("DEU", "AUT"), articles=4)
    return lake


@pytest.fixture(scope="module")
def snapshot(lake: Lake) -> Snapshot:
    return find_snapshot(lake, WEEK)


def said(lake: Lake, snapshot: Snapshot, rules: str) -> list[str]:
    return matches_nothing(lake, snapshot, rules_in(rules, "rules.toml"), read_countries(), CURRENCIES_FILE)


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ('[[override]]\ncountry = "GER"\nmax_markdowns = 0', "The rules' override 1 holds for nobody: GER is not "),
        ('[[override]]\ncountry = "POL"\nmax_markdowns = 0', "holds for nobody: POL is not in the snapshot of 2026-02"),
        ('[[override]]\ncategory = "Coast"\nmax_markdowns = 0', "no country has the category 'Coast'"),
        ('[[override]]\ncountry = "DEU"\ncategory = "x"\nmax_markdowns = 0', "DEU does not have the category 'x'"),
        (
            '[default]\nsame_price_by = "attr_sty1e"',
            "default groups nothing: .* no country has the column 'attr_sty1e'",
        ),
        ("[default]\nno_touch_weeks = [2025-12-22]", "default has no_touch_weeks that are all before 2026-02-09"),
        (
            '[[override]]\ncountry = "AUT"\nno_touch_weeks = [2025-12-22]',
            "override 1 has no_touch_weeks that are all before",
        ),
    ],
)
def test_a_rule_that_matches_nothing_is_named(lake: Lake, snapshot: Snapshot, rules: str, sentence: str) -> None:
    [found] = said(lake, snapshot, rules)

    assert re.search(sentence, found), found


def test_rules_that_match_are_not_talked_about(lake: Lake, snapshot: Snapshot) -> None:
    """A category of one country is enough for a rule that holds in all."""
    rows = sold("AUT", WEEK, 4)
    category = rows["category"][rows["week"].to_pylist().index(WEEK)].as_py()
    column = next(name for name in rows.column_names if name.startswith("attr_"))
    rules = f"""
    [default]
    same_price_by = "{column}"
    no_touch_weeks = [2025-12-22, 2026-12-21]
    [[override]]
    country = "DEU"
    max_markdowns = 0
    [[override]]
    category = "{category}"
    max_markdowns = 0
    """

    assert said(lake, snapshot, rules) == []


def test_a_country_that_cannot_be_read_leaves_it_open(lake: Lake, snapshot: Snapshot) -> None:
    """That it is broken is said where it is priced; nobody knows what it holds."""
    unread = Snapshot(WEEK, snapshot.success, snapshot.files, {"AUT": ("half.parquet",)})

    assert said(lake, unread, '[[override]]\ncategory = "Coast"\nmax_markdowns = 0') == []


def test_a_country_that_nobody_configured_is_named(lake: Lake, snapshot: Snapshot, tmp_path: Path) -> None:
    """Whether it is delivered, or has a line among the changes of currency."""
    configured = read_countries()
    only = Countries({"DEU": configured["DEU"]}, {"GER": (), "DEU": ()})
    book = rules_in("", "rules.toml")

    assert not_configured(snapshot, only) == ["AUT"]
    own = tmp_path / "currencies.csv"
    assert matches_nothing(lake, snapshot, book, only, own) == [f"{own}: GER is not configured."]
    assert matches_nothing(lake, snapshot, book, only, CURRENCIES_FILE) == []


def test_a_setting_that_nobody_reads_is_named_with_the_one_that_is_like_it() -> None:
    """Not those that Kubernetes makes for its services."""
    environ = {
        "MARKDOWN_PRICING_LAKES": "/data/lake",
        "MARKDOWN_PRICING_ERP": "sqlite:////data/erp.sqlite",
        "MARKDOWN_PRICING_CODE_SERVER_SERVICE_HOST": "10.0.0.1",
        "MARKDOWN_PRICING_WEB_PORT_80_TCP": "tcp://10.0.0.1:80",
        "OTHER": "1",
    }

    assert unknown_settings(environ) == [
        "MARKDOWN_PRICING_LAKES is no setting, and nobody reads it. Is MARKDOWN_PRICING_LAKE meant?"
    ]


def test_what_lies_beside_the_countries_is_named(lake: Lake, snapshot: Snapshot) -> None:
    """Nobody reads it."""
    beside = Snapshot(WEEK, snapshot.success, snapshot.files, beside=("land=POL",))

    assert said(lake, beside, "") == [f"{lake.url}/markdown_training_data/2026-02-09/land=POL is not read."]
