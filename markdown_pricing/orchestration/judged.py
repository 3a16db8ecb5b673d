"""What the page of `outcomes` says: adherence, and what other prices than the advised ones cost, as sums only.

What may not be said is not printed: no cost of a single decision, nobody's name, no cost without its interval, and
nothing as saved, for which there would have to be a comparison.
"""

from collections.abc import Sequence

import dagster as dg
import pandas as pd

from markdown_pricing.countries import Country
from markdown_pricing.decisions.decision import ACCEPTED, CHANGED
from markdown_pricing.orchestration.figures import IN_SHORT, NOT_KNOWN, Figure, Metadata
from markdown_pricing.outcomes.states import NOT_APPLIED, STATES
from markdown_pricing.outcomes.totals import Cost, adherence, cost_of
from markdown_pricing.sold_weeks import Outcomes
from markdown_pricing.words import counted
from markdown_pricing.worth import rounded

ADHERENCE = Figure("adherence_pct", "Advice followed (% of the articles)", "%")
ADHERENCE_BY_VALUE = Figure("adherence_by_value_pct", "Advice followed (% of what was at stake)", "%")
OVERRIDES = Figure("overrides", "Other prices were asked", "articles")
DECIDED = Figure("decided", "Accepted or changed by somebody", "articles")
DECIDED_NOT_APPLIED = Figure("decided_not_applied", "Of these not applied", "articles")
WITHOUT_COST = Figure("without_cost_pct", "Without a cost that could be found (%)", "%")
SOLD_OF_EXPECTED = Figure("sold_of_expected_pct", "Sold of what was expected, where followed (%)", "%")
COST, COST_OF_WEEKS = "Cost of the other prices", "The same of the last weeks"


def figures_of_ledger(week: Outcomes, last_weeks: Sequence[pd.DataFrame], country: Country) -> Metadata:
    """The figures of one week's ledger; `last_weeks` are OUTCOME_COLUMNS of the weeks in the ERP."""
    rows = week.rows
    stakes = pd.Series(pd.to_numeric(week.advised["stake"]).to_numpy())
    by_count, by_value = adherence(rows, stakes)
    cost, known = cost_of(rows), rows[rows["followed"].notna()]
    followed = known[known["followed"] == True]  # noqa: E712 (None is neither)
    expected = float(followed["expected_units"].sum())
    figures = {
        ADHERENCE: 100 * by_count,
        ADHERENCE_BY_VALUE: 100 * by_value,
        WITHOUT_COST: 100 * cost.not_valued / cost.rows if cost.rows else float("nan"),
        SOLD_OF_EXPECTED: 100 * float(followed["units"].sum()) / expected if expected > 0 else float("nan"),
    }
    others, decided = len(known) - len(followed), rows[rows["verdict"].isin([ACCEPTED, CHANGED])]
    told = _told(cost, country)
    states = rows["state"].value_counts()
    return {
        IN_SHORT: (
            f"The advice was followed for {len(followed):,} of {counted(len(known), 'article')}. "
            f"{others:,} had another price; what that cost the plan: {told}."
        ),
        **{figure.label: round(value, 2) if value == value else NOT_KNOWN for figure, value in figures.items()},
        OVERRIDES.label: others,
        DECIDED.label: len(decided),
        DECIDED_NOT_APPLIED.label: int((decided["state"] == NOT_APPLIED).sum()),
        COST: told,
        COST_OF_WEEKS: _told(cost_of(pd.concat(last_weeks, ignore_index=True)), country) if last_weeks else NOT_KNOWN,
        "Weeks in these": len(last_weeks),
        **{f"Articles {state.replace('_', ' ')}": int(states.get(state, 0)) for state in STATES},
        "dagster/row_count": len(rows),
        "What it means": dg.MetadataValue.text(
            "A sum by our own model, of prices that were not asked: no fact of a single article, and no saving."
        ),
    }


def _told(cost: Cost, country: Country) -> str:
    """The cost with hindsight and its interval; not known without an interval, which needs a later model."""
    if cost.low != cost.low:
        return NOT_KNOWN
    low, middle, high = (f"{rounded(value):,.0f}" for value in (cost.low, cost.hindsight, cost.high))
    return f"{middle} {country.currency}, and with 9 chances in 10 between {low} and {high}"
