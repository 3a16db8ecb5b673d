"""`markdown-pricing explain`: what a round kept of an article, as an analyst reads it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from markdown_pricing.__main__ import cli
from markdown_pricing.commands.plan_picture import around_plan, plan_chart
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.pricing import CountryWeek, priced_under
from markdown_pricing.provenance import provenance
from markdown_pricing.results import Results
from tests.command import command
from tests.markdown.seasons import DEU, WEEK, article, frames, monday, recommend_for

MARKED_DOWN, BLOCKED, SOLD_OUT, PAST = "0000", "0001", "0002", "0003"
SEASON = (
    article(stock=400),
    article({-1: 49.99, 0: 44.99}, stock=2_000),
    article(stock=0),
    article(weeks_left=-1),
)

Explain = Callable[..., Result]


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    """The command on a lake that keeps this week and an earlier one of DEU."""
    for week in (monday(-2), WEEK):
        priced = recommend_for(*SEASON, rules=Rules())
        origin = provenance(week.isoformat(), "DEU", "stamp")
        Results(Lake(str(tmp_path)), week, "DEU").keep_predictions(
            priced.rows.assign(week=week), priced.path, priced.options, origin
        )

    def run(*arguments: str, lake: Path = tmp_path) -> Result:
        return CliRunner().invoke(cli, ["explain", *arguments, "--lake", str(lake)], standalone_mode=False)

    return run


def told(explain: Explain, article_id: str, *more: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(explain("DEU", article_id, "--json", *more).stdout)
    return answer


def test_the_page_says_why_and_shows_the_plan(explain: Explain) -> None:
    """Reason, money beside keep and habit, and the path as a table and a plot."""
    known = told(explain, MARKED_DOWN)
    page = explain("DEU", MARKED_DOWN)
    text = " ".join(page.stdout.split())

    assert page.return_value == 0
    assert known["reason"] in text
    assert "Nothing is known of an earlier week." in text
    for money in ("expected_revenue", "expected_revenue_keep", "expected_revenue_habit"):
        assert f"{known[money]:,.2f}" in text
    assert [step["week"] for step in known["price_path"]] == [str(monday(ahead)) for ahead in range(8)]
    for step in known["price_path"]:
        assert f"{step['week']} {step['price']:,.2f}" in text
    assert "━" in text
    assert "█" in text
    assert "49.99 ┤ today" in text
    assert f"left over {known['expected_leftover']:,.1f}" in text


def test_the_binding_rule_has_a_name(explain: Explain) -> None:
    """Where a rule holds the price; none where the price is what earns most."""
    assert told(explain, BLOCKED)["binding_rule"] == "weeks between markdowns"
    assert told(explain, MARKED_DOWN)["binding_rule"] is None
    assert "weeks between markdowns" in explain("DEU", BLOCKED).stdout


@pytest.mark.parametrize("odd", [SOLD_OUT, PAST])
def test_an_article_that_is_not_sold_any_more_is_explained_as_well(explain: Explain, odd: str) -> None:
    page = explain("DEU", odd)

    assert page.return_value == 0, page.exception
    assert f"To look at: {told(explain, odd)['exception_code']}" in page.stdout
    assert "nan" not in page.stdout.lower()


def test_the_newest_week_is_explained_unless_another_is_named(explain: Explain) -> None:
    assert told(explain, MARKED_DOWN)["week"] == str(WEEK)
    assert told(explain, MARKED_DOWN, "--week", str(monday(-2)))["week"] == str(monday(-2))


def test_the_plan_can_be_drawn(explain: Explain, tmp_path: Path) -> None:
    for name in (MARKED_DOWN, SOLD_OUT, PAST):
        picture = tmp_path / f"{name}.png"
        page = explain("DEU", name, "--out", str(picture))

        assert page.return_value == 0, page.exception
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_picture_shows_the_past_and_the_old_habit(tmp_path: Path) -> None:
    """The habit is left out under other rules than those of the row, and the past where it is no longer kept."""
    rules, season = Rules(), article({-2: 49.99, -1: 44.99, 0: 44.99}, launch=-4, weeks_left=6)
    snapshot, history = frames([season])
    priced, lake = recommend_for(season, rules=rules), Lake(str(tmp_path))
    origin = priced_under(provenance(str(WEEK), "DEU", "stamp"), RuleBook(rules), DEU)
    results, row = Results(lake, WEEK, "DEU"), priced.rows.iloc[0].to_dict()
    results.keep_predictions(priced.rows, priced.path, priced.options, origin)

    assert around_plan(lake, DEU, row, RuleBook(rules)).past.empty

    results.keep_training_data(CountryWeek(WEEK, "DEU", history, snapshot), origin)
    around = around_plan(lake, DEU, row, RuleBook(rules))
    assert list(zip(around.past["week"], around.past["price"], strict=True)) == [
        (monday(-2), 49.99),
        (monday(-1), 44.99),
    ]
    assert list(around.habit) == [*2 * [44.99], *2 * [34.99], *2 * [24.99]]
    assert plan_chart(priced.path, row, "EUR", around).startswith(b"\x89PNG")
    assert not around_plan(lake, DEU, row, RuleBook(Rules(max_markdowns=2))).habit


@pytest.mark.parametrize(
    ("arguments", "lake", "code", "says"),
    [
        (["DEU", "00011"], "", 2, "The nearest names among its 4 articles: 0001"),
        (["DEU", "socks"], "", 2, "0000, 0001, 0002, 0003"),
        (["AUT", "0000"], "", 2, f"The newest week, {WEEK}, holds DEU"),
        (["AUT", "0000"], "", 2, "Price it: markdown-pricing run --countries AUT"),
        (["XXX", "0000"], "", 2, "XXX is not configured, and `run` prices only what is"),
        (["XX", "0000"], "", 2, "'XX' is not a country"),
        (["DEU", "0000", "--out", "plans/plan.png"], "", 2, "There is no folder plans"),
        (["DEU", "0000"], "nope", 2, "Give --lake the folder"),
        (["DEU", "0000", "--week", "2026-02-16"], "", 2, f"Nearest are {monday(-2)}, {WEEK}"),
        (["DEU", "0000", "--week", "2026-02-10"], "", 2, "named by its Monday"),
        (["DEU", "0000"], "markdown_pricing", 1, "Price one first: markdown-pricing run"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    explain: Explain, tmp_path: Path, arguments: list[str], lake: str, code: int, says: str
) -> None:
    ended = command("explain", *arguments, "--lake", str(tmp_path / lake), environ={})

    assert (ended.returncode, ended.stdout) == (code, "")
    assert says in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
