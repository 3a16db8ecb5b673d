"""What blocks a refresh and what only warns, shown beside the assets that it looks at."""

import warnings
from collections.abc import Iterator, Sequence
from itertools import chain

import dagster as dg
import pandas as pd

from markdown_pricing.countries import Countries, Country
from markdown_pricing.kept.results import Results
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
    NOT_TAKEN,
    NOTHING,
    REMARKS,
)
from markdown_pricing.orchestration.latest_figures import latest_figures
from markdown_pricing.orchestration.model_checks import check_of_models
from markdown_pricing.orchestration.names import (
    DECISIONS,
    DECISIONS_SHOWN,
    EVERY_ARTICLE,
    NOT_A_TENTH_LESS,
    NOT_HALVED,
    NOTHING_LEFT_OUT,
    PREDICTIONS,
    RULES_KEPT,
    TRAINING_DATA,
)
from markdown_pricing.orchestration.partitions import week_and_country_of

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
    articles = results.training_data.articles()
    dropped = check_number_of_rows(len(rows), results.recommendations.articles_before())
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
            check_of_models(partitions),
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
        rows = results.recommendations.rows()
        objections_by_check = acceptance_of(results, rules, countries[country], rows)
        blocked = [name for name, objections in objections_by_check.items() if any(map(_blocks, objections))]
        if blocked:
            do_not_retry(context.op_execution_context, ", ".join(blocked))
        for name, objections in objections_by_check.items():
            yield _result(name, objections)

    return predictions_are_acceptable


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
