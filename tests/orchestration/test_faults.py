"""Which faults of a run are retried."""

import dagster as dg
import pytest

from markdown_pricing.orchestration.faults import final_faults_not_retried, why_failed
from markdown_pricing.orchestration.names import ERROR_NAME, NOT_RETRIED_TAG, OUT_OF_MEMORY_TAG
from markdown_pricing.weeks import NotAWeek


@dg.asset
def too_large(context: dg.AssetExecutionContext) -> None:
    with final_faults_not_retried(context):
        raise MemoryError


@pytest.mark.parametrize(
    ("inherited", "not_retried"),
    [({}, None), ({OUT_OF_MEMORY_TAG: "the run before"}, "MemoryError")],
    ids=["the first is retried, with more memory", "the second is final"],
)
def test_running_out_of_memory(inherited: dict[str, str], not_retried: str | None) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([too_large], instance=instance, tags=inherited, raise_on_error=False)
        run = instance.get_run_by_id(result.run_id)

    assert run is not None
    assert run.tags[OUT_OF_MEMORY_TAG] == inherited.get(OUT_OF_MEMORY_TAG, run.run_id)
    assert run.tags.get(NOT_RETRIED_TAG) == not_retried


@dg.asset
def hopeless(context: dg.AssetExecutionContext) -> None:
    with final_faults_not_retried(context):
        raise NotAWeek("2026-02-10")


def test_a_final_fault_is_said_once_and_without_stack_frames() -> None:
    """The page shows the sentence, with the name of its error, and nothing of Dagster's inner parts."""
    result = dg.materialize([hopeless], raise_on_error=False)

    [failed] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failed.error is not None
    assert failed.error.to_string().strip() == str(NotAWeek("2026-02-10"))
    assert (failed.error.cls_name, failed.error.cause, failed.error.stack) == ("NotAWeek", None, [])
    assert failed.user_failure_data is not None
    assert failed.user_failure_data.description == str(NotAWeek("2026-02-10"))
    assert failed.user_failure_data.metadata == {ERROR_NAME: dg.MetadataValue.text("NotAWeek")}


@dg.asset
def broken() -> None:
    raise dg.Failure("The snapshot has no prices.")


def test_a_failed_run_is_explained_in_the_words_of_its_first_failed_step() -> None:
    result = dg.materialize([broken], raise_on_error=False)

    assert why_failed(result.all_events) == "The snapshot has no prices."
    assert why_failed([]) == "no reason given"
