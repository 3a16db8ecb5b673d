"""What Dagster loads, in order of flow."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import dagster as dg

from markdown_pricing.countries import read_countries
from markdown_pricing.device import choose_device
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.logs import write_to
from markdown_pricing.markdown.rules import read_rules
from markdown_pricing.orchestration.alerts import alerting
from markdown_pricing.orchestration.assets import (
    demand_model,
    erp_refresh,
    markdown_predictions,
    markdown_training_data,
    shared_demand,
    training_data,
)
from markdown_pricing.orchestration.automation import jobs_of_a_round, weekly_round
from markdown_pricing.orchestration.checks import checks_for
from markdown_pricing.orchestration.housekeeping import SCHEDULES, preflight, ready_for_the_round, tidy_lake
from markdown_pricing.orchestration.names import ETL_JOB, SHARED, SNAPSHOT
from markdown_pricing.orchestration.partitions import week_and_country, weeks_from
from markdown_pricing.orchestration.resources import DemandTraining, Erp
from markdown_pricing.preflight import findings
from markdown_pricing.pricing import SEED
from markdown_pricing.settings import Settings, in_container


def build(settings: Settings, look_every_s: int = 60) -> dg.Definitions:
    """The code location of one installation; the sensor looks for a snapshot every `look_every_s` seconds."""
    choose_device(settings.device)
    write_to(settings.log, settings.environment, settings.secrets)
    countries = read_countries(settings.countries_file)
    weeks = weeks_from(settings.start_week)
    partitions = week_and_country(settings.start_week, countries)
    flow = [training_data, demand_model, markdown_predictions, erp_refresh]
    jobs = jobs_of_a_round([asset.key.to_user_string() for asset in flow])
    schedule, sensor = weekly_round(partitions, jobs, look_every_s)
    upkeep, cluster = on_metronome(settings.metronome)
    snapshot, etl_jobs, etl_schedules = snapshot_of(settings, weeks)
    return dg.Definitions(
        assets=[
            *snapshot,
            *dg.map_asset_specs(
                lambda spec: spec.replace_attributes(partitions_def=weeks if spec.key == SHARED else partitions),
                [shared_demand, *flow],
            ),
        ],
        asset_checks=[*checks_for(partitions), ready_for_the_round],
        jobs=[*jobs, preflight, tidy_lake, *etl_jobs],
        schedules=[schedule, *SCHEDULES, *etl_schedules],
        sensors=[sensor, alerting(settings.alert_urls, settings.start_week, look_every_s), *upkeep],
        resources={
            "lake": Lake(settings.lake_url),
            "demand_training": DemandTraining(
                model=settings.demand_model, follow_champion=settings.follow_champion, seed=SEED, threads=1
            ),
            "rules": read_rules(settings.rules_file),
            "countries": countries,
            "apply_to_countries": map,
            "findings": partial(findings, settings),
            "erp": Erp(settings.erp_url, settings.erp_user, settings.erp_password, settings.erp_schema),
            **cluster,
        },
        executor=dg.in_process_executor,
    )


def snapshot_of(
    settings: Settings, weeks: dg.TimeWindowPartitionsDefinition
) -> tuple[list[Any], list[Any], list[dg.ScheduleDefinition]]:
    """The snapshot, and what makes it: somebody else's ETL, or with MARKDOWN_PRICING_RAW a job and schedule of ours."""
    if settings.raw_url is None:
        return [markdown_training_data.replace_attributes(partitions_def=weeks)], [], []
    from markdown_pricing.orchestration import etl

    made = etl.training_data_from(settings.raw_url, settings.spark_submit or etl.ON_THIS_MACHINE, weeks)
    job = dg.define_asset_job(ETL_JOB, dg.AssetSelection.assets(SNAPSHOT), description="The snapshot, by Spark.")
    return [*etl.raw_tables(), made], [job], [etl.weekly_etl(job)]


def on_metronome(cluster: Mapping[str, str]) -> tuple[list[dg.SensorDefinition], dict[str, Any]]:
    """The sensor that looks after Metronome jobs and the resource that it uses; nothing where no cluster is set."""
    if not cluster:
        return [], {}
    from markdown_pricing.metronome import MetronomeResource, upkeep_sensor

    return [upkeep_sensor()], {"metronome": MetronomeResource.model_validate(cluster)}


defs = build(Settings.from_env(os.environ, needs_places=in_container(os.environ)))
