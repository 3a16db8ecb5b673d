"""The figures of an asset's newest materialization, with which checks compare."""

from datetime import date

import dagster as dg

from markdown_pricing.orchestration.names import MODEL
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.weeks import ONE_WEEK

WEEKS_BACK = 8
"""In so many weeks before a week its country's last figures are looked for; chosen on 2026-11-24."""


def latest_figures(instance: dg.DagsterInstance, partition: str, asset: dg.AssetKey = MODEL) -> dict[str, object]:
    """The figures of the asset's newest materialization of that partition; empty without one."""
    wanted = dg.AssetRecordsFilter(asset, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    event = records[0].asset_materialization if records else None
    return {label: value.value for label, value in event.metadata.items()} if event else {}


def figures_of_last_other_week(
    instance: dg.DagsterInstance, week: date, country: str, asset: dg.AssetKey = MODEL
) -> dict[str, object]:
    """The same of the country's nearest earlier week that has any; empty when no week within WEEKS_BACK has."""
    earlier = (week - ago * ONE_WEEK for ago in range(1, WEEKS_BACK + 1))
    figures = (latest_figures(instance, str(partition_key(each, country)), asset) for each in earlier)
    return next(filter(None, figures), {})
