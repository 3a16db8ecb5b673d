"""The snapshot as an asset that Dagster makes: a Spark job from raw tables, followed through Pipes."""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from markdown_pricing.errors import Fault, TransientError
from markdown_pricing.etl import snapshot_job
from markdown_pricing.etl.raw import RAW, BadRawTables
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import find_snapshot
from markdown_pricing.orchestration import columns, figures
from markdown_pricing.orchestration.faults import final_faults_not_retried
from markdown_pricing.orchestration.figures import ROW_COUNT
from markdown_pricing.orchestration.inputs import markdown_training_data
from markdown_pricing.orchestration.names import ETL_JOB, GROUP, SNAPSHOT, STAGE_TAG, WEEK_TAG
from markdown_pricing.weeks import HEAD_OFFICE, cron_of_opening, monday_of, parse_week

ON_THIS_MACHINE = (sys.executable,)
FOR_SPARK = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_*", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "JAVA_*", "KRB5*"),
    *("SPARK_*", "PYSPARK_*", "HADOOP_*", "HDFS_*", "YARN_*", "HIVE_*", "PYTHONPATH", "DAGSTER_PIPES_*"),
)
"""The variables that the Spark job gets; by the last it answers."""


class SparkFailed(TransientError):
    def __init__(self, week: date, why: object) -> None:
        super().__init__(
            f"The Spark job for {week} ended without an answer: {why} Its own words stand in the run's log."
        )


def snapshot_from(raw: str | None, submit: tuple[str, ...], weeks: dg.TimeWindowPartitionsDefinition) -> dg.Definitions:
    """The snapshot, and what makes it: somebody else's ETL, or, with the folder of raw tables, a job and a schedule."""
    if raw is None:
        return dg.Definitions(assets=[markdown_training_data.replace_attributes(partitions_def=weeks)])
    job = dg.define_asset_job(ETL_JOB, dg.AssetSelection.assets(SNAPSHOT), description="The snapshot, by Spark.")
    made = training_data_from(raw, submit or ON_THIS_MACHINE, weeks)
    return dg.Definitions(assets=[*raw_tables(), made], jobs=[job], schedules=[weekly_etl(job)])


def raw_tables() -> list[dg.AssetSpec]:
    """The raw tables, which others deliver and from which the snapshot is made."""
    return [
        dg.AssetSpec(
            f"raw_{name}",
            group_name=GROUP,
            owners=["team:etl"],
            tags={STAGE_TAG: "input"},
            kinds={"parquet"},
            description=", ".join(known),
        )
        for name, known in RAW.items()
    ]


def training_data_from(raw: str, submit: tuple[str, ...], weeks: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """`markdown_training_data` made from the tables in `raw`; `submit` is the command that takes the job's file."""

    @dg.asset(
        key=SNAPSHOT,
        deps=[f"raw_{name}" for name in RAW],
        partitions_def=weeks,
        group_name=GROUP,
        owners=["team:etl"],
        tags={STAGE_TAG: "input"},
        kinds={"spark", "parquet", "hdfs"},
        metadata=columns.SNAPSHOT_COLUMNS,
    )
    def made_from_raw_tables(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        """Two years of weekly sales of every article in every country, made from raw tables by Spark."""
        week = parse_week(context.partition_key)
        with final_faults_not_retried(context):
            answer = _run_job(context, [*submit, snapshot_job.__file__, raw, lake.url, str(week)], week)
            if bad := answer.get("bad"):
                raise BadRawTables(str(week), [Fault(*fault) for fault in bad])
            rows = sum(answer["rows"].values())
            return dg.MaterializeResult(metadata={**_delivery_figures(lake, week), ROW_COUNT.label: rows})

    return made_from_raw_tables


def weekly_etl(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Monday 08:00: the week's snapshot is made; once it is there the countries are started as ever."""

    @dg.schedule(
        name="weekly_etl",
        job=job,
        cron_schedule=cron_of_opening(),
        execution_timezone=HEAD_OFFICE.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Makes the week's snapshot from the raw tables.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        at: datetime = context.scheduled_execution_time
        week = monday_of(at.date()).isoformat()
        return dg.RunRequest(run_key=week, partition_key=week, tags={WEEK_TAG: week})

    return schedule


def _run_job(context: dg.AssetExecutionContext, command: list[str], week: date) -> Mapping[str, Any]:
    """Run the Spark job and return the message in which it reports. Raises SparkFailed when it ended without one."""
    # Pipes gives the job all of the environment that this process has now, so that it is looked through now.
    try:
        done = dg.PipesSubprocessClient().run(
            context=context, command=with_little(command, os.environ), env={"PYTHONPATH": _package_root()}
        )
    except dg.DagsterPipesExecutionError as error:
        raise SparkFailed(week, error) from error
    if not (said := done.get_custom_messages()):
        raise SparkFailed(week, "its command ended well, but no message came.")
    return dict(said[-1])


def with_little(command: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """The command, which is given nothing of this process's environment but what Spark and Hadoop read.

    It runs in a cluster's driver, which has no business with the accounts of the ERP and of Dagster.
    """
    others = (name for name in sorted(environ) if not any(fnmatchcase(name, pattern) for pattern in FOR_SPARK))
    return ["env", *(part for name in others for part in ("-u", name)), *command]


def _delivery_figures(lake: Lake, week: date) -> Mapping[str, Any]:
    snapshot = find_snapshot(lake, week)
    return figures.snapshot(snapshot.stamp, snapshot.bytes_by_country)


def _package_root() -> str:
    return str(Path(snapshot_job.__file__).parents[2])
