"""Faults as Dagster sees them: a final one is not retried, and the run says so."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from markdown_pricing.errors import FinalError

NOT_RETRIED_TAG = "markdown/not_retried"


@contextmanager
def final_faults_not_retried(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Ends the run with the error's own words; a transient or unknown fault passes through and is retried."""
    try:
        yield
    except FinalError as error:
        do_not_retry(context, type(error).__name__)
        raise dg.Failure(description=str(error), allow_retries=False) from error


def do_not_retry(context: dg.AssetExecutionContext | dg.OpExecutionContext, reason: str) -> None:
    # Failure(allow_retries=False) stops only a step's retries; a run's are stopped by its tag.
    tags = {"dagster/retry_on_asset_or_op_failure": "false", NOT_RETRIED_TAG: reason}
    context.instance.add_run_tags(context.run.run_id, tags)
