"""What blocks a refresh and what only warns."""

import pandas as pd
import pytest

from markdown_pricing.markdown.acceptance import (
    NotAcceptable,
    Objection,
    check_every_article_has_a_row,
    check_new_prices,
    check_number_of_rows,
    refuse_unless_acceptable,
)
from markdown_pricing.markdown.rules import Override, RuleBook
from tests.markdown.seasons import DEU, article, frames


def rows(**recommended: float) -> pd.DataFrame:
    return pd.DataFrame({"article_id": list(recommended), "recommended_price": list(recommended.values())})


SNAPSHOT, _ = frames([article(), article(salvage=30.0), article(37.50)])


def test_each_article_of_the_snapshot_needs_a_row() -> None:
    """The missing are counted and one is named."""
    some = pd.DataFrame({"article_id": ["0001"], "recommended_price": [49.99]})

    (fault,) = check_every_article_has_a_row(some, SNAPSHOT)
    assert (fault.severity, fault.count, fault.example) == ("block", 2, "0000")


@pytest.mark.parametrize(
    ("now", "before", "severity"),
    [
        (100, 100, None),
        (90, 100, None),
        (89, 100, "warn"),
        (50, 100, "warn"),
        (49, 100, "block"),
        (0, 100, "block"),
        (500, 100, None),
        (5, 0, None),
        (5, None, None),
    ],
)
def test_fewer_rows_than_the_last_other_week(now: int, before: int | None, severity: str | None) -> None:
    """More than a tenth fewer warns, more than half fewer blocks, the edges themselves pass."""
    assert [fault.severity for fault in check_number_of_rows(now, before)] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ({"0000": 44.99, "0001": 34.99, "0002": 37.50}, []),
        ({"0000": 59.99}, ["new prices are above the current price", "new prices are on no rung of the ladder"]),
        ({"0000": 44.95}, ["new prices are on no rung of the ladder"]),
        ({"0001": 29.99}, ["new prices are below salvage_price"]),
        ({"0002": 37.49}, ["new prices are on no rung of the ladder"]),
    ],
)
def test_new_prices_keep_the_ladder_the_current_price_and_salvage(price: dict[str, float], expected: list[str]) -> None:
    """A price that is kept is never a fault, on the ladder or not."""
    faults = check_new_prices(rows(**price), SNAPSHOT, DEU, RuleBook())

    assert [fault.what for fault in faults] == expected
    assert {fault.severity for fault in faults} <= {"block"}


def test_a_price_of_nothing_never_passes() -> None:
    """Not even one that is kept."""
    free = SNAPSHOT.assign(price=0.004)
    faults = check_new_prices(rows(**{"0000": 0.004}), free, DEU, RuleBook())

    assert [fault.what for fault in faults] == ["recommended prices are below one cent"]


def test_the_ladder_is_that_of_the_article_s_own_rules() -> None:
    """An override for the category changes what is on it."""
    book = RuleBook(overrides=(Override(None, "coats", {"discounts_pct": (25,)}),))

    assert check_new_prices(rows(**{"0000": 37.95}), SNAPSHOT, DEU, RuleBook()) != []
    assert check_new_prices(rows(**{"0000": 37.95}), SNAPSHOT, DEU, book) == []


def test_faults_that_block_are_raised_together_and_warnings_pass() -> None:
    """Each fault has its count and an example."""
    warning = Objection("warn", "rows fewer", 11, "89 against 100")
    refuse_unless_acceptable([warning])

    with pytest.raises(NotAcceptable) as caught:
        refuse_unless_acceptable(
            [warning, Objection("block", "prices above", 3, "4711"), Objection("block", "rows missing", 2, "8")]
        )
    assert "3 prices above, for example 4711" in str(caught.value)
    assert "2 rows missing, for example 8" in str(caught.value)
    assert "89" not in str(caught.value)
