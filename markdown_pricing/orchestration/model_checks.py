"""What warns of a country's model, shown beside the asset `demand_model`: its error, its bias and its grade."""

from collections.abc import Iterator, Mapping

import dagster as dg

from markdown_pricing.demand.step_down import FAR_ABOVE_NAIVE, OWN
from markdown_pricing.orchestration.figures import BIASED, ERROR, GRADE, NAIVE_ERROR, NOTHING, WHY_THIS_GRADE
from markdown_pricing.orchestration.latest_figures import figures_of_last_other_week, latest_figures
from markdown_pricing.orchestration.names import MODEL
from markdown_pricing.orchestration.partitions import partition_key, week_and_country_of

ERROR_UP = 1.5
"""A model's error is reported from so many times the error of an earlier week on; chosen on 2026-11-25."""
NEAR_NAIVE, NOT_UP = "error_near_the_naive_forecast", "error_not_up"
NO_BIAS, OWN_MODEL = "no_bias_in_the_last_weeks", "the_countrys_own_model"
DESCRIPTIONS = {
    NEAR_NAIVE: "The model foretells the last weeks about as well as last week's value does, or better. Warns.",
    NOT_UP: "The model's error is at most half above that of the country's last other week. Warns.",
    NO_BIAS: (
        "What was expected of the last weeks differs from what was sold by no more than luck explains. Warns.\n\n"
        "It looks at all sales and at those after a small or large cut or rise, one week ahead."
    ),
    OWN_MODEL: (
        "The prices rest on the country's own model of this week, grade A; else it says on what and why. Warns."
    ),
}


def check_of_models(partitions: dg.MultiPartitionsDefinition) -> dg.AssetChecksDefinition:
    """All four in one step, because a step takes a run longer than the check that it makes."""
    specs = [
        dg.AssetCheckSpec(name, asset=MODEL, description=description, partitions_def=partitions)
        for name, description in DESCRIPTIONS.items()
    ]

    @dg.multi_asset_check(specs=specs)
    def models_can_be_trusted(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        week, country = week_and_country_of(context.op_execution_context)
        now = latest_figures(context.instance, str(partition_key(week, country)))
        error, naive = ERROR.number(now), NAIVE_ERROR.number(now)
        before = ERROR.number(figures_of_last_other_week(context.instance, week, country))
        yield _compare(
            NEAR_NAIVE,
            error,
            naive,
            FAR_ABOVE_NAIVE,
            label=NAIVE_ERROR.label,
            said=", that of last week's value",
            unknown="Too few sales to compare.",
        )
        yield _compare(
            NOT_UP,
            error,
            before,
            ERROR_UP,
            label="Error in the last other week",
            said="; in the country's last other week it was",
            unknown="No earlier week to compare with.",
        )
        yield _look_for_bias(now)
        yield _look_at_grade(now)

    return models_can_be_trusted


def _compare(
    name: str, error: float | None, other: float | None, times: float, label: str, said: str, unknown: str
) -> dg.AssetCheckResult:
    """Whether the error is at most so many times another one, of which `label` is the name and `said` the words."""
    if error is None or other is None:
        return dg.AssetCheckResult(check_name=name, passed=True, description=unknown)
    return dg.AssetCheckResult(
        check_name=name,
        passed=error <= times * other,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Its error is {error:.3f}{said} {other:.3f}.",
        metadata={ERROR.label: error, label: other},
    )


def _look_for_bias(figures: Mapping[str, object]) -> dg.AssetCheckResult:
    said = str(figures.get(BIASED, NOTHING))
    return dg.AssetCheckResult(
        check_name=NO_BIAS,
        passed=said == NOTHING,
        severity=dg.AssetCheckSeverity.WARN,
        description=None if said == NOTHING else said,
    )


def _look_at_grade(figures: Mapping[str, object]) -> dg.AssetCheckResult:
    grade = GRADE.of(figures)
    return dg.AssetCheckResult(
        check_name=OWN_MODEL,
        passed=grade == OWN,
        severity=dg.AssetCheckSeverity.WARN,
        description=str(figures.get(WHY_THIS_GRADE, "The model has not been made.")),
        metadata={GRADE.label: str(grade or "")},
    )
