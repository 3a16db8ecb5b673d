"""Sums of the ledger, with the interval of each sum. A single row's cost is a guess; a sum is what may be said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.codes import APPLIED, APPLIED_LATE, NOBODY
from markdown_pricing.columns import TOTAL_COLUMNS
from markdown_pricing.outcomes.states import has_other_price, is_followed

UNKNOWN_GROUP = ""
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
    [cost] = costs_of(outcomes, np.zeros(len(outcomes), dtype=np.int64), 1)
    return cost


def costs_of(outcomes: pd.DataFrame, group: IntArray, groups: int) -> list[Cost]:
    """The sums over the rows of each group, as `cost_of` gives them, from group 0 on.

    group : (rows,), the number of each row's group, below `groups`
    All groups are summed at once: with a frame for each of them a ledger took longer to sum than to ask its models.
    """
    known, has_cost = (outcomes[name].notna().to_numpy() for name in ("applied_price", "cost_ex_ante"))
    other = known & has_other_price(outcomes)
    rows, valued, others, others_valued = (
        np.bincount(group[flags], minlength=groups) for flags in (known, known & has_cost, other, other & has_cost)
    )
    summed, in_group = outcomes[known & has_cost], group[known & has_cost]
    ex_ante, hindsight = (
        np.bincount(in_group, summed[name].to_numpy(dtype=np.float64), groups)
        for name in ("cost_ex_ante", "cost_hindsight")
    )
    spread = NINETEEN_IN_TWENTY * _deviations(summed, in_group, groups)
    money = np.stack([ex_ante, hindsight, hindsight - spread, hindsight + spread], axis=1)
    money[(rows == 0) | ((others > 0) & (others_valued == 0))] = np.nan
    counts = rows.tolist(), (rows - valued).tolist()
    return [Cost(*of_group) for of_group in zip(*money.T.tolist(), *counts, strict=True)]


def _deviations(summed: pd.DataFrame, group: IntArray, groups: int) -> FloatArray:
    """The standard deviation of each group's sum, (groups,), from the interval of each row's cost."""
    width = (summed["cost_high"] - summed["cost_low"]).to_numpy(dtype=np.float64)
    deviations = pd.Series(width / (2 * NINETEEN_IN_TWENTY))
    by_article = deviations.groupby([group, summed["article_id"].to_numpy()]).sum(min_count=1)
    own = by_article.to_numpy(dtype=np.float64)
    of_article = by_article.index.get_level_values(0).to_numpy(dtype=np.int64)
    apart, together = (np.bincount(of_article, each, groups) for each in (own**2, own))
    return np.sqrt((1 - COMMON_SHARE) * apart + COMMON_SHARE * together**2)


def valued_others(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The rows with another price than the recommended one whose cost is in a sum."""
    return outcomes[has_other_price(outcomes) & outcomes["cost_ex_ante"].notna()]


def sold_and_expected(followed: pd.DataFrame) -> tuple[float, float]:
    """Units that were sold, and that were expected, both over the rows of which both are known."""
    both = followed[followed["units"].notna() & followed["expected_units"].notna()]
    return float(both["units"].sum()), float(both["expected_units"].sum())


def adherence(outcomes: pd.DataFrame, stakes: "pd.Series[float]") -> tuple[float, float]:
    """The share of the articles of which the recommendation was followed, and the same weighed by what was at stake.

    stakes : (rows,), in the order of the outcomes
    Both are over rows whose applied price is known, and NaN without any (or with nothing at stake).
    """
    known = outcomes["followed"].notna().to_numpy()
    followed = is_followed(outcomes)[known]
    stake = stakes.fillna(0.0).to_numpy(dtype=np.float64)[known]
    by_count = float(followed.mean()) if len(followed) else float("nan")
    by_value = float((stake * followed).sum() / stake.sum()) if stake.sum() > 0 else float("nan")
    return by_count, by_value


def totals(outcomes: pd.DataFrame, recommended: pd.DataFrame, run_id: str, computed_at: datetime) -> pd.DataFrame:
    """TOTAL_COLUMNS of one week: a row for each category, verdict, reason and phase.

    outcomes : OUTCOME_COLUMNS ; recommended : the rows that they came from, in the same order
    """
    keyed = outcomes.assign(
        category=recommended["category"].fillna(UNKNOWN_GROUP).astype(str).to_numpy(),
        verdict=outcomes["verdict"].fillna(NOBODY),
        decision_reason=outcomes["decision_reason"].fillna(NOBODY),
        phase=outcomes["phase"].fillna(UNKNOWN_GROUP),
        stake=pd.to_numeric(recommended["stake"]).fillna(0.0).to_numpy(),
    )
    if keyed.empty:
        return pd.DataFrame(columns=TOTAL_COLUMNS)
    sums = _summed(keyed).groupby([keyed[name] for name in KEY], sort=True).sum()
    group = keyed.groupby(KEY, sort=True).ngroup().to_numpy(dtype=np.int64)
    money = sums[["revenue", "stake", "stake_followed"]].round(2)
    costs = _columns_of(costs_of(keyed, group, len(sums)))
    made = sums.assign(**money, **costs, run_id=run_id, computed_at=computed_at)
    return made.reset_index()[TOTAL_COLUMNS]


def _summed(keyed: pd.DataFrame) -> pd.DataFrame:
    """What each row adds to the columns of its total that are plain sums."""
    known = keyed["applied_price"].notna()
    followed = known & is_followed(keyed)
    compared = followed & keyed["units"].notna() & keyed["expected_units"].notna()
    counts = {
        "articles": pd.Series(True, index=keyed.index),
        "known": known,
        "followed": followed,
        "applied": known & keyed["state"].isin([APPLIED, APPLIED_LATE]),
    }
    return pd.DataFrame(
        {
            **{name: flags.astype(np.int64) for name, flags in counts.items()},
            "units": keyed["units"],
            "revenue": keyed["revenue"],
            "expected_units": keyed["expected_units"].where(compared, 0.0),
            "units_followed": keyed["units"].where(compared, 0.0),
            "stake": keyed["stake"].where(known, 0.0),
            "stake_followed": keyed["stake"].where(followed, 0.0),
        }
    )


def _columns_of(costs: Sequence[Cost]) -> dict[str, list[float]]:
    """The columns of totals that tell the costs, to the cent, and how many rows have none."""
    return {
        "not_valued": [each.not_valued for each in costs],
        "cost_ex_ante": [round(each.ex_ante, 2) for each in costs],
        "cost_hindsight": [round(each.hindsight, 2) for each in costs],
        "cost_low": [round(each.low, 2) for each in costs],
        "cost_high": [round(each.high, 2) for each in costs],
    }
