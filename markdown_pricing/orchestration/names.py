"""Every name that Dagster keeps and somebody else looks for: jobs, assets, checks, tags of runs, labels of events.

A name that is changed here is changed for all who write and read it; what was recorded under the old one is no longer
found.
"""

import dagster as dg

JOB = "markdown_pricing"
"""One country of one week, through the whole flow."""
SHARED_JOB = "shared_demand"
"""What the countries of one week share."""
ETL_JOB = "etl"
"""The snapshot of one week, where Dagster makes it."""

GROUP = "markdown_pricing"
"""Of all our assets."""
POOL = "country_runs"
"""Each country's run takes one of its slots."""

SNAPSHOT = dg.AssetKey("markdown_training_data")
SHARED = dg.AssetKey("shared_demand")
TRAINING_DATA = dg.AssetKey("training_data")
MODEL = dg.AssetKey("demand_model")
PREDICTIONS = dg.AssetKey("markdown_predictions")
REFRESH = dg.AssetKey("erp_refresh")

EVERY_ARTICLE = "every_article_has_a_row"
NOT_HALVED = "rows_not_halved"
NOT_A_TENTH_LESS = "rows_not_down_a_tenth"
RULES_KEPT = "new_prices_keep_the_rules"
READY = "ready_for_the_round"

ROUND_TAG = "markdown/round"
WEEK_TAG = "markdown/week"
COUNTRY_TAG = "markdown/country"
STAMP_TAG = "markdown/snapshot"
WITHOUT_SHARED_TAG = "markdown/without_shared_demand"
"""Of a country's run: why it was started without what the countries share."""
NOT_RETRIED_TAG = "markdown/not_retried"
OUT_OF_MEMORY_TAG = "markdown/out_of_memory"
"""Of a run that failed for good: the error's name, or the checks that blocked it."""
CODE_TAG = "markdown/code"
"""Of a run: the code of the location that it was started from."""
OTHER_CODE_TAG = "markdown/other_code"
"""Of a run: the code that worked on it, if it was another."""
MEASURED_TAG = "markdown/measured"
"""Of a run: its tags that are as earlier weeks were measured."""

PARTITION_TAG = "dagster/partition"
"""Dagster's own tag of a run that is for one partition; `/week` and `/country` are added for the dimensions."""
PRIORITY_TAG = "dagster/priority"
"""Dagster's own tag: the queue takes the highest first."""

OPENED, LATE = "Opened", "Late"
"""Recorded of a week's snapshot: when the week was opened, and when it was reported as late."""
LIMIT_REACHED = "Round limit reached"
"""Recorded of a week's snapshot: which countries were cancelled at the end of the round's day."""
WITHOUT_IT = "Countries start without it"
"""Recorded of a week's shared demand: why the countries were started before it was there."""
STAMP = "Snapshot"
"""Recorded of every result: the stamp of the delivery that it was made from."""
SUPERSEDED_BY = "Superseded by week"
"""Recorded of a refresh that was not attempted: the newer week that the ERP already held."""
