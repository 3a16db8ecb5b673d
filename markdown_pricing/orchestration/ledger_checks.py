"""What the ledger warns of: followed less, decided prices not there, cells not left alone, wrong forecasts."""

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from markdown_pricing.orchestration.judged import (
    ADHERENCE,
    DECIDED,
    DECIDED_NOT_APPLIED,
    HELD,
    LEFT_ALONE,
    SOLD_OF_EXPECTED,
)
from markdown_pricing.orchestration.names import OUTCOMES

Figures = Mapping[str, Any]
"""The figures of a week's ledger, by their labels."""

FELL = 10.0
"""Adherence is reported when it fell by so many points against the last other week. Chosen on 2026-11-28."""
NOT_APPLIED_SHARE = 0.1
"""From this share of the decided prices on it is reported that they were not applied. Chosen on 2026-11-28."""
LEFT_ALONE_LEAST = 90.0
"""Of the articles that a comparison holds on the old habit, so many percent have the price that it asks. Chosen on
2026-11-28: an effect is told too small by about the share that was not left alone."""
CALIBRATED = (80.0, 125.0)
"""What sold lies between these percents of what was expected, where it was followed. Chosen on 2026-11-28 by
judgement: a warm week or a holiday moves a country's sales by a tenth and more."""


FOLLOWED_AS_BEFORE = "advice_is_followed_as_before"
DECIDED_ARE_APPLIED = "decided_prices_are_applied"
HELD_LEFT_ALONE = "held_cells_are_left_alone"
AS_EXPECTED = "sales_are_as_expected"
DESCRIPTIONS = {
    FOLLOWED_AS_BEFORE: "The share of the articles whose advice was followed has not fallen by ten points. Warns.",
    DECIDED_ARE_APPLIED: (
        "The prices that people accepted or changed in the week before are in the shops, nine of ten at least. Warns. "
        "Of the week before, because a price may come with the second snapshot."
    ),
    HELD_LEFT_ALONE: "Articles that a comparison holds on the old habit had its price, nine of ten at least. Warns.",
    AS_EXPECTED: (
        "Where the advice was followed, about as much was sold as was expected. Warns: costs are as good as that."
    ),
}


def checks_of_ledger(partitions: dg.MultiPartitionsDefinition) -> list[dg.AssetCheckSpec]:
    """The checks of the asset `outcomes`, each of one country and week. None of them blocks anything.

    The asset's own step has the figures and answers them. As steps of their own the four took more processor time than
    the ledger of a small country.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # as of the checks of a round
        return [
            dg.AssetCheckSpec(name, asset=OUTCOMES, description=description, partitions_def=partitions)
            for name, description in DESCRIPTIONS.items()
        ]


def results_of_checks(now: Figures, before: Figures) -> list[dg.AssetCheckResult]:
    """What each of the checks finds.

    now, before : the figures of a week's ledger, and of that of the country's last other week; empty without one
    """
    found = {
        FOLLOWED_AS_BEFORE: followed_as_before(ADHERENCE.number(now), ADHERENCE.number(before)),
        DECIDED_ARE_APPLIED: decided_are_applied(before),
        HELD_LEFT_ALONE: held_left_alone(now),
        AS_EXPECTED: calibrated(now),
    }
    return [result._replace(check_name=name) for name, result in found.items()]


def followed_as_before(now: float | None, before: float | None) -> dg.AssetCheckResult:
    """now, before : adherence in percent; None where it is not known"""
    if now is None or before is None:
        return dg.AssetCheckResult(passed=True, description="No earlier week to compare with.")
    said = f"{now:.0f} % of the articles were followed; in the country's last other week it was {before:.0f} %."
    return _warning(now > before - FELL, said)


def decided_are_applied(figures: Figures) -> dg.AssetCheckResult:
    """figures : of one week's ledger"""
    decided, missed = DECIDED.number(figures), DECIDED_NOT_APPLIED.number(figures)
    if not decided or missed is None:
        return dg.AssetCheckResult(passed=True, description="Nobody decided about a price.")
    said = f"{missed:.0f} of {decided:.0f} prices that somebody accepted or changed were in neither of two snapshots."
    return _warning(missed < NOT_APPLIED_SHARE * decided or missed == 0, said)


def held_left_alone(figures: Figures) -> dg.AssetCheckResult:
    """figures : of one week's ledger"""
    held, alone = HELD.number(figures), LEFT_ALONE.number(figures)
    if not held or alone is None:
        return dg.AssetCheckResult(passed=True, description="No article of the country is held on the old habit.")
    said = f"{alone:.0f} % of the {held:.0f} articles that a comparison holds on the old habit had the price it asks."
    return _warning(alone >= LEFT_ALONE_LEAST, said)


def calibrated(figures: Figures) -> dg.AssetCheckResult:
    """figures : of one week's ledger"""
    sold = SOLD_OF_EXPECTED.number(figures)
    if sold is None:
        return dg.AssetCheckResult(passed=True, description="No advice was followed, so that nothing can be compared.")
    low, high = CALIBRATED
    return _warning(low <= sold <= high, f"{sold:.0f} % of what was expected were sold where the advice was followed.")


def _warning(passed: bool, said: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.WARN, description=said)
