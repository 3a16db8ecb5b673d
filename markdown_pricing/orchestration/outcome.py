"""How one country's run ended, as its own events or Dagster's records of an earlier run have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from markdown_pricing.orchestration.faults import why_failed
from markdown_pricing.orchestration.figures import ARTICLES, CURRENCY, GRADE, MARKDOWNS, STAKE, worth_shown
from markdown_pricing.orchestration.names import MODEL, PREDICTIONS, REFRESH, SUPERSEDED_BY
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.worth import Worth

REFRESHED, ARCHIVED, FAILED = "refreshed", "archived", "failed"
Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class RunOutcome:
    """How one country's run ended.

    stake     : what this week's decisions are worth, in `currency`; `worth` has it as a share and in euros
    earlier   : it ended before this command, which therefore did not price the country again
    """

    country: str
    status: str
    run_id: str
    seconds: float
    message: str = ""
    articles: int | None = None
    markdowns: int | None = None
    stake: float | None = None
    currency: str | None = None
    worth: Worth | None = None
    grade: str | None = None
    earlier: bool = False

    @property
    def failed(self) -> bool:
        return self.status == FAILED


def outcome_of(country: str, result: dg.JobExecutionResult, seconds: float) -> RunOutcome:
    """By the events of a run that has just ended."""
    if not result.success:
        return RunOutcome(country, FAILED, result.run_id, seconds, why_failed(result.all_events))
    modelled, predicted = (
        _metadata(result.asset_materializations_for_node(asset.to_user_string())) for asset in (MODEL, PREDICTIONS)
    )
    superseded_by = _metadata(result.asset_observations_for_node(REFRESH.to_user_string())).get(SUPERSEDED_BY)
    return _done(country, result.run_id, seconds, modelled, predicted, superseded_by)


def recorded_outcome(
    instance: dg.DagsterInstance,
    week: date,
    country: str,
    run_id: str,
    seconds: float = 0.0,
    superseded_by: object = None,
    earlier: bool = False,
) -> RunOutcome:
    """By Dagster's records of a country that is refreshed, or archived where `superseded_by` names a newer week."""
    modelled, predicted = (_last_made(instance, asset, week, country) for asset in (MODEL, PREDICTIONS))
    return _done(country, run_id, seconds, modelled, predicted, superseded_by, earlier)


def _done(
    country: str,
    run_id: str,
    seconds: float,
    modelled: Metadata,
    predicted: Metadata,
    superseded_by: object,
    earlier: bool = False,
) -> RunOutcome:
    return RunOutcome(
        country,
        ARCHIVED if superseded_by else REFRESHED,
        run_id,
        seconds,
        message=f"the ERP already holds {superseded_by}" if superseded_by else "",
        articles=ARTICLES.of(predicted),
        markdowns=MARKDOWNS.of(predicted),
        stake=STAKE.number(predicted),
        currency=CURRENCY.of(predicted),
        worth=worth_shown(country, predicted),
        grade=GRADE.of(modelled),
        earlier=earlier,
    )


def _metadata(events: Sequence[dg.AssetMaterialization | dg.AssetObservation]) -> dict[str, Any]:
    return {label: value.value for event in events for label, value in event.metadata.items()}


def _last_made(instance: dg.DagsterInstance, asset: dg.AssetKey, week: date, country: str) -> dict[str, Any]:
    wanted = dg.AssetRecordsFilter(asset, asset_partitions=[partition_key(week, country)])
    records = instance.fetch_materializations(wanted, limit=1).records
    return _metadata([event for record in records if (event := record.asset_materialization)])
