"""Sums of the ledger, with the interval of each sum. A single row's cost is a guess; a sum is what may be said."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from markdown_pricing.columns import TOTAL_COLUMNS
from markdown_pricing.outcomes.states import APPLIED, APPLIED_LATE, FloatArray

NOBODY, UNKNOWN_GROUP = "none", ""
KEY = ["country", "category", "week", "verdict", "decision_reason", "phase"]
NINETEEN_IN_TWENTY = 1.6449
"""The deviation that a normally distributed value stays below nineteen times in twenty."""
COMMON_SHARE = 0.1
"""The share of the variance of two articles' costs that they have in common, because one model values both: its
calendar and its price response by category. Chosen on 2026-11-28 by judgement; `bench/ledger.py` measures what it
gives."""


@dataclass(frozen=True)
class Cost:
    """The cost of prices that were not the recommended ones, summed, in local currency.

    ex_ante : by each week's own menu ; hindsight, low, high : by a model that has seen what sold since, with a 90 %
        interval; NaN where that is not known of all rows. All are NaN where no row is
        known, or of no other price a cost
    rows, not_valued : how many rows are known, and of how many of them the cost could not be found
    """

    ex_ante: float
    hindsight: float
    low: float
    high: float
    rows: int
    not_valued: int


def cost_of(outcomes: pd.DataFrame) -> Cost:
    """The sum over rows of OUTCOME_COLUMNS, of any weeks of one country.

    An article's weeks err together, as its level is misjudged in all of them; articles err apart, except for a share
    that they have in common.
    """
    known = outcomes[outcomes["applied_price"].notna()]
    valued = known[known["cost_ex_ante"].notna()]
    if known.empty or (valued_others(known).empty and not other_prices(known).empty):
        nothing = float("nan")
        return Cost(nothing, nothing, nothing, nothing, len(known), len(known) - len(valued))
    cost, low, high = (valued[name].to_numpy(dtype=np.float64) for name in ("cost_hindsight", "cost_low", "cost_high"))
    deviations = (high - low) / (2 * NINETEEN_IN_TWENTY)
    own = pd.Series(deviations).groupby(valued["article_id"].to_numpy()).sum(min_count=1).to_numpy(dtype=np.float64)
    spread = NINETEEN_IN_TWENTY * _deviation(own)
    hindsight = float(cost.sum())
    return Cost(
        float(valued["cost_ex_ante"].sum()),
        hindsight,
        hindsight - spread,
        hindsight + spread,
        len(known),
        len(known) - len(valued),
    )


def other_prices(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The rows of which another price than the recommended one was asked."""
    return outcomes[outcomes["followed"] == False]  # noqa: E712 (None is neither)


def valued_others(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Those of the other prices whose cost is in a sum."""
    others = other_prices(outcomes)
    return others[others["cost_ex_ante"].notna()]


def sold_and_expected(followed: pd.DataFrame) -> tuple[float, float]:
    """Units that were sold, and that were expected, both over the rows of which both are known."""
    both = followed[followed["units"].notna() & followed["expected_units"].notna()]
    return float(both["units"].sum()), float(both["expected_units"].sum())


def _deviation(own: FloatArray) -> float:
    """The standard deviation of the sum of articles' costs, from that of each article."""
    return float(np.sqrt((1 - COMMON_SHARE) * (own**2).sum() + COMMON_SHARE * own.sum() ** 2))


def adherence(outcomes: pd.DataFrame, stakes: "pd.Series[float]") -> tuple[float, float]:
    """The share of the articles of which the advice was followed, and the same weighed by what was at stake.

    stakes : (rows,), in the order of the outcomes
    Both are over rows whose applied price is known, and NaN without any (or with nothing at stake).
    """
    known = outcomes["followed"].notna().to_numpy()
    followed = (outcomes["followed"] == True).to_numpy()[known]  # noqa: E712 (None is neither)
    stake = stakes.fillna(0.0).to_numpy(dtype=np.float64)[known]
    by_count = float(followed.mean()) if len(followed) else float("nan")
    by_value = float((stake * followed).sum() / stake.sum()) if stake.sum() > 0 else float("nan")
    return by_count, by_value


def totals(outcomes: pd.DataFrame, advised: pd.DataFrame, run_id: str, computed_at: datetime) -> pd.DataFrame:
    """TOTAL_COLUMNS of one week: a row for each category, verdict, reason and phase.

    outcomes : OUTCOME_COLUMNS ; advised : the rows of markdown_recommendations that they came from, in the same order
    """
    keyed = outcomes.assign(
        category=advised["category"].fillna(UNKNOWN_GROUP).astype(str).to_numpy(),
        verdict=outcomes["verdict"].fillna(NOBODY),
        decision_reason=outcomes["decision_reason"].fillna(NOBODY),
        phase=outcomes["phase"].fillna(UNKNOWN_GROUP),
        stake=pd.to_numeric(advised["stake"]).fillna(0.0).to_numpy(),
    )
    sums = [
        {**dict(zip(KEY, key, strict=True)), **_sums(group), "run_id": run_id, "computed_at": computed_at}
        for key, group in keyed.groupby(KEY, sort=True)
    ]
    return pd.DataFrame(sums, columns=TOTAL_COLUMNS)


def _sums(group: pd.DataFrame) -> dict[str, object]:
    known, cost = group[group["applied_price"].notna()], cost_of(group)
    followed = known[known["followed"] == True]  # noqa: E712 (None is neither)
    sold, expected = sold_and_expected(followed)
    return {
        "articles": len(group),
        "known": len(known),
        "followed": len(followed),
        "applied": int(known["state"].isin([APPLIED, APPLIED_LATE]).sum()),
        "not_valued": cost.not_valued,
        "units": float(group["units"].sum()),
        "revenue": round(float(group["revenue"].sum()), 2),
        "expected_units": expected,
        "units_followed": sold,
        "stake": round(float(known["stake"].sum()), 2),
        "stake_followed": round(float(followed["stake"].sum()), 2),
        "cost_ex_ante": round(cost.ex_ante, 2),
        "cost_hindsight": round(cost.hindsight, 2),
        "cost_low": round(cost.low, 2),
        "cost_high": round(cost.high, 2),
    }
