"""What the page of `outcomes` says: adherence, and what other prices than the recommended ones cost, as sums only.

What may not be said is not printed: no cost of a single decision, nobody's name, no cost without its interval, and
nothing as saved, for which there would have to be a comparison.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from markdown_pricing.codes import ACCEPTED, CHANGED, NOT_APPLIED, ON_HABIT, STATES
from markdown_pricing.countries import Country
from markdown_pricing.kept.sold_weeks import Outcomes
from markdown_pricing.orchestration.figures import IN_SHORT, NOT_KNOWN, Figure, Metadata
from markdown_pricing.outcomes.states import is_followed
from markdown_pricing.outcomes.totals import Cost, adherence, cost_of, sold_and_expected, valued_others
from markdown_pricing.texts.words import counted
from markdown_pricing.worth import rounded

ADHERENCE = Figure("adherence_pct", "Advice followed (% of the articles)", "%")
ADHERENCE_BY_VALUE = Figure("adherence_by_value_pct", "Advice followed (% of what was at stake)", "%")
OVERRIDES = Figure("overrides", "Other prices were asked", "articles")
DECIDED = Figure("decided", "Accepted or changed by somebody", "articles")
DECIDED_NOT_APPLIED = Figure("decided_not_applied", "Of these not applied", "articles")
WITHOUT_COST = Figure("without_cost_pct", "Without a cost that could be found (%)", "%")
HELD = Figure("held_on_habit", "Held on the old habit for a comparison", "articles")
LEFT_ALONE = Figure("left_alone_pct", "Of these left at its price (%)", "%")
SOLD_OF_EXPECTED = Figure("sold_of_expected_pct", "Sold of what was expected, where followed (%)", "%")
COST, COST_OF_WEEKS = "Cost of the other prices", "The same of the last weeks"
WEEKS_IN_THESE, WEEKS_WITHOUT = "Weeks in these", "Weeks whose cost is not known"
SUMS = "Sums for the digest"
FEWEST = 10
"""The cost of fewer prices is not said, as it would be that of single decisions. Chosen on 2026-11-28."""
TOO_FEW = f"not said of fewer than {FEWEST} prices"


@dataclass(frozen=True)
class Sums:
    """What a country's ledger of one week adds to that of all countries; money in euros, None where that is not known.

    known, followed : articles whose price is known, and those that were sold as recommended
    cost, half : the cost of the other prices with hindsight, and half the width of its 90 % interval
    """

    known: int
    followed: int
    stake: float | None
    stake_followed: float | None
    cost: float | None
    half: float | None

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> "Sums | None":
        """Those that `figures_of_ledger` has recorded; None where there are none that can be read."""
        try:
            return cls(**metadata[SUMS])
        except (KeyError, TypeError):
            return None


def sentence_of_ledgers(countries: Sequence[Sums], week: date) -> str:
    """How far that week was priced as recommended in all countries, and what other prices cost; empty if not known.

    Money of countries without a rate in euros is in no sum.
    """
    known, followed = sum(each.known for each in countries), sum(each.followed for each in countries)
    if not known:
        return ""
    said = f"Of the week of {week}: the advice was followed for {followed:,} of {counted(known, 'article')}"
    said += f" ({100 * followed / known:.0f} %)"
    if stake := sum(each.stake or 0.0 for each in countries):
        share = 100 * sum(each.stake_followed or 0.0 for each in countries) / stake
        said += f"; by what was at stake {share:.0f} %"
    costs = [(each.cost, each.half) for each in countries if each.cost is not None and each.half is not None]
    if not costs:
        return f"{said}."
    # Each country has a model of its own, so that their errors are taken for independent.
    cost, half = sum(each for each, _ in costs), math.hypot(*(each for _, each in costs))
    low, middle, high = (f"{rounded(each):,.0f}" for each in (cost - half, cost, cost + half))
    return (
        f"{said}. What the other prices cost the plan, in {counted(len(costs), 'country')}: {middle} EUR, and with 9 "
        f"chances in 10 between {low} and {high}."
    )


def figures_of_ledger(week: Outcomes, last_weeks: Sequence[pd.DataFrame], country: Country) -> Metadata:
    """The figures of one week's ledger.

    last_weeks : OUTCOME_COLUMNS of the weeks in the ERP that have the same currency
    """
    rows = week.rows
    stakes = pd.Series(pd.to_numeric(week.recommended["stake"]).to_numpy())
    by_count, by_value = adherence(rows, stakes)
    cost, known = cost_of(rows), rows[rows["followed"].notna()]
    followed = known[is_followed(known)]
    sold, expected = sold_and_expected(followed)
    figures = {
        ADHERENCE: 100 * by_count,
        ADHERENCE_BY_VALUE: 100 * by_value,
        WITHOUT_COST: 100 * cost.not_valued / cost.rows if cost.rows else float("nan"),
        SOLD_OF_EXPECTED: 100 * sold / expected if expected > 0 else float("nan"),
    }
    others, decided = len(known) - len(followed), rows[rows["verdict"].isin([ACCEPTED, CHANGED])]
    cost_in_words = _cost_in_words(rows, country)
    with_cost = [each for each in last_weeks if not math.isnan(cost_of(each).hindsight)]
    states, held = rows["state"].value_counts(), known[known["arm"] == ON_HABIT]
    if len(held):
        figures[LEFT_ALONE] = 100 * float(is_followed(held).mean())
    return {
        IN_SHORT: (
            f"The advice was followed for {len(followed):,} of {counted(len(known), 'article')}. "
            f"{others:,} had another price; what that cost the plan: {cost_in_words}."
        ),
        **{figure.label: round(value, 2) if value == value else NOT_KNOWN for figure, value in figures.items()},
        OVERRIDES.label: others,
        DECIDED.label: len(decided),
        **({HELD.label: len(held)} if len(held) else {}),
        DECIDED_NOT_APPLIED.label: int((decided["state"] == NOT_APPLIED).sum()),
        COST: cost_in_words,
        COST_OF_WEEKS: _cost_in_words(pd.concat(with_cost, ignore_index=True), country) if with_cost else NOT_KNOWN,
        WEEKS_IN_THESE: len(with_cost),
        WEEKS_WITHOUT: len(last_weeks) - len(with_cost),
        **{f"Articles {state.replace('_', ' ')}": int(states.get(state, 0)) for state in STATES},
        "dagster/row_count": len(rows),
        SUMS: dg.MetadataValue.json(asdict(_sums(cost, len(known), len(followed), stakes, rows, country))),
        "What it means": dg.MetadataValue.text(
            "A sum by our own model, of prices that were not asked: no fact of a single article, and no saving."
        ),
    }


def _may_be_said(rows: pd.DataFrame) -> bool:
    """Whether what is in a sum over the rows is the cost of several decisions, or of none."""
    others = len(valued_others(rows))
    return others == 0 or others >= FEWEST


def _sums(
    cost: Cost, known: int, followed: int, stakes: "pd.Series[float]", rows: pd.DataFrame, country: Country
) -> Sums:
    at_stake = stakes[rows["followed"].notna().to_numpy()].sum(), stakes[is_followed(rows)].sum()
    amounts = (*at_stake, cost.hindsight, cost.high - cost.hindsight)
    if not _may_be_said(rows):
        amounts = (*amounts[:2], float("nan"), float("nan"))
    in_eur = (None if amount != amount else country.in_eur(float(amount)) for amount in amounts)
    return Sums(known, followed, *(None if amount is None else round(amount, 2) for amount in in_eur))


def _cost_in_words(rows: pd.DataFrame, country: Country) -> str:
    """The cost with hindsight and its interval; not known without an interval, and of a few prices not said."""
    cost = cost_of(rows)
    if not _may_be_said(rows):
        return TOO_FEW
    if cost.low != cost.low:
        return NOT_KNOWN
    low, middle, high = (f"{rounded(value):,.0f}" for value in (cost.low, cost.hindsight, cost.high))
    return f"{middle} {country.currency}, and with 9 chances in 10 between {low} and {high}"
