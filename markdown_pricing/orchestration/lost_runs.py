"""What becomes of a run whose process is gone: what it had done counts, and Dagster is told how it ended.

The ERP's receipt names the run that wrote it. A process that died after the commit had done its work, even if it could
not say so any more; the receipt is then recorded in its place, so that nobody prices the country again.
"""

from dataclasses import dataclass
from datetime import date

import dagster as dg
from dagster._core.events import StepMaterializationData
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG

from markdown_pricing.countries import Countries
from markdown_pricing.erp.database import Erp
from markdown_pricing.erp.refresh import Receipt
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration import figures
from markdown_pricing.orchestration.names import REFRESH
from markdown_pricing.orchestration.outcome import RunOutcome, recorded_outcome
from markdown_pricing.orchestration.partitions import partition_key

INTERRUPTED = "The command that made this run was interrupted."
RECORDED = (
    "Its process is gone. The ERP has this run's receipt, which is recorded here in its place: the work was done."
)


@dataclass(frozen=True)
class Places:
    """Where it can be read what a run had done."""

    lake: Lake
    erp: Erp
    countries: Countries


def what_was_done(
    instance: dg.DagsterInstance, places: Places, week: date, country: str, run_id: str, seconds: float
) -> RunOutcome | None:
    """How a country's run ended, by its own record or by the ERP's receipt of it. It is None when it had not done it.

    A receipt that Dagster does not know of is recorded, and the run counts as succeeded.
    Raises PricingError when the ERP or the lake does not answer.
    """
    run = instance.get_run_by_id(run_id)
    if run is None:
        return None
    if run.status != dg.DagsterRunStatus.SUCCESS:
        receipt = places.erp.last_receipts().get(country)
        if receipt is None or receipt.run_id != run_id:
            return None
        _record(instance, places, run, week, receipt)
    return recorded_outcome(instance, week, country, run_id, seconds)


def record_failure(instance: dg.DagsterInstance, run_id: str, why: str, repeated_by: str | None = None) -> None:
    """The run failed. The run that repeats it is named first, so that no alert takes it for failed for good."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    if repeated_by:
        instance.add_run_tags(run_id, {AUTO_RETRY_RUN_ID_TAG: repeated_by})
    instance.report_run_failed(run, f"The run is over: {why}.")


def record_stopping(instance: dg.DagsterInstance, run_id: str) -> None:
    """The run is about to be told to end, and says itself that it was canceled."""
    run = instance.get_run_by_id(run_id)
    if run and not run.is_finished:
        instance.report_run_canceling(run, INTERRUPTED)


def record_interruption(instance: dg.DagsterInstance, run_id: str) -> None:
    """The run was canceled, which leaves nothing red on Dagster's page."""
    run = instance.get_run_by_id(run_id)
    if run and not run.is_finished:
        instance.report_run_canceled(run, INTERRUPTED)


def _record(instance: dg.DagsterInstance, places: Places, run: dg.DagsterRun, week: date, receipt: Receipt) -> None:
    _, origin = Results(places.lake, week, receipt.country).recommendations.read()
    metadata = figures.receipt(receipt, origin, places.countries.in_week(receipt.country, week).currency)
    refreshed = dg.AssetMaterialization(REFRESH, partition=partition_key(week, receipt.country), metadata=metadata)
    instance.report_engine_event(RECORDED, run)
    for kind, what in (
        (dg.DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(refreshed)),
        (dg.DagsterEventType.RUN_SUCCESS, None),
    ):
        event = dg.DagsterEvent(kind.value, run.job_name, event_specific_data=what, message=RECORDED)
        instance.report_dagster_event(event, run.run_id)
