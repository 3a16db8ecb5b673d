"""Rows a buyer reads: money beside keep and habit, reasons, and exceptions for all that is not as it should be."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.countries import Country
from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.recommendation import recommend
from markdown_pricing.markdown.rules import RuleBook, Rules
from tests.markdown.seasons import (
    CODES,
    DEU,
    MADE_BY,
    PREDICTED_AT,
    WEEK,
    article,
    demand,
    foreseen,
    frames,
    monday,
    recommend_for,
)


def row_of(own: dict[str, Any], **facts: Any) -> Any:
    """The row of an article that is priced beside a plain one."""
    return recommend_for(own, article(), **facts).rows.iloc[0]


def test_a_markdown_has_its_percentage_of_the_list_price() -> None:
    row = row_of(article(stock=400))

    assert (row.action, row.reason_code, row.exception_code) == ("markdown", "markdown_now", None)
    assert row.markdown_pct == round(100 * (1 - row.recommended_price / 49.99), 2) > 0


def test_columns_have_the_contract_s_types() -> None:
    """Dates are dates, stock is whole, money and units are floats, time knows its zone."""
    found = recommend_for(article(), article(stock=0))

    assert {type(day) for column in ("week", "end_week") for day in found.rows[column]} == {type(WEEK)}
    assert found.rows["stock"].dtype == np.int64
    numbers = [column for column in found.rows if column.startswith(("expected_", "elasticity", "cover", "markdown_"))]
    assert {found.rows[column].dtype for column in numbers} == {np.dtype(np.float64)}
    assert found.rows["predicted_at"].iloc[0] == PREDICTED_AT
    assert {type(day) for day in found.price_path["week"]} == {type(WEEK)}
    assert found.rows["country"].tolist() == ["DEU", "DEU"]
    assert found.rows[["model_grade", "model_version", "run_id"]].iloc[0].tolist() == ["A", "test", "run"]


def test_elasticity_is_shown_as_the_model_gives_it() -> None:
    """Value and standard error, and what they say to a buyer; nothing where the model knows none."""
    snapshot, history = frames([article(stock=400), article(stock=400)])
    ladders = candidate_prices(snapshot, history, DEU, RuleBook(), WEEK)
    elasticity = np.array([1.8, np.nan]), np.array([0.2, np.nan])
    forecast = replace(foreseen(demand(ladders), np.zeros(2)), elasticity=elasticity)
    rows = recommend(Assortment(WEEK, DEU, snapshot, history, RuleBook(), CODES), ladders, forecast, MADE_BY).rows

    assert rows["elasticity"].tolist()[0] == 1.8
    assert rows["elasticity_se"].isna().tolist() == [False, True]
    known, unknown = rows["reason"]
    assert "; 30 % off sells about 1.9 times as many (1.7 to 2.1)" in known
    assert "30 % off" not in unknown


def test_the_band_of_units_holds_the_expected_ones() -> None:
    """Whole units, cut by stock; wider where demand is more uncertain."""
    sure, unsure = (row_of(article(stock=60, salvage=49.0), dispersion=dispersion) for dispersion in (0.0, 1.0))

    assert sure.expected_units_q10 == 6
    assert sure.expected_units_q90 == 14
    assert unsure.expected_units_q10 < 6 < 14 < unsure.expected_units_q90
    assert row_of(article(stock=3, salvage=49.0)).expected_units_q90 == 3
    assert sure.cover_weeks == pytest.approx(60 / sure.expected_units)


@pytest.mark.parametrize(
    ("own", "rules", "code"),
    [
        (article(stock=60), Rules(), "keep_price"),
        (article({-1: 49.99, 0: 44.99}, stock=2_000), Rules(), "blocked_by_interval"),
        (article(stock=2_000), Rules(max_markdowns=0), "blocked_by_number"),
        (article(19.95, stock=2_000, salvage=15.0), Rules(), "no_rung_left"),
        (article(stock=2_000), Rules(no_touch_weeks=frozenset({WEEK})), "no_touch_week"),
        (article(stock=2_000), Rules(discounts_pct=(50,), max_step_pct=20), "blocked_by_step"),
        (article(launch=-1, weeks_left=11, stock=2_000), Rules(full_price_weeks=4), "blocked_by_full_price"),
        (article(stock=0), Rules(), "sold_out"),
        (article(weeks_left=-1), Rules(), "past_end"),
    ],
)
def test_a_price_that_is_kept_says_what_keeps_it(own: dict[str, Any], rules: Rules, code: str) -> None:
    """The binding rule, or that nothing earns more."""
    row = row_of(own, rules=rules)

    assert (row.action, row.reason_code) == ("keep", code)
    assert row.recommended_price == row.current_price
    assert f"{row.current_price:.2f} EUR" in row.reason


def test_a_plan_to_mark_down_later_names_the_week_and_the_price() -> None:
    """Both are those of the price path."""
    made = article(stock=400)
    ladders = candidate_prices(*frames([made]), DEU, RuleBook(), WEEK)
    units = demand(ladders)
    units[:, :, :4] = units[:, :1, :4]
    found = recommend_for(made, units=units)
    row = found.rows.iloc[0]

    assert (row.action, row.reason_code, row.next_markdown_week) == ("keep", "wait", monday(4))
    assert found.price_path.set_index("week")["price"][monday(4)] == row.next_markdown_price < 49.99
    assert f"{row.next_markdown_price:.2f} from 9 Mar 2026" in row.reason


@pytest.mark.parametrize(
    ("own", "code"),
    [
        (article(stock=0), "sold_out"),
        (article(stock=0, weeks_left=-2, category=None), "sold_out"),
        (article(weeks_left=0), "past_end"),
        (article(salvage=49.99), "bad_margin"),
        (article(salvage=60.0), "bad_margin"),
        (article({-4: 45.99, -3: 43.99, -2: 39.99, -1: 34.99, 0: 29.99}, launch=-5), "infeasible_rules"),
        (article(salvage=48.0), "infeasible_rules"),
        (article(category="never sold"), None),
        (article({0: 49.99}, category="never sold"), "unknown_category"),
        (article({0: 49.99}, category=None), "unknown_category"),
        (article({0: 49.99}, launch=0), "no_history"),
        (article(37.50), "off_ladder"),
        (article(0.5, salvage=0.1), "off_ladder"),
        (article(55.0), "off_ladder"),
        (article(stock=50_000), "certain_leftover"),
        (article(weeks_left=106), "far_end"),
        (article(), None),
    ],
)
def test_what_somebody_should_look_at_is_named(own: dict[str, Any], code: str | None) -> None:
    """The first exception of the data file that holds; none for a sound article."""
    row = row_of(own)

    assert row.exception_code == code
    if code not in (None, "sold_out", "past_end"):
        assert "; note that " in row.reason


def test_nothing_to_sell_is_all_sold() -> None:
    """Stock 0: no units, no left-over, no cover, no money."""
    row = row_of(article(stock=0))

    assert (row.expected_units, row.expected_units_q90, row.expected_leftover, row.expected_revenue) == (0, 0, 0, 0)
    assert row.expected_sell_through == 1
    assert pd.isna(row.cover_weeks)


def test_an_article_past_its_end_goes_at_salvage() -> None:
    """One row of path, the price as it is, all of the stock left over."""
    found = recommend_for(article(stock=70, salvage=5.5, weeks_left=-3), article())
    row, path = found.rows.iloc[0], found.price_path[found.price_path["article_id"] == "0000"]

    assert path[["week", "price", "expected_units", "expected_stock"]].values.tolist() == [[WEEK, 49.99, 0.0, 70.0]]
    assert (row.expected_leftover, row.expected_revenue, row.expected_sell_through) == (70, 385.0, 0)
    assert (row.expected_units, row.expected_units_q90) == (0, 0)
    assert row.end_week == WEEK - timedelta(weeks=4)


@pytest.mark.parametrize(
    "own",
    [
        article({-1: 49.99, 0: 49.99}, launch=-1),
        article({-2: 60.0, -1: 60.0, 0: 49.99}, list_price=49.99),
        article({-5: 49.99, 0: 39.99}),
        article({-1: 0.01, 0: 0.01}, salvage=0.0),
        article({-1: 49.99, 0: 49.99}, stock=1, weeks_left=1),
        article({-1: 49.99, 0: 49.99}, salvage=0.0, stores=0),
        article({0: 49.99}, launch=3),
        article({0: 49.99}, launch=5, weeks_left=2),
    ],
    ids=[
        "one week of history",
        "list price changed midway",
        "gaps",
        "far below all rungs",
        "last unit",
        "no store",
        "not launched yet",
        "ends before its launch",
    ],
)
@pytest.mark.parametrize("weekly", [0.0, 4.0])
def test_odd_articles_get_a_price_like_any_other(own: dict[str, Any], weekly: float) -> None:
    """Sold or never sold: a row without gaps."""
    found = recommend_for(own, weekly=weekly)

    assert len(found.rows) == 1
    assert found.rows["recommended_price"].iloc[0] <= found.rows["current_price"].iloc[0]
    assert not found.rows.filter(like="expected").isna().any(axis=None)
    assert len(found.price_path) == own["weeks_left"]


def test_a_country_without_any_history_is_priced() -> None:
    """Five articles, first seen this week: each says that it has no history, not that its category is unknown."""
    rows = recommend_for(*[article({0: 49.99}, launch=0) for _ in range(5)]).rows

    assert rows["exception_code"].tolist() == 5 * ["no_history"]


def test_a_country_without_articles_gives_empty_tables() -> None:
    """The tables have all their columns."""
    snapshot, history = (frame.iloc[:0] for frame in frames([article()]))
    ladders = candidate_prices(snapshot, history, DEU, RuleBook(), WEEK)
    forecast = Forecast.for_no_articles("test")
    found = recommend(Assortment(WEEK, DEU, snapshot, history, RuleBook(), CODES), ladders, forecast, MADE_BY)

    assert found.rows.empty
    assert found.price_path.empty


def test_reasons_speak_the_country_s_currency() -> None:
    """Forint in Hungary."""
    row = row_of(article(), country=Country("HUN", currency="HUF"))

    assert " HUF" in row.reason
    assert row.country == "HUN"
