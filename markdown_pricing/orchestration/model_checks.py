"""What warns of a country's model, shown beside the asset `demand_model`: its error, its bias and its grade."""

import dagster as dg

from markdown_pricing.demand.step_down import FAR_ABOVE_NAIVE, OWN
from markdown_pricing.orchestration.figures import BIASED, ERROR, GRADE, NAIVE_ERROR, NOTHING, WHY_THIS_GRADE
from markdown_pricing.orchestration.latest_figures import figures_of_last_other_week, latest_figures
from markdown_pricing.orchestration.names import MODEL
from markdown_pricing.orchestration.partitions import partition_key, week_and_country_of

ERROR_UP = 1.5
"""A model's error is reported from so many times the error of an earlier week on; chosen on 2026-11-25."""


def checks_of_models(partitions: dg.MultiPartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(asset=MODEL, partitions_def=partitions)
    def error_near_the_naive_forecast(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """The model foretells the last weeks about as well as last week's value does, or better. Warns."""
        key = str(context.op_execution_context.partition_key)
        return _compare_with_naive(latest_figures(context.instance, key))

    @dg.asset_check(asset=MODEL, partitions_def=partitions)
    def error_not_up(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """The model's error is at most half above that of the country's last other week. Warns."""
        week, country = week_and_country_of(context.op_execution_context)
        now = latest_figures(context.instance, str(partition_key(week, country)))
        before = figures_of_last_other_week(context.instance, week, country)
        return _compare_with_last(ERROR.number(now), ERROR.number(before))

    @dg.asset_check(asset=MODEL, partitions_def=partitions)
    def no_bias_in_the_last_weeks(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """What was expected of the last weeks differs from what was sold by no more than luck explains. Warns.

        It looks at all sales and at those after a small or large cut or rise, one week ahead.
        """
        said = str(
            latest_figures(context.instance, str(context.op_execution_context.partition_key)).get(BIASED, NOTHING)
        )
        return dg.AssetCheckResult(
            passed=said == NOTHING,
            severity=dg.AssetCheckSeverity.WARN,
            description=None if said == NOTHING else said,
        )

    @dg.asset_check(asset=MODEL, partitions_def=partitions)
    def the_countrys_own_model(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """The prices rest on the country's own model of this week, grade A; else it says on what and why. Warns."""
        figures = latest_figures(context.instance, str(context.op_execution_context.partition_key))
        return dg.AssetCheckResult(
            passed=GRADE.of(figures) == OWN,
            severity=dg.AssetCheckSeverity.WARN,
            description=str(figures.get(WHY_THIS_GRADE, "The model has not been made.")),
            metadata={GRADE.label: str(GRADE.of(figures) or "")},
        )

    return [error_near_the_naive_forecast, error_not_up, no_bias_in_the_last_weeks, the_countrys_own_model]


def _compare_with_last(error: float | None, before: float | None) -> dg.AssetCheckResult:
    if error is None or before is None:
        return dg.AssetCheckResult(passed=True, description="No earlier week to compare with.")
    return dg.AssetCheckResult(
        passed=error <= ERROR_UP * before,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Its error is {error:.3f}; in the country's last other week it was {before:.3f}.",
        metadata={ERROR.label: error, "Error in the last other week": before},
    )


def _compare_with_naive(figures: dict[str, object]) -> dg.AssetCheckResult:
    error, naive = ERROR.number(figures), NAIVE_ERROR.number(figures)
    if error is None or naive is None:
        return dg.AssetCheckResult(passed=True, description="Too few sales to compare.")
    return dg.AssetCheckResult(
        passed=error <= FAR_ABOVE_NAIVE * naive,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Its error is {error:.3f}, that of last week's value {naive:.3f}.",
        metadata={ERROR.label: error, NAIVE_ERROR.label: naive},
    )
