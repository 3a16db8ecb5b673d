"""Tables of a back-test, against figures worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.backtest.scores import (
    by_family,
    forecast_scores,
    gap_closed,
    leads,
    share_of_planner,
)

REVENUE = {
    "hold": (80.0, 90.0),
    "fixed_ladder": (88.0, 90.0),
    "plain_boosting": (95.0, 96.0),
    "mine": (98.0, 99.0),
    "planner": (100.0, 100.0),
}
SCORES = pd.DataFrame(
    {"family": family, "country": "DEU", "seed": 0, "policy": policy, "revenue": earned[place]}
    for place, family in enumerate(("steady", "fickle"))
    for policy, earned in REVENUE.items()
)


def test_shares_are_of_the_planner_in_the_same_market() -> None:
    shares = by_family(share_of_planner(SCORES))
    assert shares.loc["steady", "mine"] == pytest.approx(98)
    assert shares.loc["all", "hold"] == pytest.approx(85)


def test_leads_are_paired_by_market() -> None:
    ahead = leads(SCORES).set_index(["policy", "over"])
    assert ahead.loc[("mine", "fixed_ladder"), "mean"] == pytest.approx(100 * (98 / 88 - 1 + 99 / 90 - 1) / 2)
    assert ahead.loc[("mine", "plain_boosting"), "least"] == pytest.approx(100 * (99 / 96 - 1))
    assert ("hold", "fixed_ladder") not in ahead.index


def test_the_gap_closed_is_the_way_from_the_peer_to_the_planner() -> None:
    assert gap_closed(SCORES)["mine"].tolist() == pytest.approx([60, 75])


def test_forecasts_are_judged_on_all_weeks_and_after_cuts() -> None:
    rows = pd.DataFrame(
        {
            "actual": [10.0, 0.0, 5.0],
            "expected": [8.0, 1.0, 8.0],
            "q10": [4.0, 0.0, 5.0],
            "q90": [10.0, 3.0, 4.0],
            "cut": [False, False, True],
        }
    )
    found = forecast_scores(rows)
    assert found["wape"] == pytest.approx(6 / 15)
    assert found["bias"] == pytest.approx(2 / 15)
    assert found["wape_after_cut"] == pytest.approx(3 / 5)
    assert (found["below_q10"], found["at_q10"]) == (0.0, pytest.approx(2 / 3))
    assert (found["below_q90"], found["at_q90"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))


def test_without_forecasts_there_is_nothing_to_judge() -> None:
    none = pd.DataFrame(columns=["actual", "expected", "q10", "q90", "cut"])
    assert all(np.isnan(value) for value in forecast_scores(none).values())
