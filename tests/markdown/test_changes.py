"""What changed since last week, told in a sentence, and how steady the plans are."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.markdown.changes import RULES_VERSION, Stability, change_reasons, stability
from markdown_pricing.texts.words import day
from tests.markdown.seasons import WEEK, article, monday, recommend_for

LAST = monday(-1)
HISTORY = pd.DataFrame({"article_id": [], "week": pd.to_datetime([]), "units": []})


def row(week: date = WEEK, **own: Any) -> dict[str, Any]:
    """A row that keeps 49.99 of a list price of 49.99, with a markdown to 39.99 planned in three weeks."""
    return {
        "country": "DEU",
        "article_id": "1",
        "week": week,
        "list_price": 49.99,
        "current_price": 49.99,
        "recommended_price": 49.99,
        "action": "keep",
        "stock": 90 if week == WEEK else 100,
        "expected_units": 10.0,
        "expected_units_q10": 5.0,
        "expected_units_q90": 15.0,
        "end_week": monday(8),
        "next_markdown_week": monday(3),
        "next_markdown_price": 39.99,
        "elasticity": 2.0,
        "elasticity_se": 0.1,
        "model_grade": "A",
        "model_version": "log_linear 1",
        **own,
    }


def told(
    now: dict[str, Any] | None = None, then: dict[str, Any] | None = None, sold: float | None = None
) -> str | None:
    """The sentence on a row of now, made of `row` and what is given, after one of the week before."""
    history = HISTORY
    if sold is not None:
        history = pd.DataFrame({"article_id": ["1"], "week": [pd.Timestamp(LAST)], "units": [sold]})
    earlier = pd.DataFrame([row(**{"week": LAST, **(then or {})})])
    found: str | None = change_reasons(pd.DataFrame([row(**(now or {}))]), earlier, history, "EUR", "rules 1")[0]
    return found


def marked(price: float, **own: Any) -> dict[str, Any]:
    return {"action": "markdown", "recommended_price": price, "next_markdown_week": None, **own}


def test_an_article_without_a_row_last_week_has_nothing_to_tell() -> None:
    """NULL, as for a whole country that was not priced before."""
    assert told(then={"article_id": "2"}) is None
    assert change_reasons(pd.DataFrame([row()]), None, HISTORY, "EUR", "")[0] is None


def test_a_week_in_which_nothing_changed_says_so() -> None:
    assert told() == "Nothing changed since the week of 2 Feb 2026; the plan is as it was."
    assert told(marked(39.99), {"next_markdown_week": WEEK}) == (
        "As planned in the week of 2 Feb 2026, it is marked down now."
    )


@pytest.mark.parametrize(
    ("now", "then", "says"),
    [
        ({"current_price": 39.99}, marked(39.99), "the markdown to 39.99 EUR was taken"),
        (marked(39.99), marked(39.99), "the markdown to 39.99 EUR was not taken; so it is recommended again"),
        ({"current_price": 44.99}, {}, "the price is 44.99 EUR, not the 49.99 recommended"),
        ({"stock": 60}, {}, "40 units were sold, more than the 5 to 15 expected"),
        ({"stock": 98}, {}, "2 units were sold, fewer than the 5 to 15 expected"),
        ({"stock": 0}, {"stock": 12}, "it sold out"),
        ({"end_week": monday(6)}, {}, "its last selling day moved from 12 Apr 2026 to 29 Mar 2026"),
        ({"end_week": LAST}, {"end_week": LAST}, "its last selling day has passed"),
        ({"list_price": 59.99}, {}, "the list price went from 49.99 to 59.99 EUR"),
        ({"model_grade": "C"}, {}, "the model's grade went from A to C"),
        ({"model_version": "plain_boosting 2"}, {}, "the demand model is plain_boosting, no longer log_linear"),
        (
            {"elasticity": 2.6},
            {},
            "more sensitive to price than thought (30 % off sells about 2.5 times as many, not 2.0)",
        ),
        ({}, {RULES_VERSION: "rules 0"}, "the pricing rules were changed"),
    ],
)
def test_what_happened_is_named(now: dict[str, Any], then: dict[str, Any], says: str) -> None:
    assert says in str(told(now, then))


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ({"model_version": "log_linear 2"}, {}),
        ({"elasticity": 2.1}, {}),
        ({"elasticity": 2.6}, {"elasticity_se": 0.8}),
        ({"elasticity": np.nan, "elasticity_se": np.nan}, {}),
        ({}, {RULES_VERSION: "rules 1"}),
        ({}, {RULES_VERSION: ""}),
    ],
)
def test_what_is_no_news_is_not_told(now: dict[str, Any], then: dict[str, Any]) -> None:
    """Another fit of the same model, a response within its error, rules that are the same or not known."""
    assert told(now, then) == "Nothing changed since the week of 2 Feb 2026; the plan is as it was."


def test_units_on_their_way_are_news_and_the_plan_follows_from_them() -> None:
    """In the week after they are stock, and told as that."""
    now = {"stock_to_come": 400, "next_markdown_week": monday(1)}

    assert told(now) == (
        f"Since the week of {day(LAST)}: 400 units are on their way; so the next markdown comes 2 weeks earlier, "
        f"in the week of {day(monday(1))}."
    )
    assert "1 unit is on its way" in str(told({"stock_to_come": 1}))
    assert told({"stock_to_come": 0}) == told()


def test_a_row_s_change_reason_knows_what_is_on_its_way() -> None:
    last = recommend_for(article(stock=60)).rows.assign(week=LAST)

    made = recommend_for(article(stock=50, stock_to_come=340), last_rows=last).rows.iloc[0]

    assert "340 units are on their way" in made.change_reason


def test_sales_are_told_from_deliveries() -> None:
    """What was sold stands in the history; the stock alone would hide it."""
    assert "30 units came into stock" in str(told({"stock": 120}, sold=10))
    assert "40 units were sold, more than" in str(told({"stock": 120}, sold=40))


def test_fewer_sales_at_a_price_above_the_recommended_one_are_no_surprise() -> None:
    assert "fewer" not in str(told({"stock": 99}, marked(29.99)))


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ({"next_markdown_week": monday(1)}, "the next markdown comes 2 weeks earlier, in the week of 16 Feb 2026."),
        ({"next_markdown_week": monday(4)}, "the next markdown comes 1 week later, in the week of 9 Mar 2026."),
        ({"next_markdown_price": 29.99}, "goes to 29.99 instead of 39.99 EUR."),
        (marked(29.99), "the next markdown comes 3 weeks earlier, now, and goes to 29.99 instead of 39.99 EUR."),
        ({"next_markdown_week": None}, "the markdown to 39.99 EUR that was planned is dropped."),
    ],
)
def test_a_plan_that_moved_says_where_to_and_why(now: dict[str, Any], says: str) -> None:
    """Sales that were a surprise explain it, else the newer forecast does."""
    assert "sales were within what was expected, and by the newer forecast" in str(told(now))
    assert str(told(now)).endswith(says)
    because = str(told({**now, "stock": 60}))
    assert because.endswith(f"expected; so {says}" if "instead" not in says else says)


def test_a_markdown_that_is_due_goes_to_another_price() -> None:
    found = told(marked(29.99, stock=98), {"next_markdown_week": WEEK})

    assert str(found).endswith("expected; so the markdown due now goes to 29.99 instead of 39.99 EUR.")


def test_a_markdown_that_is_new_in_the_plan() -> None:
    assert str(told(marked(39.99), {"next_markdown_week": None})).endswith(
        "a markdown to 39.99 EUR now is new in the plan."
    )


def test_weeks_between_say_nothing_of_sales() -> None:
    """After a gap nobody knows what was to be expected of the time between."""
    assert told({"stock": 10}, {"week": monday(-3)}) == (
        "Nothing changed since the week of 19 Jan 2026; the plan is as it was."
    )


def steadiness(*steps: tuple[dict[str, Any], dict[str, Any]], last: date = LAST) -> Stability | None:
    now = pd.DataFrame([row(article_id=str(place), **step[0]) for place, step in enumerate(steps)])
    then = pd.DataFrame([row(last, article_id=str(place), **step[1]) for place, step in enumerate(steps)])
    return stability(now, then, HISTORY)


def test_the_stability_counts_changes_that_sales_do_not_explain() -> None:
    """Prices not taken, sold-out articles and planned markdowns are no changes of plan."""
    as_planned = marked(39.99), {"next_markdown_week": WEEK}
    unexplained, explained = (marked(39.99), {}), (marked(39.99, stock=60), {})
    not_taken, sold_out = ({}, marked(39.99)), ({"stock": 0}, {})

    assert steadiness(({}, {}), as_planned, unexplained, explained, not_taken, sold_out) == Stability(4, 2, 1)
    assert Stability(4, 2, 1).unexplained_pct == 25.0


def test_there_is_no_stability_without_the_week_before() -> None:
    assert stability(pd.DataFrame([row()]), None, HISTORY) is None
    assert steadiness(({}, {}), last=monday(-2)) is None
    assert steadiness(({}, marked(39.99))) is None


def test_last_week_changes_no_price() -> None:
    """Only change_reason is filled by it."""
    articles = article(stock=400), article({-1: 49.99, 0: 44.99}, stock=2_000), article(stock=0)
    alone = recommend_for(*articles)
    then = alone.rows.assign(week=LAST, recommended_price=12.34, next_markdown_price=1.0, stock=7)

    beside = recommend_for(*articles, last_rows=then)

    assert alone.rows["change_reason"].tolist() == [None, None, None]
    assert all(isinstance(reason, str) for reason in beside.rows["change_reason"])
    pd.testing.assert_frame_equal(*(each.rows.drop(columns="change_reason") for each in (alone, beside)))
    pd.testing.assert_frame_equal(alone.price_path, beside.price_path)
    assert recommend_for(*articles, last_rows=then.head(1)).rows["change_reason"].tolist()[1:] == [None, None]
