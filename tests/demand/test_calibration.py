"""A bias is found where it is: far ahead, after a price change, at an age; and luck is not taken for one."""

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.demand.calibration import Bias, ages, biases, last_changes, out_of_place

WEEKS, ARTICLES = 4, 60


def foretold(expected: float = 100.0, **given: float) -> pd.DataFrame:
    """A week ahead, four weeks of articles that sell about 100 units each, long on sale at their first price."""
    week = np.repeat(pd.date_range("2026-01-05", periods=WEEKS, freq="W-MON"), ARTICLES)
    luck = np.random.default_rng(1).normal(0.0, 5.0, len(week))
    rows = pd.DataFrame({"week": week, "ahead": 0, "change": 0.0, "age": 20.0, "actual": 100.0 + luck})
    return rows.assign(expected=expected, **given)


def found(*rows: pd.DataFrame) -> dict[str, Bias]:
    return {one.group: one for one in biases(pd.concat(rows))}


def test_a_model_that_is_right_has_no_bias_out_of_place() -> None:
    assert out_of_place(biases(foretold())) == []


@pytest.mark.parametrize(
    ("change", "group"),
    [
        (-0.1, "after a cut below 20 %"),
        (-0.3, "after a cut of 20 % or more"),
        (0.1, "after a rise below 20 %"),
        (0.3, "after a rise of 20 % or more"),
    ],
)
def test_a_bias_after_a_price_change_is_found_beside_a_right_whole(change: float, group: str) -> None:
    """A tenth of the sales is expected a third too low; all sales together are not out of place."""
    few = foretold(expected=70.0, change=change).groupby("week").head(6)
    measured = found(foretold(), few)

    [said] = out_of_place(measured.values())
    assert said.group == group
    assert said.value == pytest.approx(-0.3, abs=0.02)
    assert said.units == pytest.approx(2400, rel=0.03)
    assert str(said).startswith(f"{group}: -")
    assert str(said).endswith("units in 4 weeks")


def test_bias_is_told_by_weeks_ahead_and_by_age_but_not_warned_of() -> None:
    """They are other cuts through the same weeks: more groups that are looked at would be more alarms by luck."""
    measured = found(foretold(), foretold(expected=150.0, ahead=3), foretold(expected=120.0, age=1.0))

    assert measured["4 weeks ahead"].value == pytest.approx(0.5, abs=0.02)
    assert measured["first 4 weeks"].value == pytest.approx(0.2, abs=0.02)
    assert measured["week 13 and later"].value == pytest.approx(0.0, abs=0.02)
    assert {one.group for one in out_of_place(measured.values())} == {"all sales, one week ahead"}


def test_weeks_that_differ_among_themselves_are_luck() -> None:
    """The same mean bias, once from every week and once from one of four."""
    each, one_week = foretold(expected=120.0), foretold()
    one_week.loc[one_week["week"] == one_week["week"].max(), "expected"] = 180.0

    assert len(out_of_place(biases(each))) == 1
    assert out_of_place(biases(one_week)) == []
    assert found(one_week)["all sales, one week ahead"].value == pytest.approx(0.2, abs=0.02)


def test_a_steady_but_small_bias_is_nobodys_concern() -> None:
    assert out_of_place(biases(foretold(expected=104.0))) == []
    assert len(out_of_place(biases(foretold(expected=107.0)))) == 1


def test_two_weeks_are_told_and_not_warned_of() -> None:
    rows = foretold(expected=200.0)
    measured = found(rows[rows["week"] < "2026-01-19"])

    assert measured["all sales, one week ahead"].interval == ""
    assert out_of_place(measured.values()) == []


def test_the_last_price_change_stays_until_the_next() -> None:
    """Of each article alone; cents are no change."""
    rows = pd.DataFrame({"article_id": list("aaaaab"), "price": [10.0, 8.0, 8.01, 8.0, 10.0, 5.0]})

    assert last_changes(rows) == pytest.approx([0.0, -0.2, -0.2, -0.2, 0.25, 0.0])


def test_age_counts_from_the_launch() -> None:
    rows = pd.DataFrame(
        {"week": pd.to_datetime(["2026-01-05", "2026-01-26"]), "launch_week": pd.to_datetime("2026-01-12")}
    )

    assert ages(rows).tolist() == [0.0, 2.0]
