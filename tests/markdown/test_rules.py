"""The rules file: overrides, versions, and every fault at once."""

import math
import textwrap
from datetime import date
from pathlib import Path

import pytest

from markdown_pricing.declared import as_written
from markdown_pricing.defaults import RULES_FILE
from markdown_pricing.installation.files import read_rules
from markdown_pricing.markdown.rules import OPTIONS, RULES, BadRules, RuleBook, Rules


def read(tmp_path: Path, text: str) -> RuleBook:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return read_rules(path)


def faults(tmp_path: Path, text: str) -> str:
    with pytest.raises(BadRules) as caught:
        read(tmp_path, text)
    return str(caught.value)


def test_the_packaged_file_holds_the_contract_s_rules() -> None:
    """Seven rungs, four markdowns, two weeks between, every option off."""
    assert read_rules() == RuleBook(Rules())


def commented(option: str) -> str:
    """An option as the packaged file should have it: what it means, then its default."""
    described = RULES.json_schema()["properties"][option]["description"]
    default = getattr(Rules(), option)
    written = (
        "inf" if default == math.inf else as_written(sorted(default) if isinstance(default, frozenset) else default)
    )
    return f"\n{textwrap.fill(described, 120, initial_indent='# ', subsequent_indent='# ')}\n{option} = {written}\n"


@pytest.mark.parametrize("option", OPTIONS)
def test_the_packaged_file_describes_each_option_as_its_field_does(option: str) -> None:
    """Whoever adds an option declares its field, and copies what this test expects into the file."""
    assert commented(option) in RULES_FILE.read_text(encoding="utf-8")


def test_the_last_override_that_fits_wins_word_by_word(tmp_path: Path) -> None:
    """What an override does not name it leaves as it was."""
    book = read(
        tmp_path,
        """
        [default]
        max_markdowns = 3
        [[override]]
        country = "DEU"
        weeks_between_markdowns = 4
        [[override]]
        category = "coats"
        weeks_between_markdowns = 3
        discounts_pct = [25, 50]
        [[override]]
        country = "DEU"
        category = "coats"
        no_touch_weeks = [2026-12-21]
        """,
    )

    assert book.rules_for("AUT", "shoes") == Rules(max_markdowns=3)
    assert book.rules_for("DEU", "shoes") == Rules(max_markdowns=3, weeks_between_markdowns=4)
    assert book.rules_for("DEU", "coats") == Rules(
        max_markdowns=3,
        weeks_between_markdowns=3,
        discounts_pct=(25, 50),
        no_touch_weeks=frozenset({date(2026, 12, 21)}),
    )


def test_all_faults_stand_in_one_error(tmp_path: Path) -> None:
    """Unknown words, wrong types and values out of range, with the place of each."""
    message = faults(
        tmp_path,
        """
        colour = "red"
        [default]
        discounts_pct = [30, 20]
        max_markdowns = 2.5
        weeks_between_markdowns = 0
        max_step_pct = true
        relabel_cost_per_store = -1
        no_touch_weeks = [2026-12-22]
        maximum = 3
        [[override]]
        max_markdowns = 2
        [[override]]
        country = "Germany"
        category = 4
        discounts_pct = [0, 120]
        """,
    )

    for expected in (
        "colour: unknown",
        "default: discounts_pct = [30, 20]: it should ascend",
        "default: max_markdowns = 2.5: it should be a whole number",
        "default: weeks_between_markdowns = 0: it should be at least 1",
        "default: max_step_pct = true: it should be a number",
        "default: relabel_cost_per_store = -1: it should be at least 0",
        'default: no_touch_weeks = ["2026-12-22"]: "2026-12-22" should be a Monday',
        "default: maximum is unknown; known are discounts_pct",
        "override 1: name a country, a category or both",
        'override 2: country = "Germany": it should be three capital letters',
        "override 2: category = 4: it should be a name",
        "override 2: discounts_pct = [0, 120]: 0 should be above 0; 120 should be below 100",
    ):
        assert expected in message
    assert "Correct the file" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_markdowns = ", "Invalid value"),
        ("default = 3", "write it as a table, [default]"),
        ("[override]\ncountry = 'DEU'", "write each as a table, [[override]]"),
        ("[default]\ndiscounts_pct = []", "it should have at least 1 of them"),
        ("[default]\ndiscounts_pct = [50, 100]", "100 should be below 100"),
        ("[default]\ndiscounts_pct = 'deep'", '"deep": it should be a list'),
        ("[default]\nno_touch_weeks = ['2026-12-21']", '"2026-12-21" should be a date like'),
        ("[default]\nno_touch_weeks = [2026-12-21T00:00:00]", "should be a date like 2026-12-21"),
        ("[default]\nmax_markdowns = true", "it should be a whole number"),
        ("[default]\nmarkdown_budget = nan", "it should be at least 0"),
        ("[default]\nsell_through = 'firm'", "it should be 'soft' or 'hard'"),
        ("[default]\nsame_price_by = 'model'", "it should be the name of a column attr_"),
        ("[[override]]\ncategory = 'coats'\nmarkdown_budget = 3", "name no category"),
        ("[[override]]\ncountry = 'DEU'", "it changes nothing"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, text: str, expected: str) -> None:
    """No default takes the place of what was meant."""
    assert expected in faults(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message has the file's whole path."""
    with pytest.raises(BadRules, match=r"absent\.toml"):
        read_rules(tmp_path / "absent.toml")


def test_the_version_follows_the_content_and_nothing_else(tmp_path: Path) -> None:
    """Comments and order don't count; a changed value does."""
    one = read(tmp_path, "[default]\nmax_markdowns = 3\nno_touch_weeks = [2026-12-28, 2026-12-21]")
    same = read(tmp_path, "# why\n[default]\nno_touch_weeks = [2026-12-21, 2026-12-28]\nmax_markdowns = 3")
    other = read(tmp_path, "[default]\nmax_markdowns = 2\nno_touch_weeks = [2026-12-28, 2026-12-21]")

    assert one.version == same.version != other.version
    assert len(one.version) == 12
    assert int(one.version, 16) >= 0
