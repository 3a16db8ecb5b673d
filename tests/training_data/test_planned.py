"""What is taken of a plan, and what is passed over and said. None of it costs a country its prices."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing.training_data.planned import TakenPlan, plan_in_short, take_in_plan

WEEK = date(2026, 2, 9)
ARTICLES = pd.DataFrame(
    {
        "article_id": ["a", "b", "c"],
        "category": ["coats", "coats", "shoes"],
        "attr_promo": [0.0, 0.0, 0.0],
        "attr_event": ["none", "none", "none"],
    }
)


def ahead(weeks: int, days: int = 0) -> date:
    return WEEK + timedelta(weeks=weeks, days=days)


def plan(*rows: Sequence[Any], **columns: Any) -> pa.Table:
    """Rows of article_id, category, week and attr_promo; other columns in their place or beside them."""
    article, category, week, promo = zip(*rows, strict=True)
    made = {
        "article_id": pa.array(article, pa.string()),
        "category": pa.array(category, pa.string()),
        "week": pa.array(week, pa.date32()),
        "attr_promo": pa.array(promo, pa.float64()),
    }
    return pa.table({name: column for name, column in (made | columns).items() if column is not None})


def taken(table: pa.Table) -> TakenPlan:
    return take_in_plan(table, ARTICLES, WEEK)


def promotions(found: TakenPlan) -> dict[tuple[str, int], float]:
    """The planned value by article and weeks ahead."""
    rows = found.rows
    assert rows is not None
    weeks = (rows["week"] - pd.Timestamp(WEEK)).dt.days // 7
    return dict(zip(zip(rows["article_id"], weeks, strict=True), rows["attr_promo"], strict=True))


def test_an_article_s_own_row_wins_over_its_category_s() -> None:
    """Whatever their order. Take out: in _by_article let the category's row come first."""
    rows = [("a", None, ahead(2), 0.0), (None, "coats", ahead(2), 1.0), (None, "shoes", ahead(3), 1.0)]
    for order in (rows, rows[::-1]):
        found = taken(plan(*order))
        assert promotions(found) == {("a", 2): 0.0, ("b", 2): 1.0, ("c", 3): 1.0}
        assert found.notes == ()
        assert plan_in_short(found.rows) == "planned up to 2026-03-02: attr_promo of 3 articles"


def test_null_says_nothing_of_an_attribute() -> None:
    """Where an article's own row is silent, its category's speaks; where both are, nothing is planned."""
    event = pa.array(["sale", None, None])
    found = taken(
        plan(("a", None, ahead(1), None), (None, "coats", ahead(1), 1.0), ("c", None, ahead(1), None), attr_event=event)
    )
    assert found.rows is not None
    assert found.rows["article_id"].tolist() == ["a", "b"]
    assert found.rows["attr_promo"].tolist() == [1.0, 1.0]
    assert found.rows["attr_event"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            ("x", None, ahead(1), 1.0),
            "1 row for articles that are not priced this week, for example article_id x, week",
        ),
        (
            (None, "hats", ahead(1), 1.0),
            "1 row for categories of which no article is priced, for example category hats",
        ),
        (
            ("a", None, WEEK, 1.0),
            "1 row for the snapshot week or an earlier one, for example article_id a, week 2026-02",
        ),
        (("a", None, ahead(-3), 1.0), "1 row for the snapshot week or an earlier one"),
        (("a", None, ahead(1, 2), 1.0), "1 row for a day that is no Monday, for example article_id a, week 2026-02-18"),
        (("a", None, ahead(105), 1.0), "1 row for more than 104 weeks ahead"),
        (("a", None, None, 1.0), "1 row without a week, for example article_id a, week NULL"),
        (("a", "coats", ahead(1), 1.0), "1 row for neither an article nor a category, or for both"),
        ((None, None, ahead(1), 1.0), "1 row for neither an article nor a category, or for both"),
    ],
)
def test_a_row_that_says_nothing_of_a_week_to_come_is_passed_over_and_said(row, why) -> None:
    found = taken(plan(row, ("b", None, ahead(2), 1.0)))
    assert promotions(found) == {("b", 2): 1.0}
    assert len(found.notes) == 1
    assert why in found.notes[0]
    assert taken(plan(row)).rows is None


def test_rows_that_contradict_each_other_are_passed_over() -> None:
    """Nobody knows which of them is right; the same row twice is one."""
    twice = [("a", None, ahead(1), 1.0), ("a", None, ahead(1), 0.0), ("b", None, ahead(1), 1.0)]
    found = taken(plan(*twice, twice[-1]))
    assert promotions(found) == {("b", 1): 1.0}
    assert found.notes == (
        "What is planned has 2 rows that say different things of one week, for example a, week 2026-02-16; "
        "they are passed over.",
    )


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"attr_new": pa.array([1.0])}, "'attr_new' is left out: the snapshot does not have it"),
        ({"attr_event": pa.array([1.0])}, "'attr_event' is left out: it holds numbers, and texts in the snapshot"),
        ({"attr_promo": pa.array(["x"])}, "'attr_promo' is left out: it holds texts, and numbers in the snapshot"),
        ({"attr_promo": pa.array([[1.0]])}, "'attr_promo' is left out: its type is list<"),
        ({"attr_promo": pa.array([1e31])}, "'attr_promo' is left out: 1 values are beyond 1e+30"),
    ],
)
def test_an_attribute_that_cannot_be_used_is_left_out_and_said(columns, why) -> None:
    found = taken(plan(("a", None, ahead(1), 1.0), **columns))
    assert why in found.notes[0]
    assert (found.rows is None) == ("attr_promo" in columns)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"week": None}, "it needs the columns week, and article_id or category"),
        ({"article_id": None, "category": None}, "it needs the columns week, and article_id or category"),
        ({"week": pa.array(["2026-02-16"])}, "week has not the type that the contract says"),
        ({"article_id": pa.array([1])}, "article_id has not the type that the contract says"),
        ({"article_id": pa.array([b"\xff"]).view(pa.string())}, "no UTF-8"),
    ],
)
def test_a_plan_that_cannot_be_read_is_left_out_as_a_whole(columns, why) -> None:
    found = taken(plan(("a", None, ahead(1), 1.0), **columns))
    assert found.rows is None
    assert why in found.notes[0]


def test_a_column_without_any_value_may_have_no_type_and_a_column_may_be_missing() -> None:
    """pandas writes a column of None with the type null."""
    nothing = pa.nulls(1)
    assert promotions(taken(plan(("a", None, ahead(1), 1.0), category=nothing))) == {("a", 1): 1.0}
    assert promotions(taken(plan(("a", None, ahead(1), 1.0), category=None))) == {("a", 1): 1.0}
    quiet = taken(plan(("a", None, ahead(1), 1.0), attr_event=nothing))
    assert (promotions(quiet), quiet.notes) == ({("a", 1): 1.0}, ())


def test_an_empty_plan_is_none() -> None:
    found = taken(plan(("a", None, ahead(1), 1.0))[:0])
    assert found == TakenPlan(None)


def test_flags_and_whole_numbers_are_numbers() -> None:
    """NULL among them, too."""
    for values in (pa.array([True, None]), pa.array([1, None], pa.int8())):
        rows = taken(plan(("a", None, ahead(1), 1.0), ("b", None, ahead(1), 1.0), attr_promo=values)).rows
        assert rows is not None
        assert rows["attr_promo"].dtype == np.float64
        assert rows["article_id"].tolist() == ["a"]
