"""What `serve code-server` makes of a stop, also where Dagster by itself would wait for the kill."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from markdown_pricing.commands.serve import OPEN_CALLS_S
from markdown_pricing.settings import CODE_SERVER_PORT, DATA
from tests.processes import answers, end_groups, free_port, wait_until

GRACE = 60
"""Seconds after which compose kills; Dagster's own limit for open calls is as long."""


@contextmanager
def code_server(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Started as by the `&` of a script: it is to ignore SIGINT."""
    shutil.copy(DATA / "dagster.yaml", folder)
    (folder / "lake").mkdir()
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        CODE_SERVER_PORT: str(port),
        "MARKDOWN_PRICING_LAKE": str(folder / "lake"),
        "MARKDOWN_PRICING_ERP": f"sqlite:///{folder}/erp.sqlite",
    }
    command = [sys.executable, "-m", "markdown_pricing", "serve", "code-server", "--host", "127.0.0.1"]
    script = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    log = folder / "code-server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(script, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True)
    try:
        wait_until("the code server answers", lambda: answers(port), 120, log.read_text)
        yield server
    finally:
        end_groups([server])


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["Kubernetes", "compose"])
def test_a_call_that_is_open_does_not_keep_it_until_it_is_killed(tmp_path: Path, stop: signal.Signals) -> None:
    """Nor that it is to ignore the keyboard."""
    port = free_port()
    with code_server(tmp_path, port) as server, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="DagsterApi"))
        next(watch)

        server.send_signal(stop)

        assert server.wait(timeout=GRACE - 5) == 0


def test_its_limit_for_open_calls_leaves_room_in_that_of_kubernetes() -> None:
    """Which is 30 s where a pod names no other, as the pods of the servers."""
    assert [int(seconds) for seconds in OPEN_CALLS_S.values()] < [30]
