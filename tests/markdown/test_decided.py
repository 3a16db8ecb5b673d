"""A locked price is held until its Monday; the row says what that costs, by values that know no lock."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.columns import PATH_COLUMNS, Recommendations
from markdown_pricing.countries import Country
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.decided import Decided
from markdown_pricing.markdown.recommendation import recommend
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.texts.words import about, day
from tests.markdown.seasons import CODES, DEU, MADE_BY, WEEK, article, demand, foreseen, frames, monday

FULL = {"stock": 400, "weeks_left": 10}


def recommend_with(
    articles: list[dict[str, Any]], until: list[date | None], rules: Rules | None = None, **decided: Any
) -> Recommendations:
    """The rows of articles that are locked so, with what else `Decided` says of them."""
    snapshot, history = frames(articles)
    if any(until) or decided:
        nothing = Decided.of(snapshot)
        facts = {name: np.array(decided[name]) if name in decided else own for name, own in vars(nothing).items()}
        snapshot = Decided(**facts).beside(snapshot, pd.to_datetime(pd.Series(until, dtype=object)))
    if rules is not None and rules.same_price_by:
        snapshot[rules.same_price_by] = "one"
    country: Country = DEU
    assortment = Assortment(WEEK, country, snapshot, history, RuleBook(rules or Rules()), CODES)
    ladders = candidate_prices(snapshot, history, country, assortment.book, WEEK)
    expected = foreseen(demand(ladders), np.full(len(articles), 0.2))
    return recommend(assortment, ladders, expected, MADE_BY)


@pytest.fixture(scope="module")
def free() -> Recommendations:
    return recommend_with([article(**FULL), article(**FULL)], [None, None])


@pytest.fixture(scope="module")
def locked() -> Recommendations:
    """The first of two equal articles, until the third Monday from now."""
    return recommend_with([article(**FULL), article(**FULL)], [monday(3), None])


def test_the_price_is_held_until_the_monday_of_the_lock_and_may_fall_on_it(
    free: Recommendations, locked: Recommendations
) -> None:
    row, path = locked.rows.iloc[0], locked.price_path[locked.price_path["article_id"] == "0000"]

    assert free.rows["action"].tolist() == ["markdown", "markdown"]
    assert (row.action, row.recommended_price, row.locked_until) == ("keep", 49.99, monday(3))
    assert (path["price"].iloc[:3] == 49.99).all()
    assert path["price"].iloc[3] < 49.99
    assert row.next_markdown_week == monday(3)


def test_the_row_says_what_the_lock_costs_by_the_menu(locked: Recommendations) -> None:
    row, menu = locked.rows.iloc[0], locked.options[locked.options["article_id"] == "0000"]

    cost = menu["value"].max() - menu["value"].iloc[0]

    assert cost > 0
    assert row.reason_code == "locked"
    assert row.reason.startswith("Keep 49.99 EUR, then ")
    says = f"somebody has locked it until {day(monday(3))}, which this week costs about {about(cost)} EUR against"
    assert says in row.reason
    assert row.stake == 0


def test_every_price_but_the_held_one_is_barred_by_the_lock_and_keeps_its_value(
    free: Recommendations, locked: Recommendations
) -> None:
    held, open_ = (each.options[each.options["article_id"] == "0000"] for each in (locked, free))
    priced = held["value"].notna()

    assert held["value"].tolist() == open_["value"].tolist()
    assert held.loc[priced, "rule"].fillna("").tolist() == ["", *["locked"] * (priced.sum() - 1)]
    assert held.loc[~priced, "rule"].tolist() == open_.loc[~priced, "rule"].tolist()


def test_an_article_beside_a_locked_one_is_priced_as_without_it(free: Recommendations, locked: Recommendations) -> None:
    for one, other in zip(
        (free.rows, free.price_path, free.options), (locked.rows, locked.price_path, locked.options), strict=True
    ):
        mine = [each[each["article_id"] == "0001"].reset_index(drop=True) for each in (one, other)]
        pd.testing.assert_frame_equal(*mine, check_exact=True, check_dtype=False)


def test_a_lock_of_one_article_holds_its_price_group() -> None:
    rules = Rules(same_price_by="attr_line")

    rows = recommend_with([article(**FULL), article(**FULL)], [monday(2), None], rules).rows

    assert rows["reason_code"].tolist() == ["locked", "locked"]
    assert rows["locked_until"].tolist() == [monday(2), monday(2)]


@pytest.mark.parametrize("budget", [600.0, 2_000.0])
def test_a_lock_is_kept_whatever_a_budget_leaves(budget: float) -> None:
    """The paths that cost less keep the lock, too."""
    new = article(**FULL, launch=-3)  # without the lock its markdown would come next week
    found = recommend_with([new, article(**FULL)], [monday(3), None], Rules(markdown_budget=budget))

    path = found.price_path[found.price_path["article_id"] == "0000"]
    assert (path["price"].iloc[:3] == 49.99).all()


def test_a_lock_that_is_over_or_on_an_article_that_is_sold_out_changes_nothing() -> None:
    over = recommend_with([article(**FULL), article(stock=0)], [WEEK, monday(2)])

    assert over.rows["reason_code"].tolist() == ["markdown_now", "sold_out"]
    assert over.rows["locked_until"].tolist() == [None, monday(2)]
    assert list(over.price_path.columns) == PATH_COLUMNS


@pytest.mark.parametrize(
    ("weeks_ago", "share_of_stake", "severity"),
    [(1, 1.0, "info"), (3, 0.9, "info"), (4, 1.0, "look"), (1, 0.7, "look"), (1, np.nan, "info")],
)
def test_a_rejected_markdown_is_asked_again_and_after_a_time_or_for_more_money_to_be_looked_at(
    free: Recommendations, weeks_ago: int, share_of_stake: float, severity: str
) -> None:
    """The price itself stands as it would."""
    seen = {"week": [monday(-weeks_ago), None], "stake": [share_of_stake * free.rows["stake"].iloc[0], np.nan]}

    rows = recommend_with([article(**FULL), article(**FULL)], [None, None], rejected=[True, False], **seen).rows

    assert (rows["exception_code"].iloc[0], rows["severity"].iloc[0]) == ("asked_again", severity)
    assert f"in the week of {day(monday(-weeks_ago))}" in rows["reason"].iloc[0]
    assert rows["recommended_price"].tolist() == free.rows["recommended_price"].tolist()


def test_money_that_is_being_lost_is_said_before_what_became_of_a_decision() -> None:
    """An exception to act on is not hidden by one that is only to be looked at or known."""
    lost = article(stock=40_000, weeks_left=2)
    decided = {"rejected": [True, False], "void": ["", "it does not say at which price"], "week": [monday(-1)] * 2}

    rows = recommend_with([lost, lost], [None, None], **decided).rows

    assert rows["exception_code"].tolist() == ["certain_leftover", "certain_leftover"]
    assert rows["severity"].tolist() == ["act", "act"]


def test_a_rejected_advice_that_is_given_no_longer_needs_no_word() -> None:
    rows = recommend_with([article(stock=1)], [None], rejected=[True], week=[monday(-1)]).rows

    assert (rows["action"].iloc[0], rows["exception_code"].iloc[0]) == ("keep", None)


def test_a_price_that_was_not_applied_and_a_void_decision_are_said(free: Recommendations) -> None:
    said = {"not_applied": [True, False], "void": ["", "it does not say at which price"], "price": [39.95, np.nan]}

    rows = recommend_with([article(**FULL), article(**FULL)], [None, None], week=[monday(-1)] * 2, **said).rows

    assert rows["exception_code"].tolist() == ["not_applied", "void_decision"]
    assert rows["severity"].tolist() == ["act", "look"]
    assert "the price of 39.95 EUR that was decided in the week of 2 Feb 2026 has not been asked" in rows["reason"][0]
    assert "is void: it does not say at which price" in rows["reason"][1]
    assert rows["recommended_price"].tolist() == free.rows["recommended_price"].tolist()
