"""What the ledger warns of: advice followed less, decided prices not there, cells not left alone, wrong forecasts."""

import warnings

import dagster as dg

from markdown_pricing.orchestration.judged import (
    ADHERENCE,
    DECIDED,
    DECIDED_NOT_APPLIED,
    HELD,
    LEFT_ALONE,
    SOLD_OF_EXPECTED,
)
from markdown_pricing.orchestration.latest_figures import figures_of_last_other_week, latest_figures
from markdown_pricing.orchestration.names import OUTCOMES
from markdown_pricing.orchestration.partitions import partition_key, week_and_country_of

FELL = 10.0
"""Adherence is reported when it fell by so many points against the last other week. Chosen on 2026-11-28."""
NOT_APPLIED_SHARE = 0.1
"""From this share of the decided prices on it is reported that they were not applied. Chosen on 2026-11-28."""
LEFT_ALONE_LEAST = 90.0
"""Of the articles that a comparison holds on the old habit, so many percent have the price that it asks. Chosen on
2026-11-28: an effect is told too small by about the share that was not left alone."""
CALIBRATED = (80.0, 125.0)
"""What sold lies between these percents of what was expected, where the advice was followed. Chosen on 2026-11-28 by
judgement: a warm week or a holiday moves a country's sales by a tenth and more."""


def ledger_checks(partitions: dg.MultiPartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """The checks of the asset `outcomes`, each of one country and week. None of them blocks anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # as of the checks of a round
        made = _followed_as_before, _decided_are_applied, _held_left_alone, _calibrated
        return [each(partitions) for each in made]


def _followed_as_before(partitions: dg.MultiPartitionsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=OUTCOMES, partitions_def=partitions)
    def advice_is_followed_as_before(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """The share of the articles whose advice was followed has not fallen by ten points. Warns."""
        return followed_as_before(ADHERENCE.number(_figures(context)), ADHERENCE.number(_figures_before(context)))

    return advice_is_followed_as_before


def _decided_are_applied(partitions: dg.MultiPartitionsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=OUTCOMES, partitions_def=partitions)
    def decided_prices_are_applied(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """The prices that people accepted or changed in the week before are in the shops, nine of ten at least. Warns.

        Of the week before, because a price may come with the second snapshot.
        """
        return decided_are_applied(_figures_before(context))

    return decided_prices_are_applied


def _held_left_alone(partitions: dg.MultiPartitionsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=OUTCOMES, partitions_def=partitions)
    def held_cells_are_left_alone(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """Articles that a comparison holds on the old habit had its price, nine of ten at least. Warns."""
        return held_left_alone(_figures(context))

    return held_cells_are_left_alone


def _calibrated(partitions: dg.MultiPartitionsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=OUTCOMES, partitions_def=partitions)
    def sales_are_as_expected(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """Where the advice was followed, about as much was sold as was expected. Warns: costs are as good as that."""
        return calibrated(_figures(context))

    return sales_are_as_expected


def followed_as_before(now: float | None, before: float | None) -> dg.AssetCheckResult:
    """now, before : adherence in percent; None where it is not known"""
    if now is None or before is None:
        return dg.AssetCheckResult(passed=True, description="No earlier week to compare with.")
    said = f"{now:.0f} % of the articles were followed; in the country's last other week it was {before:.0f} %."
    return _warning(now > before - FELL, said)


def decided_are_applied(figures: dict[str, object]) -> dg.AssetCheckResult:
    """figures : of one week's ledger"""
    decided, missed = DECIDED.number(figures), DECIDED_NOT_APPLIED.number(figures)
    if not decided or missed is None:
        return dg.AssetCheckResult(passed=True, description="Nobody decided about a price.")
    said = f"{missed:.0f} of {decided:.0f} prices that somebody accepted or changed were in neither of two snapshots."
    return _warning(missed < NOT_APPLIED_SHARE * decided or missed == 0, said)


def held_left_alone(figures: dict[str, object]) -> dg.AssetCheckResult:
    """figures : of one week's ledger"""
    held, alone = HELD.number(figures), LEFT_ALONE.number(figures)
    if not held or alone is None:
        return dg.AssetCheckResult(passed=True, description="No article of the country is held on the old habit.")
    said = f"{alone:.0f} % of the {held:.0f} articles that a comparison holds on the old habit had the price it asks."
    return _warning(alone >= LEFT_ALONE_LEAST, said)


def calibrated(figures: dict[str, object]) -> dg.AssetCheckResult:
    """figures : of one week's ledger"""
    sold = SOLD_OF_EXPECTED.number(figures)
    if sold is None:
        return dg.AssetCheckResult(passed=True, description="No advice was followed, so that nothing can be compared.")
    low, high = CALIBRATED
    return _warning(low <= sold <= high, f"{sold:.0f} % of what was expected were sold where the advice was followed.")


def _warning(passed: bool, said: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.WARN, description=said)


def _figures(context: dg.AssetCheckExecutionContext) -> dict[str, object]:
    """Those of the week's own ledger."""
    week, country = week_and_country_of(context.op_execution_context)
    return latest_figures(context.instance, str(partition_key(week, country)), OUTCOMES)


def _figures_before(context: dg.AssetCheckExecutionContext) -> dict[str, object]:
    """Those of the country's last other week that has a ledger; empty without one."""
    week, country = week_and_country_of(context.op_execution_context)
    return figures_of_last_other_week(context.instance, week, country, OUTCOMES)
