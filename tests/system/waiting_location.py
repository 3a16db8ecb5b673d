"""A code location whose one run takes as long as the test wants: its second step waits for a file in DAGSTER_HOME."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from markdown_pricing.orchestration.local_launcher import in_a_noticed_process
from markdown_pricing.orchestration.promises import renew_withdrawn

GO_ON = "go on"


@dg.op
def begin() -> None:
    """Done at once; a retry does not repeat it."""


@dg.op(ins={"begun": dg.In(dg.Nothing)})
def wait() -> None:
    file = Path(os.environ["DAGSTER_HOME"]) / GO_ON
    while not file.exists():
        time.sleep(0.05)


@dg.job
def waiting() -> None:
    wait(begin())


@dg.sensor(job=waiting, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def once(context: dg.SensorEvaluationContext) -> dg.RunRequest:
    """Begins the run, and looks after its retry as the sensor of the training data does."""
    renew_withdrawn(context.instance, since=datetime.now(UTC) - timedelta(days=1))
    return dg.RunRequest("once")


defs = dg.Definitions(jobs=[waiting], sensors=[once], executor=in_a_noticed_process)
