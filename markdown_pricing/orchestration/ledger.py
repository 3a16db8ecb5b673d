"""The ledger through Dagster: the asset `outcomes`, its job, and the sensor that starts it once a week is sold.

It stands beside the rounds. Its runs begin when none of a round is under way, take no slot of a country's, and nothing
waits for them or fails with them.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache

import dagster as dg
import pandas as pd
from dagster import DagsterEventType
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from markdown_pricing.countries import Countries, Country
from markdown_pricing.erp.database import Erp
from markdown_pricing.erp.ledger import replace_ledger
from markdown_pricing.kept.results import Results
from markdown_pricing.kept.sold_weeks import Outcomes, bring_up_to_date
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import weeks_with_predictions
from markdown_pricing.lake.snapshot import SnapshotNotDelivered, SnapshotReplaced, find_snapshot, newest_delivery
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.orchestration import columns
from markdown_pricing.orchestration.facts import is_of_the_ledger, latest_events, unfinished_runs
from markdown_pricing.orchestration.faults import final_faults_not_retried
from markdown_pricing.orchestration.figures import Metadata
from markdown_pricing.orchestration.judged import figures_of_ledger
from markdown_pricing.orchestration.latest_figures import WEEKS_BACK, figures_of_last_other_week
from markdown_pricing.orchestration.ledger_checks import Figures, checks_of_ledger, results_of_checks
from markdown_pricing.orchestration.names import (
    COUNTRY_TAG,
    ETL_JOB,
    GROUP,
    JOB,
    LEDGER_POOL,
    OUTCOMES,
    OUTCOMES_JOB,
    OWNERS,
    PREDICTIONS,
    PRIORITY_TAG,
    SHARED_JOB,
    STAGE_TAG,
    STAMP,
    TRAINING_DATA,
    WEEK_TAG,
)
from markdown_pricing.orchestration.partitions import countries_in, partition_key, week_and_country_of
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import ONE_WEEK, this_week

WEEKS_IN_ERP = 12
"""So many weeks of the ledger the ERP has, as the contract says."""
AFTER_ALL_ROUNDS = "-1"
"""The priority of the ledger's runs in the queue: every run of a round goes before them."""
ROUND_JOBS = (JOB, SHARED_JOB, ETL_JOB)
"""While a run of these is under way, or one of the flow's assets that the page has started, no ledger is made."""
LOOK_EVERY = 5
"""The sensor looks once in so many looks of the round's sensor. Chosen on 2026-11-28: nobody waits for the ledger."""


