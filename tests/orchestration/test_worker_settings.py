"""A run worker whose container lacks a setting ends at its start, and its run's page says which."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
from dagster._grpc.types import ExecuteRunArgs

from tests.kubernetes.launching import new_run


def test_a_worker_without_lake_and_erp_says_so_in_its_run(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        run = new_run(instance)
        assert run.job_code_origin
        told = ExecuteRunArgs(run.job_code_origin, run.run_id, instance.get_ref(), set_exit_code_on_failure=True)
        command = [sys.executable, "-m", *told.get_command_args()]
        places = ("MARKDOWN_PRICING_LAKE", "MARKDOWN_PRICING_ERP")
        environment = {name: value for name, value in os.environ.items() if name not in places}

        ended = subprocess.run(command, env={**environment, "MARKDOWN_PRICING_CONTAINER": "1"}, capture_output=True)

        events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
        errors = [getattr(event.event_specific_data, "error", None) for event in events]
        said = "\n".join(error.to_string() for error in errors if error)

    assert ended.returncode == 1
    for place in places:
        assert f"{place} is not set" in said
