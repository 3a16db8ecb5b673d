"""`markdown-pricing explain`: what a round kept of an article, as an analyst reads it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from markdown_pricing.__main__ import cli
from markdown_pricing.commands.around import Around, around_plan, units_to_sell
from markdown_pricing.commands.plan_picture import plan_chart
from markdown_pricing.demand.model import DemandModel
from markdown_pricing.forecast import Forecast
from markdown_pricing.kept.recommendations import RecommendationsFile
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.pricing import CountryWeek, PricingInputs, price_articles, priced_under
from markdown_pricing.provenance import provenance
from tests.command import command
from tests.markdown.seasons import CODES, DEU, PREDICTED_AT, WEEK, article, frames, monday, recommend_for

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
        origin = provenance(week, "DEU", "stamp")
        of_the_week = replace(priced, rows=priced.rows.assign(week=week))
        Results(Lake(str(tmp_path)), week, "DEU").recommendations.keep(of_the_week, origin)

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


class Constant(DemandModel):
    """Ten units a week at the list price, and an elasticity of 2; it learns nothing."""

    def fit(self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: Any = None) -> None: ...

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        list_price = articles["list_price"].to_numpy()[:, np.newaxis, np.newaxis]
        return Forecast(
            "constant",
            lambda prices, weeks: np.repeat(10 * (prices[:, :, np.newaxis] / list_price) ** -2.0, weeks, axis=2),
            level_sd=lambda weeks: np.full((len(articles), weeks), 0.2),
        )

    def to_bytes(self) -> bytes:
        return b""

    @classmethod
    def from_bytes(cls, data: bytes) -> "Constant":
        return cls()


ALLOWED = "tests.commands.test_explain:Constant"


@pytest.fixture
def locks() -> str:
    """The version of the locks of other articles; none."""
    return ""


@pytest.fixture
def stock() -> int:
    """How many of the article's hundred units are there this week; the others are on their way."""
    return 100


@pytest.fixture
def round_of_one(tmp_path: Path, locks: str, stock: int) -> Callable[[RuleBook], Around]:
    """What is around the plan of an article of a round that is kept with its model, under the rules that are asked."""
    book = RuleBook(Rules())
    own = article({-2: 49.99, -1: 44.99, 0: 44.99}, launch=-4, weeks_left=6, stock=stock, stock_to_come=100 - stock)
    snapshot, history = frames([own])
    lake = Lake(str(tmp_path), models=(ALLOWED,))
    results, sold = Results(lake, WEEK, "DEU"), CountryWeek(WEEK, "DEU", history, snapshot)
    made = provenance(WEEK, "DEU", "stamp").of(demand_model=ALLOWED)
    origin = priced_under(made, book, DEU).of(locks=locks)
    priced = price_articles(sold, Constant(), PricingInputs(DEU, book, CODES), origin, "run", PREDICTED_AT)
    results.training_data.keep(sold, made)
    results.model.keep(Constant(), made)
    results.recommendations.keep(priced, origin)
    row = priced.rows.iloc[0].to_dict()

    def asked(book: RuleBook, **other: Any) -> Around:
        return around_plan(lake, DEU, {**row, **other}, priced.price_path, origin, book)

    return asked


def test_the_past_the_plan_and_what_it_is_compared_with_are_shown(round_of_one: Callable[..., Around]) -> None:
    """Each course has the prices of its weeks, and bands around what is expected."""
    around = round_of_one(RuleBook(Rules()))
    plan, keep, habit = (around.courses[name] for name in ("plan", "keep", "habit"))

    assert list(zip(around.past["week"], around.past["price"], strict=True)) == [
        (monday(-2), 49.99),
        (monday(-1), 44.99),
    ]
    assert keep.price.tolist() == 6 * [44.99]
    assert habit.price.tolist() == [*2 * [44.99], *2 * [34.99], *2 * [24.99]]
    for course in (plan, keep, habit):
        assert course.stock[0] == course.stock_low[0] == course.stock_high[0] == 100
        assert (course.stock_low[1:] < course.stock[1:]).all()
        assert (course.stock[1:] < course.stock_high[1:]).all()
        assert (course.units_low <= course.units).all()
        assert (course.units <= course.units_high).all()


@pytest.mark.parametrize("stock", [0])
def test_an_article_that_awaits_its_stock_has_courses(round_of_one: Callable[..., Around]) -> None:
    """From the week on in which it comes."""
    courses = round_of_one(RuleBook(Rules())).courses

    assert courses["plan"].stock[:2].tolist() == [0, 100]
    assert courses["keep"].units[1] > 0


@pytest.mark.parametrize(("stock", "to_come"), [(0, 0), (0, 7), (5, 7)])
def test_all_that_is_to_be_sold_is_what_is_there_and_on_its_way(stock: int, to_come: int) -> None:
    """An article of which there is nothing has no courses."""
    priced = recommend_for(article(stock=stock, stock_to_come=to_come))

    assert units_to_sell(priced.rows.iloc[0].to_dict(), priced.price_path) == stock + to_come


def test_courses_are_those_of_the_row_or_none(round_of_one: Callable[..., Around]) -> None:
    """Neither under other rules than the row's, nor where the model gives other units than it did."""
    assert not round_of_one(RuleBook(Rules(max_markdowns=2))).courses
    assert not round_of_one(RuleBook(Rules()), expected_units=99.0).courses
    assert not round_of_one(RuleBook(Rules()), end_week=monday(-1)).courses


@pytest.mark.parametrize("locks", ["0123456789ab"])
def test_a_lock_of_another_article_takes_no_courses(round_of_one: Callable[..., Around]) -> None:
    assert round_of_one(RuleBook(Rules())).courses
    assert not round_of_one(RuleBook(Rules(max_markdowns=2))).courses


def test_where_nothing_is_kept_nothing_is_around(tmp_path: Path) -> None:
    """Training data go before predictions do."""
    priced = recommend_for(article())
    row, origin = priced.rows.iloc[0].to_dict(), provenance(WEEK, "DEU", "stamp")

    around = around_plan(Lake(str(tmp_path)), DEU, row, priced.price_path, origin, RuleBook())

    assert around.past.empty
    assert not around.courses
    assert plan_chart(priced.price_path, row, priced.options, "EUR", around).startswith(b"\x89PNG")


def test_the_menu_names_each_price_with_its_worth_or_its_rule(explain: Explain) -> None:
    """Against the recommended price, which has its whole worth; forbidden prices have the rule."""
    options, page = told(explain, MARKED_DOWN)["options"], explain("DEU", MARKED_DOWN).stdout
    recommended = next(line for line in options if line["value_loss"] == 0)

    assert f"{recommended['value']:,.0f}" in page
    for line in options:
        assert f"{line['price']:,.2f}" in page
        assert line is recommended or f"{-line['value_loss']:+,.0f}" in page
    assert [line["rule"] for line in told(explain, BLOCKED)["options"]][1:3] == ["too_soon", "too_soon"]
    assert explain("DEU", BLOCKED).stdout.count("too soon") >= 2


def test_predictions_are_read_once(explain: Explain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a large country are a hundred thousand rows."""
    read, once = RecommendationsFile.read, []
    monkeypatch.setattr(RecommendationsFile, "read", lambda own: once.append(own) or read(own))

    explain("DEU", MARKED_DOWN, "--out", str(tmp_path / "plan.png"))

    assert len(once) == 1


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