def outcomes_by(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset `outcomes` of an installation's weeks and countries, with its checks."""

    @dg.asset(
        deps=[PREDICTIONS],
        pool=LEDGER_POOL,
        group_name=GROUP,
        owners=OWNERS,
        tags={STAGE_TAG: "judge"},
        kinds={"parquet", "sql"},
        metadata=columns.OUTCOME_COLUMNS,
        partitions_def=partitions,
        check_specs=checks_of_ledger(partitions),
    )
    def outcomes(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        erp: dg.ResourceParam[Erp],
        rules: dg.ResourceParam[RuleBook],
        countries: dg.ResourceParam[Countries],
    ) -> Iterator[dg.MaterializeResult[None]]:
        """What became of a week's advice: what was decided, asked in the shops and sold, and what other prices cost.

        By the week that was sold, once the next snapshot is taken in. It brings the week before up to date, too, and
        finds the costs of the week six weeks before for good.
        """
        week, country = week_and_country_of(context)
        with final_faults_not_retried(context):
            results = Results(lake, week, country)
            made = bring_up_to_date(results, countries, rules, context.run.run_id, datetime.now(UTC))
            # Under the ERP's lock if it can be had, and for the page in any case.
            last_weeks_once = cache(lambda: list(Results(lake, date.max, country).outcomes.last(WEEKS_IN_ERP)))
            in_erp = _into_the_erp(erp, country, last_weeks_once)
            if in_erp:
                context.log.warning(in_erp)
            last_weeks = last_weeks_once()
            shown = _figures_of(made, [rows for rows, _ in last_weeks], countries, country)
            for before in shown.keys() - {week}:
                partition = partition_key(before, country)
                context.log_event(dg.AssetMaterialization(OUTCOMES, partition=partition, metadata=shown[before]))
            yield dg.MaterializeResult(
                metadata={**shown[week], "In the ERP": in_erp or counted(len(last_weeks), "week")},
                check_results=results_of_checks(shown[week], figures_before(context.instance, week, country, shown)),
            )

    return outcomes


def _figures_of(
    made: Mapping[date, Outcomes], last_weeks: Sequence[pd.DataFrame], countries: Countries, country: str
) -> dict[date, Metadata]:
    """What the page says of each week that was made; last_weeks : OUTCOME_COLUMNS of those that the ERP is to have."""
    shown = {}
    for week, each in made.items():
        then = countries.in_week(country, week)
        alike = [rows for rows in last_weeks if _country_then(countries, country, rows).currency == then.currency]
        shown[week] = figures_of_ledger(each, alike, then)
    return shown


def figures_before(instance: dg.DagsterInstance, week: date, country: str, shown: Mapping[date, Metadata]) -> Figures:
    """The figures of the country's last other week that has a ledger; empty without one within WEEKS_BACK.

    shown : those of the weeks of this run, whose events need not be asked for
    """
    before = max(shown.keys() - {week}, default=None)
    if before is not None and before >= week - WEEKS_BACK * ONE_WEEK:
        return shown[before]
    return figures_of_last_other_week(instance, week, country, OUTCOMES)


def _country_then(countries: Countries, country: str, rows: pd.DataFrame) -> Country:
    """The country as it was in the week of the rows, with the currency that it had."""
    return countries.in_week(country, rows["week"].iloc[0])


def _into_the_erp(erp: Erp, country: str, last_weeks: Callable[[], Sequence[tuple[pd.DataFrame, pd.DataFrame]]]) -> str:
    """Replace the ledger in the ERP; why that could not be done, and empty where it could.

    last_weeks : gives the rows and the sums of the weeks that the ERP is to have
    The ledger lies on the lake, so that an ERP without tables for it is no fault. Raises a TransientError.
    """

    def read() -> tuple[pd.DataFrame, pd.DataFrame]:
        rows, totals = zip(*last_weeks(), strict=True)
        return pd.concat(rows, ignore_index=True), pd.concat(totals, ignore_index=True)

    return erp.why_not(lambda engine: replace_ledger(engine, country, read))


def ledger_job() -> UnresolvedAssetJobDefinition:
    """The job of the asset."""
    selection = dg.AssetSelection.assets(OUTCOMES)
    return dg.define_asset_job(OUTCOMES_JOB, selection, description="The ledger of one country and sold week.")


def ledger_sensor(
    partitions: dg.MultiPartitionsDefinition, job: UnresolvedAssetJobDefinition, look_every_s: int
) -> dg.SensorDefinition:
    """The sensor that starts the ledger of a sold week when the round of the next snapshot is over."""

    @dg.sensor(
        name="outcomes_sensor",
        job=job,
        minimum_interval_seconds=LOOK_EVERY * look_every_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes the ledger of the last sold week of each country, when no round is under way.",
    )
    def outcomes_sensor(
        context: dg.SensorEvaluationContext, lake: dg.ResourceParam[Lake]
    ) -> dg.SensorResult | dg.SkipReason:
        return look_for_sold_weeks(context.instance, lake, countries_in(partitions), context.cursor, datetime.now(UTC))

    return outcomes_sensor


def look_for_sold_weeks(
    instance: dg.DagsterInstance, lake: Lake, countries: Sequence[str], cursor: str | None, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """One look: asks for the ledger of each country's last week before the newest snapshot, once it is taken in.

    cursor : the snapshot that was last looked at, and the countries that need no other look: their ledger was asked for
        with it, it does not have them, or they were never priced before
    Raises LakeUnreachable when it cannot tell what is delivered.
    """
    delivered = newest_delivery(lake, until=this_week(now))
    if not delivered:
        return dg.SkipReason("No week is delivered.")
    newest, written = delivered
    name = f"{newest}@{written}"
    memory: Mapping[str, Sequence[str]] = json.loads(cursor) if cursor else {}
    asked = set(memory.get(name, ()))
    if not set(countries) - asked:
        return dg.SkipReason(f"With the snapshot of {newest} there is no ledger left to ask for.")
    if any(_is_of_a_round(record.dagster_run) for record in unfinished_runs(instance, now)):
        return dg.SkipReason("A round is under way.")
    try:
        snapshot = find_snapshot(lake, newest)
    except (SnapshotNotDelivered, SnapshotReplaced):
        return dg.SkipReason(f"The snapshot of {newest} is being delivered anew.")
    gone = set(countries) - set(snapshot.bytes_by_country)
    left = [code for code in countries if code not in asked | gone]
    taken_in = list(_taken_in(instance, newest, snapshot.stamp, left))
    due = {code: week for code in taken_in if (week := next(weeks_with_predictions(lake, code, before=newest), None))}
    requests = [
        dg.RunRequest(
            f"{name}:{country}",
            partition_key=partition_key(week, country),
            tags={WEEK_TAG: str(week), COUNTRY_TAG: country, PRIORITY_TAG: AFTER_ALL_ROUNDS},
        )
        for country, week in due.items()
    ]
    return dg.SensorResult(requests, cursor=json.dumps({name: sorted(asked | gone | set(taken_in))}))


def _is_of_a_round(run: dg.DagsterRun) -> bool:
    return run.job_name in ROUND_JOBS or (bool(run.asset_selection) and not is_of_the_ledger(run))


def _taken_in(instance: dg.DagsterInstance, week: date, stamp: str, countries: Sequence[str]) -> Iterator[str]:
    """Those of the countries whose training data of the week are made from the delivery with this stamp."""
    keys = {str(partition_key(week, country)): country for country in countries}
    for record in latest_events(instance, TRAINING_DATA, DagsterEventType.ASSET_MATERIALIZATION, set(keys)):
        event = record.asset_materialization
        if event and STAMP in event.metadata and event.metadata[STAMP].value == stamp:
            yield keys[str(event.partition)]
