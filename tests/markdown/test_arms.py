"""An article that is held on the old habit follows it, and its row says so; the plan's values stay beside it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.columns import Recommendations
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.recommendation import recommend
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.markdown.season import ARM
from tests.markdown.seasons import CODES, DEU, MADE_BY, WEEK, article, demand, foreseen, frames, monday

FULL = {"stock": 400, "weeks_left": 10}
LATE = {"stock": 400, "weeks_left": 3, "launch": -20}
"""It is in the last fifth of its season, in which the habit asks 50 % off."""


def recommend_with(
    articles: list[dict[str, Any]], arms: list[str | None] | None, rules: Rules | None = None, until: Any = None
) -> Recommendations:
    """The rows of the articles, with these arms; None for a round without a comparison."""
    snapshot, history = frames(articles)
    if arms:
        snapshot[ARM] = pd.Series(arms, dtype=object)
    if until:
        snapshot["locked_until"] = pd.to_datetime(pd.Series(until, dtype=object))
    if rules is not None and rules.same_price_by:
        snapshot[rules.same_price_by] = "one"
    assortment = Assortment(WEEK, DEU, snapshot, history, RuleBook(rules or Rules()), CODES)
    ladders = candidate_prices(snapshot, history, DEU, assortment.book, WEEK)
    return recommend(assortment, ladders, foreseen(demand(ladders), np.full(len(articles), 0.2)), MADE_BY)


@pytest.fixture(scope="module")
def free() -> Recommendations:
    return recommend_with([article(**FULL), article(**FULL), article(**LATE)], None)


@pytest.fixture(scope="module")
def compared() -> Recommendations:
    return recommend_with([article(**FULL), article(**FULL), article(**LATE)], ["habit", "plan", "habit"])


def of(found: pd.DataFrame, number: int) -> pd.DataFrame:
    return found[found["article_id"] == f"{number:04}"].reset_index(drop=True)


def test_the_price_is_the_habits_whatever_the_plan_would_ask(free: Recommendations, compared: Recommendations) -> None:
    kept, _, late = compared.rows.itertuples()

    assert free.rows["action"].tolist()[0] == "markdown"
    assert (kept.action, kept.recommended_price, kept.reason_code) == ("keep", 49.99, "held_on_habit")
    assert (late.action, late.recommended_price, late.reason_code) == ("markdown", 24.99, "markdown_by_habit")
    assert kept.reason.startswith("Keep 49.99 EUR, then ")
    assert "for a comparison this category follows the old habit" in kept.reason
    assert compared.rows["arm"].tolist() == ["habit", "plan", "habit"]


def test_its_whole_path_is_the_habits(compared: Recommendations) -> None:
    held = compared.rows.iloc[[0, 2]]

    assert (held["expected_revenue"] == held["expected_revenue_habit"]).all()
    assert (held["expected_leftover"] == held["expected_leftover_habit"]).all()


def test_every_other_price_that_has_a_value_is_barred_by_the_arm_and_keeps_it(
    free: Recommendations, compared: Recommendations
) -> None:
    for number, price in ((0, 49.99), (2, 24.99)):
        held, open_ = (of(each.options, number) for each in (compared, free))
        priced = held["value"].notna()

        assert held["value"].tolist() == open_["value"].tolist()
        assert held.loc[priced & (held["price"] != price), "rule"].eq("arm").all()
        assert held.loc[held["price"] == price, "rule"].isna().all()
    assert compared.rows["stake"].iloc[0] == 0


def test_an_article_on_the_plan_is_priced_as_without_a_comparison(
    free: Recommendations, compared: Recommendations
) -> None:
    for name in ("rows", "price_path", "options"):
        mine = [of(getattr(each, name), 1).drop(columns="arm", errors="ignore") for each in (free, compared)]
        pd.testing.assert_frame_equal(*mine, check_exact=True, check_dtype=False)


def test_without_a_comparison_no_row_has_an_arm(free: Recommendations) -> None:
    assert free.rows["arm"].isna().all()


def test_a_price_group_is_held_when_one_of_its_articles_is() -> None:
    """The articles of a group have one price, also where they are of two seasons."""
    found = recommend_with([article(**LATE), article(**LATE)], ["habit", "plan"], Rules(same_price_by="attr_line"))

    assert found.rows["recommended_price"].tolist() == [24.99, 24.99]
    assert found.rows["reason_code"].tolist() == ["markdown_by_habit"] * 2


def test_a_lock_holds_the_habits_price_too() -> None:
    found = recommend_with([article(**LATE)], ["habit"], until=[monday(2)])

    row = found.rows.iloc[0]
    assert (row["recommended_price"], row["reason_code"], row["next_markdown_week"]) == (49.99, "locked", monday(2))
    assert set(found.options["rule"].dropna()) == {"locked"}


def test_a_budget_is_for_what_is_planned() -> None:
    """The habit is kept where no money is left, and the plan has the whole budget."""
    alone = recommend_with([article(**FULL)], None, Rules(markdown_budget=1_500.0))

    beside = recommend_with([article(**FULL), article(**LATE)], ["plan", "habit"], Rules(markdown_budget=1_500.0))

    assert beside.rows["recommended_price"].tolist() == [alone.rows["recommended_price"].iloc[0], 24.99]
    assert of(beside.price_path, 0)["price"].tolist() == of(alone.price_path, 0)["price"].tolist()


def test_an_article_that_is_sold_out_has_its_price_alone_and_keeps_it() -> None:
    """The habit would ask another one, which its menu does not have."""
    found = recommend_with([article(**{**LATE, "stock": 0})], ["habit"])

    row = found.rows.iloc[0]
    assert (row["recommended_price"], row["reason_code"], row["arm"]) == (49.99, "sold_out", "habit")
    assert found.options["price"].tolist() == [49.99]
