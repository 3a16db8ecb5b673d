"""What others put beside the flow, as Dagster shows it: the ETL its snapshots, people their decisions."""

import dagster as dg

from markdown_pricing.orchestration import columns
from markdown_pricing.orchestration.names import DECIDED, GROUP, OWNERS, SNAPSHOT, STAGE_TAG

markdown_training_data = dg.AssetSpec(
    SNAPSHOT,
    group_name=GROUP,
    owners=["team:etl"],
    tags={STAGE_TAG: "input"},
    kinds={"spark", "parquet", "hdfs"},
    description="Two years of weekly sales of every article in every country, delivered by the ETL, `_SUCCESS` last.",
    metadata=columns.SNAPSHOT_COLUMNS,
)

markdown_decisions = dg.AssetSpec(
    DECIDED,
    group_name=GROUP,
    owners=OWNERS,
    tags={STAGE_TAG: "input"},
    kinds={"sql"},
    description="What people decided about recommended prices: a table of the ERP that their tools add rows to.",
    metadata=columns.DECISION_COLUMNS,
)
