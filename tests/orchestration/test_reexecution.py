"""A run that `markdown-pricing run` has made can be started again on Dagster's page, whole and from where it failed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration import refreshing
from markdown_pricing.orchestration.dagster_home import make_dagster_home
from markdown_pricing.orchestration.local_runs import MODULE, load_definitions, price_country
from markdown_pricing.orchestration.names import LOCATION
from markdown_pricing.weeks import parse_week
from tests.quick import STEADY, deliver
from tests.storage import make_storage

WEEK = parse_week("2026-02-09")
FLOW = ["decisions", "training_data", "demand_model", "markdown_predictions", "erp_refresh"]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkspaceProcessContext]:
    """What the web server has in its hands: the instance, and the code location of workspace.yaml."""
    for name, value in {
        "MARKDOWN_PRICING_LAKE": str(tmp_path / "lake"),
        "MARKDOWN_PRICING_ERP": f"sqlite:///{tmp_path}/erp.sqlite",
        "MARKDOWN_PRICING_MODEL": STEADY,
        "MARKDOWN_PRICING_LOG": "off",
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }.items():
        monkeypatch.setenv(name, value)
    load_definitions.cache_clear()
    make_storage(tmp_path / "dagster")
    make_dagster_home(tmp_path / "dagster")
    deliver(Lake(str(tmp_path / "lake")), WEEK, ("MLT",), articles=4)
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name=MODULE), location_name=LOCATION)
    with (
        dg.DagsterInstance.get() as instance,
        WorkspaceProcessContext(instance, InProcessTestWorkspaceLoadTarget(location)) as context,
    ):
        yield context
    load_definitions.cache_clear()


@pytest.mark.parametrize(
    ("fails", "strategy", "steps"),
    [(False, "ALL_STEPS", FLOW), (True, "FROM_FAILURE", FLOW[4:])],
    ids=["whole", "from failure"],
)
def test_a_run_of_the_command_line_is_started_again(
    page: WorkspaceProcessContext, monkeypatch: pytest.MonkeyPatch, fails: bool, strategy: str, steps: list[str]
) -> None:
    if fails:
        monkeypatch.setattr(refreshing, "replace_country", _refuses)
    first = price_country(WEEK, "MLT")
    assert first.failed == fails
    from dagster_graphql.test.utils import execute_dagster_graphql  # a second's import, in one process of the tests

    told = {"reexecutionParams": {"parentRunId": first.run_id, "strategy": strategy}}
    answer = execute_dagster_graphql(page.create_request_context(), REEXECUTE, variables=told)

    launched = answer.data["launchPipelineReexecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run = page.instance.get_run_by_id(launched["run"]["runId"])
    assert run
    assert run.parent_run_id == first.run_id
    assert run.tags["markdown/country"] == "MLT"
    plan = page.instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id or "")
    assert [step for step in FLOW if step in plan.step_keys_to_execute] == steps


REEXECUTE = """
mutation ($reexecutionParams: ReexecutionParams) {
  launchPipelineReexecution(reexecutionParams: $reexecutionParams) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""


def _refuses(*_: Any, **__: Any) -> None:
    raise RuntimeError("the ERP is away")
