"""What Dagster does about an error: it retries no final one, and says so when another version of the code worked."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import dagster as dg
from dagster import DagsterEventType
from dagster._core.errors import DagsterUserCodeProcessError
from dagster._core.storage.tags import RETRY_ON_ASSET_OR_OP_FAILURE_TAG
from dagster_shared.error import SerializableErrorInfo

from markdown_pricing.errors import FinalError
from markdown_pricing.orchestration.names import (
    CODE_TAG,
    ERROR_NAME,
    NOT_RETRIED_TAG,
    OTHER_CODE_TAG,
    OUT_OF_MEMORY_TAG,
)
from markdown_pricing.provenance import code_version

TWICE_OUT_OF_MEMORY = (
    "The memory was not enough, and was not enough for the run before either. Raise `max_mib` of `by_earlier_weeks` in "
    "dagster.yaml, or the country's memory in `tags_by_country`, and materialize it."
)


@contextmanager
def final_faults_not_retried(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Ends the run with the error's own words; a transient or unknown fault passes through and is retried.

    A run that runs out of memory is retried once, with more of it. The retry inherits the tag that says so.
    """
    _say_other_code(context)
    try:
        yield
    except FinalError as error:
        do_not_retry(context, type(error).__name__)
        raise Said(error, str(error)) from None
    except MemoryError as error:
        if OUT_OF_MEMORY_TAG not in context.run.tags:
            context.instance.add_run_tags(context.run.run_id, {OUT_OF_MEMORY_TAG: context.run.run_id})
            raise
        do_not_retry(context, type(error).__name__)
        raise Said(error, TWICE_OUT_OF_MEMORY) from None


class Said(DagsterUserCodeProcessError, dg.Failure):
    """Fails a step with a sentence, which Dagster's page shows without the stack frames of Dagster and of ours.

    Dagster takes from its own base class what the error looks like elsewhere, and asks nothing of the frames here.
    """

    def __init__(self, error: BaseException, sentence: str) -> None:
        name = type(error).__name__
        super().__init__(  # type: ignore[no-untyped-call]
            sentence,
            metadata={ERROR_NAME: name},
            allow_retries=False,
            user_code_process_error_infos=[SerializableErrorInfo(f"{sentence}\n", [], name)],
        )


def do_not_retry(context: dg.AssetExecutionContext | dg.OpExecutionContext, reason: str) -> None:
    """Tag the run so that Dagster does not start it again; `reason` is shown beside it."""
    # Failure(allow_retries=False) stops only a step's retries; a run's are stopped by its tag.
    tags = {RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "false", NOT_RETRIED_TAG: reason}
    context.instance.add_run_tags(context.run.run_id, tags)


def why_failed(events: Iterable[dg.DagsterEvent]) -> str:
    """Why a run failed, from its events: in the words of its first failed step, or else in the run's own."""
    run_message = ""
    for event in events:
        if event.event_type == DagsterEventType.STEP_FAILURE:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return failure.user_failure_data.description
            if failure.error:
                return (failure.error.cause or failure.error).message.strip()
        elif event.event_type == DagsterEventType.RUN_FAILURE:
            run_message = run_message or event.message or ""
    return run_message or "no reason given"


def _say_other_code(context: dg.AssetExecutionContext) -> None:
    """An image of another version prices all the same, as right after an upgrade, but nobody has to find it out."""
    here, there = code_version(), context.run.tags.get(CODE_TAG)
    if there in (None, here):
        return
    context.instance.add_run_tags(context.run.run_id, {OTHER_CODE_TAG: here})
    context.log.warning(
        f"This worker's image holds code {here}, the code location {there}: the prices are those of {here}. Give the "
        "run launcher the code server's image, or none, and start the code server again after an upgrade."
    )
