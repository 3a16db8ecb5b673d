"""The figures of an asset's newest materialization, with which checks compare."""

import dagster as dg

from markdown_pricing.orchestration.names import MODEL

WEEKS_BACK = 8
"""In so many weeks before a week its country's last figures are looked for; chosen on 2026-11-24."""


def latest_figures(instance: dg.DagsterInstance, partition: str, asset: dg.AssetKey = MODEL) -> dict[str, object]:
    """The figures of the asset's newest materialization of that partition; empty without one."""
    wanted = dg.AssetRecordsFilter(asset, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    event = records[0].asset_materialization if records else None
    return {label: value.value for label, value in event.metadata.items()} if event else {}
