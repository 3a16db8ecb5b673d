"""docs/fifteen-rows.md: what its sentences say follows from the figures that stand below them."""

import re
from pathlib import Path

import pytest

from tests.markdown.recomputed import compared, two_digits

PAGE = (Path(__file__).parent.parent / "docs/fifteen-rows.md").read_text()
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
COLUMNS = ("price", "value", "against", "units", "leftover", "revenue", "next", "rule")


def menu_of(section: str) -> list[dict[str, str]]:
    """The lines of a section's table, from today's price down."""
    lines = [line.split("|")[1:-1] for line in section.splitlines() if re.match(r"\| \**[0-9]", line)]
    return [dict(zip(COLUMNS, map(str.strip, line), strict=True)) for line in lines]


def number(text: str) -> float:
    return float(text.strip("* ").replace(",", ""))


def beside(section: str, name: str) -> list[float]:
    """The numbers that the last line gives under a name; none where it has no such."""
    found = re.search(rf"(?:Beside it: |; ){re.escape(name)} ([^;]*)", section)
    return [number(part) for part in re.findall(r"-?[0-9][0-9,]*(?:\.[0-9]+)?", found[1])] if found else []


def test_there_are_fifteen() -> None:
    assert len(SECTIONS) == 15


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.splitlines()[0])
def test_what_a_sentence_says_follows_from_the_figures_below_it(section: str) -> None:
    """The stake, what is left over, what the habit brings, and what is more on paper."""
    said, menu = section.splitlines()[2], menu_of(section)
    mine = next(line for line in menu if line["price"].startswith("**"))
    others = [line for line in menu if line["value"] and (line is menu[0]) != (mine is menu[0])]

    if stake := re.search(r"costs about (\S+) |worth about (\S+) \S+ less", said):
        best = max(number(line["value"]) for line in others)
        assert (stake[1] or stake[2]) == two_digits(number(mine["value"]) - best)
        assert number(re.search(r"to ([0-9]\S*?),? ", said)[1]) in {number(line["price"]) for line in menu}
    if left := re.search(r"the plan leaves about (\S+) of (\S+) units \((\S+) %\)", said):
        units, stock = number(mine["leftover"]), beside(section, "stock")[0]
        assert left.groups() == (two_digits(units), f"{stock:,.0f}", two_digits(100 * units / stock))
    if habit := re.search(r"the old habit .*leaves about (\S+) \(.* brings (as much|\S+ % (?:less|more))", said):
        revenue, units = beside(section, "old habit, on paper and left over")
        assert habit.groups() == (two_digits(units), compared(revenue / number(mine["revenue"])))
    if paper := re.search(r"on paper .* brings about (\S+) ", said):
        rivals = [number(line["revenue"]) for line in menu if line is not mine and line["revenue"]]
        rivals += [beside(section, "today's price kept, on paper")[0], revenue]
        assert paper[1] == two_digits(max(rivals) - number(mine["revenue"]))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.splitlines()[0])
def test_no_price_without_a_rule_is_worth_more_than_the_recommended_one(section: str) -> None:
    assert all(number(line["against"]) <= 0.05 for line in menu_of(section) if line["value"] and not line["rule"])
