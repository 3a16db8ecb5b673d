"""One attempt to write a country's rows, and what is said when the ERP has a newer week."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from markdown_pricing.columns import Recommendations
from markdown_pricing.erp.refresh import NewerWeekInErp, Receipt, newest_refreshed_week, replace_country
from markdown_pricing.orchestration import figures
from markdown_pricing.orchestration.names import REFRESH
from markdown_pricing.orchestration.partitions import week_and_country_of
from markdown_pricing.provenance import Provenance

if TYPE_CHECKING:
    from sqlalchemy import Engine


def receipt_or_newer_week(
    context: dg.AssetExecutionContext,
    engine: "Engine",
    recommended: Recommendations,
    check: Callable[[], None],
) -> Receipt | date:
    """Refresh the country once `check` has passed. When the ERP holds a newer week, nothing is done but to name it."""
    week, country = week_and_country_of(context)
    held = newest_refreshed_week(engine, country)
    if held is not None and held > week:
        return held
    check()
    run_id = context.run.run_id
    launched_at = context.instance.get_run_record_by_id(run_id).create_timestamp
    try:
        return replace_country(engine, recommended, week=week, country=country, run_id=run_id, launched_at=launched_at)
    except NewerWeekInErp as error:  # which another run has written since the question above
        return error.held.week


def say_superseded(context: dg.AssetExecutionContext, held: date, origin: Provenance) -> None:
    """The refresh of an older week is not wanted, which is no failure: its predictions lie on the lake."""
    _, country = week_and_country_of(context)
    metadata = figures.superseded(held, origin)
    context.log_event(dg.AssetObservation(REFRESH, partition=context.partition_key, metadata=metadata))
    context.log.info(f"Archived only: the ERP already holds {held} for {country}.")
