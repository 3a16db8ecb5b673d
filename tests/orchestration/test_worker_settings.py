"""A run worker whose container lacks a setting ends at its start, and its run's page says which."""

from pathlib import Path

import dagster as dg
from click.testing import CliRunner
from dagster._cli.api import api_cli
from dagster._grpc.types import ExecuteRunArgs

from tests.kubernetes.launching import new_run


def test_a_worker_without_lake_and_erp_says_so_in_its_run(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        run = new_run(instance)
        assert run.job_code_origin
        told = ExecuteRunArgs(run.job_code_origin, run.run_id, instance.get_ref(), set_exit_code_on_failure=True)
        program, group, *arguments = told.get_command_args()
        assert (program, group) == ("dagster", "api")
        places = ("MARKDOWN_PRICING_LAKE", "MARKDOWN_PRICING_ERP")
        environment = {**dict.fromkeys(places), "MARKDOWN_PRICING_CONTAINER": "1"}

        ended = CliRunner().invoke(api_cli, arguments, env=environment)

        events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
        errors = [getattr(event.event_specific_data, "error", None) for event in events]
        said = "\n".join(error.to_string() for error in errors if error)

    assert ended.exit_code == 1
    for place in places:
        assert f"{place} is not set" in said
