"""Pictures that Dagster shows of a country are drawn of any country."""

import pandas as pd
import pytest

from markdown_pricing.charts import expected_and_actual_chart


@pytest.mark.parametrize("weeks", [0, 4])
def test_weeks_in_which_nothing_was_sold_can_be_drawn(weeks: int) -> None:
    """A country of one new article has no week to compare."""
    mondays = pd.date_range("2026-01-05", periods=weeks, freq="W-MON")
    picture = expected_and_actual_chart(pd.DataFrame({"week": mondays, "actual": 0.0, "expected": 0.0, "naive": 0.0}))

    assert picture.startswith(b"\x89PNG")
