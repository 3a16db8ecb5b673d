"""A week is censored when stock cut its sales off."""

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.training_data.stockouts import mark_stockouts


def censored(stock: list[int], units: list[float], weeks: list[int] | None = None) -> list[bool]:
    """One article; `weeks` are numbered from 0, and units NaN in the snapshot week."""
    numbers = np.arange(len(stock)) if weeks is None else np.array(weeks)
    week = np.datetime64("2026-01-05", "s") + numbers * np.timedelta64(7, "D")
    frame = pd.DataFrame({"article_id": "a", "week": week, "stock": stock, "units": units})
    return mark_stockouts(frame)["censored"].tolist()


@pytest.mark.parametrize(
    ("stock", "units", "expected"),
    [
        ([9, 6], [3, np.nan], [False, False]),
        ([9, 0], [9, np.nan], [True, True]),
        ([9, 0], [8, np.nan], [True, True]),
        ([9, 0, 0], [9, 0, np.nan], [True, True, True]),
        ([5, 13], [12, np.nan], [False, False]),
        ([5, 8], [5, np.nan], [True, False]),
        ([9, 10], [-1, np.nan], [False, False]),
    ],
    ids=[
        "stock left",
        "all sold",
        "none next week",
        "nothing to sell",
        "delivered within",
        "sold, then delivered",
        "returns",
    ],
)
def test_a_week_is_censored_when_demand_may_have_been_more(stock, units, expected) -> None:
    assert censored(stock, units) == expected


def test_a_missing_week_proves_nothing() -> None:
    """Stock 0 two weeks later does not say that this week sold out."""
    assert censored([9, 0], [4, np.nan], weeks=[0, 2]) == [False, True]


def test_another_article_in_the_next_row_is_not_the_next_week() -> None:
    week = np.array(["2026-01-05", "2026-01-12"], dtype="datetime64[s]")
    frame = pd.DataFrame({"article_id": ["a", "b"], "week": week, "stock": [9, 0], "units": [4.0, 0.0]})
    assert mark_stockouts(frame)["censored"].tolist() == [False, True]


def test_the_week_after_is_of_the_same_article() -> None:
    week = np.datetime64("2026-01-05", "s") + np.array([0, 7, 7, 14]) * np.timedelta64(1, "D")
    frame = pd.DataFrame({"article_id": ["a", "a", "b", "b"], "week": week, "stock": [9, 5, 0, 5], "units": [1.0] * 4})
    assert mark_stockouts(frame)["censored"].tolist() == [False, False, True, False]
