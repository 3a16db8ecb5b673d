"""What a country's articles are priced by, as a round finds it, and what the page shows of their prices."""

from datetime import UTC, datetime

import dagster as dg

from markdown_pricing.countries import Countries
from markdown_pricing.erp.database import Erp
from markdown_pricing.kept.results import Results
from markdown_pricing.markdown.changes import stability
from markdown_pricing.markdown.reasons import ReasonCodes
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.orchestration import figures
from markdown_pricing.orchestration.arms import arms_or_warning, figures_of_arms
from markdown_pricing.orchestration.decided import copied_decisions, figures_of_gone
from markdown_pricing.pricing import CountryWeek, Priced, PricingInputs


def inputs_and_why_no_arms(
    context: dg.AssetExecutionContext,
    results: Results,
    erp: Erp,
    rules: RuleBook,
    reason_codes: ReasonCodes,
    countries: Countries,
) -> tuple[PricingInputs, str]:
    """The rules, decisions, arms and last rows of one country and week; and why nobody knows its arms, else empty.

    Raises ResultChanged for a copy of the decisions that somebody has changed.
    """
    arms, why_no_arms = arms_or_warning(context, results.lake)
    inputs = PricingInputs(
        countries.in_week(results.country, results.week),
        rules,
        reason_codes,
        decisions=copied_decisions(results, erp, datetime.now(UTC)),
        last_rows=results.recommendations.rows_before(),
        changeovers=countries.changes_of(results.country),
        arms=arms,
    )
    return inputs, why_no_arms


def figures_of_priced(
    made: Priced, sold: CountryWeek, inputs: PricingInputs, why_no_arms: str, uri: str
) -> figures.Metadata:
    """The figures of the predictions, the decisions about articles that are gone, and what a comparison holds."""
    rows = made.recommendations.rows
    steady = stability(rows, inputs.last_rows, sold.history)
    shown = figures.predictions(made.recommendations, steady, inputs.country, made.origin, uri)
    return {**shown, **figures_of_gone(made.followed), **figures_of_arms(rows, why_no_arms)}
