"""Sums of the ledger: what they count, and how far they may be off."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.columns import TOTAL_COLUMNS
from markdown_pricing.outcomes.totals import COMMON_SHARE, NINETEEN_IN_TWENTY, adherence, cost_of, totals

WEEK = date(2026, 2, 9)
NOW = datetime(2026, 2, 16, 9, tzinfo=UTC)


def outcomes(*costs: float, sd: float = 10.0, **changes: object) -> pd.DataFrame:
    """A row for each cost with hindsight, each of an article of its own; a cost of 0 was followed."""
    cost = np.array(costs)
    rows = pd.DataFrame(
        {
            "country": "DEU",
            "article_id": [f"A{number}" for number in range(len(cost))],
            "week": WEEK,
            "arm": None,
            "verdict": None,
            "decision_reason": None,
            "applied_price": 49.99,
            "state": np.where(cost == 0, "applied", "not_applied"),
            "followed": (cost == 0).astype(object),
            "units": 3.0,
            "revenue": 149.97,
            "expected_units": 4.0,
            "cost_ex_ante": cost + 1.0,
            "cost_hindsight": cost,
            "cost_low": cost - NINETEEN_IN_TWENTY * sd * (cost != 0),
            "cost_high": cost + NINETEEN_IN_TWENTY * sd * (cost != 0),
            "phase": "middle",
        }
    )
    return rows.assign(**changes)


def recommended(rows: pd.DataFrame, **changes: object) -> pd.DataFrame:
    return pd.DataFrame({"category": "coats", "stake": 50.0}, index=rows.index).assign(**changes)


def test_articles_err_apart_except_for_what_they_have_in_common() -> None:
    cost = cost_of(outcomes(100.0, 200.0, 300.0))

    sd = np.sqrt((1 - COMMON_SHARE) * 3 * 10.0**2 + COMMON_SHARE * 30.0**2)
    assert (cost.ex_ante, cost.hindsight) == (603.0, 600.0)
    assert (cost.low, cost.high) == pytest.approx((600 - NINETEEN_IN_TWENTY * sd, 600 + NINETEEN_IN_TWENTY * sd))


def test_the_weeks_of_one_article_err_together() -> None:
    cost = cost_of(outcomes(100.0, 200.0, article_id="A1"))

    assert cost.high - cost.hindsight == pytest.approx(NINETEEN_IN_TWENTY * 20.0)


def test_rows_without_a_cost_are_in_no_sum_and_counted() -> None:
    rows = outcomes(100.0, 200.0, 300.0)
    rows.loc[0, "cost_ex_ante"] = np.nan
    rows.loc[1, "applied_price"] = np.nan

    cost = cost_of(rows)

    assert (cost.hindsight, cost.rows, cost.not_valued) == (300.0, 2, 1)


def test_where_the_hindsight_of_a_row_is_not_known_the_sum_has_none() -> None:
    rows = outcomes(100.0, 200.0)
    rows.loc[0, ["cost_hindsight", "cost_low", "cost_high"]] = np.nan

    cost = cost_of(rows)

    assert cost.ex_ante == 302.0
    assert np.isnan([cost.hindsight, cost.low, cost.high]).all()


def test_without_a_cost_of_any_other_price_the_sums_are_not_known() -> None:
    """A sum over none would say that they cost nothing."""
    rows = outcomes(0.0, 100.0)
    rows.loc[1, "cost_ex_ante"] = np.nan

    cost = cost_of(rows)
    [total] = totals(rows, recommended(rows), "run", NOW).itertuples()

    assert np.isnan([cost.ex_ante, cost.hindsight, cost.low, cost.high]).all()
    assert (cost.rows, cost.not_valued) == (2, 1)
    assert np.isnan([total.cost_ex_ante, total.cost_hindsight, total.cost_low, total.cost_high]).all()
    assert cost_of(outcomes(0.0, 0.0)).hindsight == 0.0


def test_adherence_by_count_and_by_value() -> None:
    rows = outcomes(0.0, 100.0, 100.0, 100.0)

    assert adherence(rows, pd.Series([300.0, 50.0, 50.0, np.nan])) == (0.25, 0.75)


def test_an_unknown_price_is_neither_followed_nor_not() -> None:
    rows = outcomes(0.0, 100.0)
    rows["followed"] = [True, None]

    assert adherence(rows, pd.Series([0.0, 50.0])) == (1.0, pytest.approx(np.nan, nan_ok=True))


def test_a_total_for_each_category_verdict_reason_and_phase() -> None:
    rows = outcomes(0.0, 100.0, 50.0, verdict=[None, "rejected", "rejected"], decision_reason=[None, "other", "other"])
    made = totals(rows, recommended(rows, category=["coats", None, None]), "run", NOW)

    assert list(made.columns) == TOTAL_COLUMNS
    nobody, rejected = made.sort_values("verdict").itertuples()
    assert (nobody.category, nobody.verdict, nobody.decision_reason, nobody.followed) == ("coats", "none", "none", 1)
    assert (rejected.category, rejected.decision_reason, rejected.articles, rejected.followed) == ("", "other", 2, 0)
    assert (rejected.cost_ex_ante, rejected.cost_hindsight, rejected.stake, nobody.stake_followed) == (
        152,
        150,
        100,
        50,
    )
    assert rejected.cost_low < 150 < rejected.cost_high


def test_each_total_has_the_cost_of_its_own_rows_alone() -> None:
    """One category without a known price, one without any cost, one with a cost that is not known, and a full one."""
    rows = outcomes(10.0, 0.0, 20.0, 30.0, 40.0, 50.0, 60.0, sd=7.0)
    rows.loc[0, "applied_price"] = np.nan
    rows.loc[2, "cost_ex_ante"] = np.nan
    rows.loc[3, ["cost_hindsight", "cost_low", "cost_high"]] = np.nan
    category = np.array(["a", "b", "b", "c", "c", "d", "d"])

    made = totals(rows, recommended(rows, category=category), "run", NOW)

    alone = [cost_of(rows[category == name]) for name in made["category"]]
    assert list(made["category"]) == ["a", "b", "c", "d"]
    assert list(made["not_valued"]) == [each.not_valued for each in alone]
    for name in ("ex_ante", "hindsight", "low", "high"):
        np.testing.assert_array_equal(made[f"cost_{name}"], [round(getattr(each, name), 2) for each in alone])
    assert np.isnan(made["cost_ex_ante"]).tolist() == [True, True, False, False]
    assert made["cost_hindsight"].tolist()[3] == 110.0


def test_what_was_expected_is_compared_where_the_advice_was_followed() -> None:
    rows = outcomes(0.0, 100.0)

    [total] = totals(rows, recommended(rows), "run", NOW).itertuples()

    assert (total.units, total.expected_units, total.units_followed) == (6.0, 4.0, 3.0)


def test_sold_and_expected_are_of_the_same_rows() -> None:
    rows = outcomes(0.0, 0.0, 0.0)
    rows.loc[0, "units"] = np.nan
    rows.loc[1, "expected_units"] = np.nan

    [total] = totals(rows, recommended(rows), "run", NOW).itertuples()

    assert (total.expected_units, total.units_followed) == (4.0, 3.0)


def test_no_rows_give_no_totals() -> None:
    rows = outcomes()

    assert list(totals(rows, recommended(rows), "run", NOW).columns) == TOTAL_COLUMNS
    assert cost_of(rows).rows == 0
