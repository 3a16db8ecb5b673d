"""What Dagster loads, in order of flow. Importing reads no file, and what is imported is no garbage (`imported.py`)."""

import os

from markdown_pricing.process.imported import imported_for_good

with imported_for_good():
    import dagster as dg

    from markdown_pricing.installation.from_settings import countries_of
    from markdown_pricing.installation.resources import resources_of, set_up_process
    from markdown_pricing.installation.settings import Settings, in_container
    from markdown_pricing.installation.upkeep import upkeep
    from markdown_pricing.orchestration.alerts import alerting
    from markdown_pricing.orchestration.arms import effects_job, effects_schedule, markdown_effects
    from markdown_pricing.orchestration.assets import FLOW, shared_demand
    from markdown_pricing.orchestration.automation import jobs_of_a_round, weekly_round
    from markdown_pricing.orchestration.checks import checks_for
    from markdown_pricing.orchestration.etl import snapshot_from
    from markdown_pricing.orchestration.housekeeping import SCHEDULES, preflight_job, ready_for_the_round, tidy_lake
    from markdown_pricing.orchestration.inputs import markdown_decisions
    from markdown_pricing.orchestration.ledger import ledger_job, ledger_sensor, outcomes_by
    from markdown_pricing.orchestration.local_launcher import in_a_noticed_process
    from markdown_pricing.orchestration.partitions import by_week_and_country, week_and_country, weeks_from


@dg.definitions
def defs() -> dg.Definitions:
    """What a code server, a run worker or a command loads when it starts: its process is set up first."""
    settings = Settings.from_env(os.environ, needs_places=in_container(os.environ))
    set_up_process(settings)
    return build(settings)


def build(settings: Settings, look_every_s: int = 60) -> dg.Definitions:
    """The code location of one installation; the sensor looks for a snapshot every `look_every_s` seconds."""
    countries = countries_of(settings)
    weeks = weeks_from(settings.start_week)
    partitions = week_and_country(settings.start_week, countries)
    jobs = jobs_of_a_round([asset.key.to_user_string() for asset in FLOW])
    schedule, sensor = weekly_round(partitions, jobs, look_every_s)
    ledger, effects = ledger_job(), effects_job()
    flow = by_week_and_country([shared_demand, *FLOW, outcomes_by(partitions)], weeks, partitions, countries)
    ours = dg.Definitions(
        assets=[markdown_decisions.replace_attributes(partitions_def=partitions), *flow, markdown_effects],
        asset_checks=[*checks_for(partitions), ready_for_the_round],
        jobs=[*jobs, ledger, effects, preflight_job, tidy_lake],
        schedules=[schedule, effects_schedule(effects), *SCHEDULES],
        sensors=[
            sensor,
            ledger_sensor(partitions, ledger, look_every_s),
            alerting(settings.alert_urls, settings.start_week, look_every_s),
            *upkeep(settings),
        ],
        resources=resources_of(settings, countries),
        # A run is one country, whose assets follow each other: a process for each step would cost seconds (ADR 1).
        executor=in_a_noticed_process,
    )
    return dg.Definitions.merge(snapshot_from(settings.raw_url, settings.spark_submit, weeks), ours)
