"""What blocks a refresh and what only warns, shown beside the assets that it looks at."""

import warnings
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain

import dagster as dg
import pandas as pd

from markdown_pricing.countries import Countries, Country
from markdown_pricing.demand.step_down import FAR_ABOVE_NAIVE, OWN
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.markdown.acceptance import (
    Objection,
    check_every_article_has_a_row,
    check_new_prices,
    check_number_of_rows,
    refuse_unless_acceptable,
)
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.orchestration.decided import NOT_READ, READ_FROM
from markdown_pricing.orchestration.faults import do_not_retry
from markdown_pricing.orchestration.figures import (
    BIASED,
    ERROR,
    GRADE,
    NAIVE_ERROR,
    NOT_TAKEN,
    NOTHING,
    REMARKS,
    WHY_THIS_GRADE,
)
from markdown_pricing.orchestration.names import (
    DECISIONS,
    DECISIONS_SHOWN,
    EVERY_ARTICLE,
    MODEL,
    NOT_A_TENTH_LESS,
    NOT_HALVED,
    NOTHING_LEFT_OUT,
    PREDICTIONS,
    RULES_KEPT,
    TRAINING_DATA,
)
from markdown_pricing.orchestration.partitions import partition_key, week_and_country_of
from markdown_pricing.results import Results
from markdown_pricing.weeks import ONE_WEEK

ERROR_UP = 1.5
"""A model's error is reported from so many times the error of an earlier week on; chosen on 2026-11-25."""
WEEKS_BACK = 8
"""In so many weeks before a week its country's last figures are looked for; chosen on 2026-11-24."""

DESCRIPTIONS = {
    EVERY_ARTICLE: "Each article of the snapshot has a row. Blocks the refresh.",
    NOT_HALVED: "At least half as many rows as in the country's last other week. Blocks the refresh.",
    NOT_A_TENTH_LESS: "At least nine tenths as many rows as in the country's last other week. Warns.",
    RULES_KEPT: "Each new price is on the ladder, not above today's and not below salvage. Blocks the refresh.",
}


def acceptance_of(
    results: Results, rules: RuleBook, country: Country, rows: pd.DataFrame
) -> dict[str, list[Objection]]:
    """What each check objects to in a country's rows; an empty list for each that passes."""
    articles = results.articles()
    dropped = check_number_of_rows(len(rows), results.rows_of_last_other_week())
    return {
        EVERY_ARTICLE: check_every_article_has_a_row(rows, articles),
        NOT_HALVED: [objection for objection in dropped if _blocks(objection)],
        NOT_A_TENTH_LESS: [objection for objection in dropped if not _blocks(objection)],
        RULES_KEPT: check_new_prices(rows, articles, country, rules),
    }


def refuse_unless_accepted(results: Results, rules: RuleBook, country: Country, rows: pd.DataFrame) -> None:
    """Raises NotAcceptable when a check objects to the country's rows in a way that blocks the refresh."""
    objections = acceptance_of(results, rules, country, rows)
    refuse_unless_acceptable(list(chain.from_iterable(objections.values())))


def checks_for(partitions: dg.MultiPartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """All checks of decisions, training data, predictions and models. Each looks at one country of one week."""
    with warnings.catch_warnings():
        # Partitioned checks are a preview of this Dagster version; without them AUT's check would stand for DEU's.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            _check_of_decisions(partitions),
            _check_of_training_data(partitions),
            _check_of_predictions(partitions),
            *_checks_of_models(partitions),
        ]


def _check_of_decisions(partitions: dg.MultiPartitionsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=DECISIONS, name=DECISIONS_SHOWN, partitions_def=partitions)
    def the_erp_shows_decisions(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """The table of people's decisions can be read, or no refresh has made it yet. Warns.

        While it cannot, the decisions of the last copy count: its locks hold, and none that was set since.
        """
        figures = latest_figures(context.instance, str(context.op_execution_context.partition_key), DECISIONS)
        return dg.AssetCheckResult(
            passed=not figures.get(NOT_READ),
            severity=dg.AssetCheckSeverity.WARN,
            description=str(figures.get(READ_FROM, NOTHING)),
        )

    return the_erp_shows_decisions


def _check_of_training_data(partitions: dg.MultiPartitionsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=TRAINING_DATA, name=NOTHING_LEFT_OUT, partitions_def=partitions)
    def nothing_left_out(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """No article is set aside, every optional column can be used, and there are as many rows as before. Warns.

        What is left out is listed with its article, column and value.
        """
        key = str(context.op_execution_context.partition_key)
        figures = latest_figures(context.instance, key, TRAINING_DATA)
        said, remarks = (str(figures.get(label, NOTHING)) for label in (NOT_TAKEN, REMARKS))
        return dg.AssetCheckResult(
            passed=said == NOTHING,
            severity=dg.AssetCheckSeverity.WARN,
            description="\n".join(each for each in (said, remarks) if each != NOTHING) or None,
        )

    return nothing_left_out


def _check_of_predictions(partitions: dg.MultiPartitionsDefinition) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            name,
            asset=PREDICTIONS,
            blocking=name != NOT_A_TENTH_LESS,
            description=description,
            partitions_def=partitions,
        )
        for name, description in DESCRIPTIONS.items()
    ]

    @dg.multi_asset_check(specs=specs)
    def predictions_are_acceptable(
        context: dg.AssetCheckExecutionContext,
        lake: dg.ResourceParam[Lake],
        rules: dg.ResourceParam[RuleBook],
        countries: dg.ResourceParam[Countries],
    ) -> Iterator[dg.AssetCheckResult]:
        week, country = week_and_country_of(context.op_execution_context)
        results = Results(lake, week, country)
        rows, _, _, _ = results.predictions()
        objections_by_check = acceptance_of(results, rules, countries[country], rows)
        blocked = [name for name, objections in objections_by_check.items() if any(map(_blocks, objections))]
        if blocked:
            do_not_retry(context.op_execution_context, ", ".join(blocked))
        for name, objections in objections_by_check.items():
            yield _result(name, objections)

    return predictions_are_acceptable


def _checks_of_models(partitions: dg.MultiPartitionsDefinition) -> list[dg.AssetChecksDefinition]:
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
        return _compare_with_last(ERROR.number(now), _error_of_last_other_week(context.instance, week, country))

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


def _blocks(objection: Objection) -> bool:
    return objection.severity == "block"


def _result(name: str, objections: Sequence[Objection]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=not objections,
        severity=dg.AssetCheckSeverity.WARN if name == NOT_A_TENTH_LESS else dg.AssetCheckSeverity.ERROR,
        description="; ".join(map(str, objections)) or None,
        metadata={objection.what: objection.count for objection in objections},
    )


def latest_figures(instance: dg.DagsterInstance, partition: str, asset: dg.AssetKey = MODEL) -> dict[str, object]:
    """The figures of the asset's newest materialization of that partition; empty without one."""
    wanted = dg.AssetRecordsFilter(asset, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    event = records[0].asset_materialization if records else None
    return {label: value.value for label, value in event.metadata.items()} if event else {}


def _error_of_last_other_week(instance: dg.DagsterInstance, week: date, country: str) -> float | None:
    """The model's error in the nearest earlier week that has figures; None when no week within WEEKS_BACK has."""
    for ago in range(1, WEEKS_BACK + 1):
        figures = latest_figures(instance, str(partition_key(week - ago * ONE_WEEK, country)))
        if figures:
            return ERROR.number(figures)
    return None


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
