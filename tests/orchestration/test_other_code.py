"""An image of another version than the code location's: the run says so, whoever looks at it first."""

from pathlib import Path

import dagster as dg
import pytest

from markdown_pricing.definitions import build
from markdown_pricing.installation.settings import Settings
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration.names import CODE_TAG, JOB, OTHER_CODE_TAG
from markdown_pricing.provenance import code_version
from markdown_pricing.weeks import parse_week
from tests.quick import deliver

WEEK = "2026-02-09"


@pytest.mark.parametrize("code_of_location", ["0.9.0+0123abcd", code_version()])
def test_a_worker_of_other_code_tags_its_run_and_warns(tmp_path: Path, code_of_location: str) -> None:
    deliver(Lake(str(tmp_path)), parse_week(WEEK), ("AUT",), articles=4)
    job = build(Settings.from_env({"MARKDOWN_PRICING_LAKE": str(tmp_path)})).resolve_job_def(JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=f"AUT|{WEEK}",
            asset_selection=[dg.AssetKey("training_data")],
            tags={CODE_TAG: code_of_location},
        )
        run = instance.get_run_by_id(result.run_id)
        told = "\n".join(entry.user_message for entry in instance.all_logs(result.run_id))

    assert result.success
    assert run is not None
    is_other = code_of_location != code_version()
    assert run.tags.get(OTHER_CODE_TAG) == (code_version() if is_other else None)
    assert (f"the code location {code_of_location}" in told) == is_other
