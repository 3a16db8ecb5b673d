"""The rules file: overrides, versions, and every fault at once."""

from datetime import date
from pathlib import Path

import pytest

from markdown_pricing.markdown.rules import BadRules, RuleBook, Rules, read_rules


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
        "default: discounts_pct = [30, 20]: not ascending",
        "default: max_markdowns = 2.5: not a whole number",
        "default: weeks_between_markdowns = 0: not from 1",
        "default: max_step_pct = True: not a number",
        "default: relabel_cost_per_store = -1: not from 0",
        "default: no_touch_weeks = [datetime.date(2026, 12, 22)]: no Monday: 2026-12-22",
        "default: maximum is unknown; known are discounts_pct",
        "override 1: name a country, a category or both",
        "override 2: country 'Germany' is not three capital letters",
        "override 2: category 4 is not a name",
        "override 2: discounts_pct = [0, 120]: not from 0 to 100",
    ):
        assert expected in message
    assert "Correct the file" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_markdowns = ", "Invalid value"),
        ("default = 3", "write it as a table, [default]"),
        ("[override]\ncountry = 'DEU'", "write each as a table, [[override]]"),
        ("[default]\ndiscounts_pct = []", "at least one discount"),
        ("[default]\ndiscounts_pct = [50, 100]", "each between 0 and 100"),
        ("[default]\ndiscounts_pct = 'deep'", "not a list of percentages"),
        ("[default]\nno_touch_weeks = ['2026-12-21']", "not a list of dates"),
        ("[[override]]\ncountry = 'DEU'", "it changes nothing"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, text: str, expected: str) -> None:
    """Never a default in place of what was meant."""
    assert expected in faults(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With its whole path."""
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
