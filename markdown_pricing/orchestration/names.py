"""Every name that Dagster keeps and somebody else looks for: jobs, assets, checks, tags of runs, labels of events.

A name that is changed here is changed for all who write and read it; what was recorded under the old one is no longer
found.
"""

from collections.abc import Mapping

import dagster as dg

JOB = "markdown_pricing"
"""The job that takes one country of one week through the whole flow."""
SHARED_JOB = "shared_demand"
"""The job that learns what the countries of one week share."""
ETL_JOB = "etl"
"""The job that makes the snapshot of one week, where Dagster makes it."""
OUTCOMES_JOB = "markdown_outcomes"
"""The job that makes one country's ledger of a week that was sold."""
EFFECTS_JOB = "weekly_markdown_effects"
"""The job that looks at what the comparison with the old habit has found."""

LOCATION = "markdown_pricing"
"""The code location, as workspace.yaml and the code server name it."""
GROUP = "markdown_pricing"
"""The group that all our assets belong to."""
OWNERS = ["team:pricing"]
"""Who answers for the assets of the flow."""
STAGE_TAG = "markdown/stage"
"""The tag of an asset by which the catalog is filtered: it is `input`, `learn`, `price`, `publish` or `judge`."""
POOL = "country_runs"
"""The pool of which each country's run takes one slot."""
LEDGER_POOL = "ledger_runs"
"""The pool of the ledger's runs, which take no slot of a country's."""

SNAPSHOT = dg.AssetKey("markdown_training_data")
SHARED = dg.AssetKey("shared_demand")
DECIDED = dg.AssetKey("markdown_decisions")
DECISIONS = dg.AssetKey("decisions")
TRAINING_DATA = dg.AssetKey("training_data")
MODEL = dg.AssetKey("demand_model")
PREDICTIONS = dg.AssetKey("markdown_predictions")
REFRESH = dg.AssetKey("erp_refresh")
OUTCOMES = dg.AssetKey("outcomes")
EFFECTS = dg.AssetKey("markdown_effects")

EVERY_ARTICLE = "every_article_has_a_row"
NOT_HALVED = "rows_not_halved"
NOT_A_TENTH_LESS = "rows_not_down_a_tenth"
RULES_KEPT = "new_prices_keep_the_rules"
READY = "ready_for_the_round"
NOTHING_LEFT_OUT = "nothing_left_out"
DECISIONS_SHOWN = "the_erp_shows_decisions"

WEEK_TAG = "markdown/week"
COUNTRY_TAG = "markdown/country"
HIDDEN = ".dagster/markdown_"
"""So the tags begin that hold a hash. Dagster's page shows none that begins with `.dagster/`: rows stay short."""
ROUND_TAG = f"{HIDDEN}round"
STAMP_TAG = f"{HIDDEN}snapshot"
WITHOUT_SHARED_TAG = "markdown/without_shared_demand"
"""The tag of a country's run that says why it was started without what the countries share."""
NOT_RETRIED_TAG = "markdown/not_retried"
"""The tag that says why a run failed for good, by the error's name or by the checks that blocked it."""
REMINDED_TAG = "markdown/reminded_of_retry"
"""The tag of a failed run that holds its own id, once Dagster has been reminded of the retry that it promised."""
OUT_OF_MEMORY_TAG = "markdown/out_of_memory"
"""The tag of a run that ran out of memory, with its id. Its retry inherits it, and is final if it runs out, too."""
CODE_TAG = f"{HIDDEN}code"
"""The tag that holds the version of the code of the location that started the run."""
OTHER_CODE_TAG = "markdown/other_code"
"""The tag that holds the version of the code that worked on a run, if it was not the version of its location."""
MEASURED_TAG = "markdown/measured"
"""The tag that lists the run's tags that were written from what the runs of earlier weeks took."""

PARTITION_TAG = "dagster/partition"
"""Dagster's own tag of a run that is for one partition; `/week` and `/country` are added for the dimensions."""
PRIORITY_TAG = "dagster/priority"
"""Dagster's own tag of a run's priority: the queue starts the run with the highest first."""

ERROR_NAME = "Error"
"""The label, on a step that failed for good, of the error's name."""
OPENED, LATE = "Opened", "Late"
"""The labels, on a week's snapshot, of when the week was opened and of when it was reported as late."""
GONE, ROUND = "Gone since the week before", "Round"
"""The labels, on a week's snapshot, of the countries that it lacks and the week before held, and of its round."""
LIMIT_REACHED = "Round limit reached"
"""The label, on a week's snapshot, of the countries that were canceled at the end of the round's day."""
WITHOUT_IT = "Countries start without it"
"""The label, on a week's shared demand, of why the countries were started before it was there."""
STAMP = "Snapshot"
"""The label, on every result, of the stamp of the delivery that it was made from."""
CONTENT_HASH, REFRESHED_AT = "Content hash", "Refreshed at"
"""The labels, on a refresh, of what the ERP's receipt says."""
SUPERSEDED_BY = "Superseded by week"
"""The label, on a refresh that was not attempted, of the newer week that the ERP already held."""


def week_and_country_in(tags: Mapping[str, str]) -> tuple[str, str]:
    """The week and the country in a run's tags, as we or Dagster wrote them; empty where the run is for none."""
    week = tags.get(WEEK_TAG) or tags.get(f"{PARTITION_TAG}/week") or tags.get(PARTITION_TAG) or ""
    return week, tags.get(COUNTRY_TAG) or tags.get(f"{PARTITION_TAG}/country") or ""
